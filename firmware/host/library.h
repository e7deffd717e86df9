/*
 * The board's program as a shared library: the same core, with a machine that is played instead of wired.
 *
 * One board an object, none shared; all times are the caller's microseconds, which never go back. Before anything
 * else is done at a moment, everything that was due until then is done at its own moment.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct played_board;

/* How a board is made. `board_time` is what its clock shows at `now`; `line_room` is the bytes that may wait unsent. */
struct played_options {
    uint64_t now;
    uint32_t board_time;
    uint32_t boot;
    uint32_t line_room;
    uint16_t lease_ms;
    uint16_t horizon_ms;
    uint16_t hold_ms;
    uint16_t return_ms;
    uint8_t channels;
    uint8_t flags;
    uint8_t reset;
    uint8_t watchdogs;
};

/* A movement that began and is over, as the machine saw it; `code` is 0, or why the command failed. */
struct played_movement {
    uint64_t started;
    uint64_t ended;
    uint32_t session;
    uint32_t seq;
    uint8_t action;
    uint8_t channel;
    uint8_t code;
};

/* What the outputs and the conversation show at this moment. `out` has a bit for every channel whose arm is out. */
struct played_view {
    uint32_t session;
    uint8_t out;
    uint8_t pulsing;
    uint8_t state;
    uint8_t why;
    uint8_t latch;
    uint8_t queued;
    uint8_t moving;
};

/* NULL if there is no memory, or more channels than the core can count. */
struct played_board *played_create(const struct played_options *options);
void played_destroy(struct played_board *played);

/* The bytes of the line, all of them at `now`. */
void played_feed(struct played_board *played, const uint8_t *bytes, size_t length, uint64_t now);

/* Let time pass. */
void played_tick(struct played_board *played, uint64_t now);

/* When something happens next by itself; false if nothing does. */
bool played_due(const struct played_board *played, uint64_t *due);

/* Take up to `room` bytes that the board has sent; tells how many. */
size_t played_take(struct played_board *played, uint8_t *bytes, size_t room);

/* Take up to `room` movements that are over, the oldest first; tells how many. */
size_t played_movements(struct played_board *played, struct played_movement *movements, size_t room);

/* The item sensor and the encoder. */
void played_sense(struct played_board *played, bool occupied, uint64_t now);
void played_roll(struct played_board *played, int32_t position, uint64_t now);

/* The next `refused` movements cannot begin; after them the next `jammed` ones do not happen. */
void played_jam(struct played_board *played, uint32_t refused, uint32_t jammed);

/* The line lost bytes before the board could read them. */
void played_overrun(struct played_board *played, uint16_t bytes);

void played_view(const struct played_board *played, struct played_view *view);

/* The receiver alone, for every type of both ends: true if `line` ends in a good frame, which is written to `payload`
 * without its CRC; `counters` is frames, bad_crc, bad_frame, unknown. */
bool played_receive(const uint8_t *line, size_t length, uint8_t *payload, uint8_t *payload_length, uint32_t counters[4]);

/* The sender alone: the line of a type and body; tells its length, 0 if it is too long for a frame. */
uint8_t played_line(const uint8_t *payload, uint8_t length, uint8_t *line);

/* A boot number from EEPROM records, and what would be written where: see boot_number.h. */
uint32_t played_boot_number(uint8_t *records, uint32_t noise);

#endif
