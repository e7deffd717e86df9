/* Bytes of a line into frames and frames into bytes: bounded, and again in step at the next zero. */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

/* What was wrong with what came; every counter stays at its largest value. */
struct wire_counters {
    uint32_t frames;    /* frames taken for good */
    uint16_t bad_crc;   /* frames whose CRC does not fit */
    uint16_t bad_frame; /* too long, too short, no COBS, or not of the length of their type */
    uint16_t unknown;   /* frames with a right CRC and a type that this version does not know */
};

/* The receiver: `bytes` holds the frame that is coming in, and after a frame was taken its payload. */
struct wire {
    uint8_t bytes[MAX_ENCODED];
    uint8_t length;
    uint8_t last_type;
    bool too_long;
    struct wire_counters counters;
};

/* Begin with nothing received and nothing counted. Types above `last_type` are unknown to this end of the line. */
void wire_start(struct wire *wire, uint8_t last_type);

/* Take one byte; true if it ended a good frame: wire->bytes is then its type and body, until the next byte. */
bool wire_feed(struct wire *wire, uint8_t byte);

/* Write the line of a frame: `payload` is type and body, with CRC_BYTES of room behind; tells the line's length. */
uint8_t wire_line(uint8_t *payload, uint8_t length, uint8_t line[MAX_LINE]);

/* The length of a type's body; 0 for a type that this version does not know. */
uint8_t wire_body_length(uint8_t type);

/* One more, but never beyond the largest value. */
void count16(uint16_t *counter);
void count32(uint32_t *counter);

#endif
