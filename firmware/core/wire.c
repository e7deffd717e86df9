/* Bytes of a line into frames and frames into bytes. */
#include "wire.h"

#include "bytes.h"
#include "cobs.h"
#include "crc32.h"

void count16(uint16_t *counter)
{
    if (*counter < UINT16_MAX)
        ++*counter;
}

void count32(uint32_t *counter)
{
    if (*counter < UINT32_MAX)
        ++*counter;
}

uint8_t wire_body_length(uint8_t type)
{
    switch (type) {
    case HELLO:
        return 6;
    case ARM:
        return 5;
    case BEAT:
        return 7;
    case COMMAND:
        return 19;
    case STOP:
    case ASK:
        return 4;
    case WELCOME:
        return 36;
    case REFUSED:
        return 7;
    case ACCEPTED:
        return 12;
    case DONE:
        return 16;
    case FAILED:
        return 13;
    case PULSE:
        return 18;
    case STATE:
        return 11;
    case EVENT:
        return 15;
    case COUNTERS:
        return 33;
    case FOREIGN:
        return 8;
    default:
        return 0;
    }
}

void wire_start(struct wire *wire, uint8_t last_type)
{
    *wire = (struct wire){.last_type = last_type};
}

/* Is this payload a frame? Counts what it is. */
static bool judge(struct wire *wire, uint8_t length)
{
    uint8_t body;

    if (length <= CRC_BYTES) {
        count16(&wire->counters.bad_frame);
        return false;
    }
    length = (uint8_t)(length - CRC_BYTES);
    if (crc32(wire->bytes, length) != get_u32(wire->bytes + length)) {
        count16(&wire->counters.bad_crc);
        return false;
    }
    body = wire_body_length(wire->bytes[0]);
    if (body == 0 || wire->bytes[0] > wire->last_type) {
        count16(&wire->counters.unknown);
        return false;
    }
    if (length != body + 1) {
        count16(&wire->counters.bad_frame);
        return false;
    }
    count32(&wire->counters.frames);
    return true;
}

/* A zero came: what was collected is a frame, or noise, or nothing. */
static bool end_frame(struct wire *wire)
{
    uint8_t length = wire->length;

    wire->length = 0;
    if (wire->too_long) {
        /* It was counted when it grew too long. */
        wire->too_long = false;
        return false;
    }
    return length > 0 && judge(wire, cobs_decode(wire->bytes, length));
}

bool wire_feed(struct wire *wire, uint8_t byte)
{
    if (byte == 0)
        return end_frame(wire);
    if (wire->too_long)
        return false;
    if (wire->length == MAX_ENCODED) {
        wire->too_long = true;
        count16(&wire->counters.bad_frame);
        return false;
    }
    wire->bytes[wire->length++] = byte;
    return false;
}

uint8_t wire_line(uint8_t *payload, uint8_t length, uint8_t line[MAX_LINE])
{
    uint8_t encoded;

    put_u32(payload + length, crc32(payload, length));
    line[0] = 0;
    encoded = cobs_encode(payload, (uint8_t)(length + CRC_BYTES), line + 1);
    line[encoded + 1] = 0;
    return (uint8_t)(encoded + 2);
}
