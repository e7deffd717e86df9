/* The frames that a board sends: each function writes one body in the order of docs/protocol.md. */
#include "messages.h"

#include "bytes.h"
#include "hal.h"
#include "settings.h"

/* Write the type and the session, which most bodies begin with. */
static uint8_t *begin(const struct board *board, uint8_t *payload, uint8_t type)
{
    return put_u32(put_u8(payload, type), board->session);
}

/* Hand the frame that ends at `end` to the line; count it in `lost` if there is no room. */
static void send(struct board *board, uint8_t *payload, const uint8_t *end, uint16_t *lost)
{
    uint8_t line[MAX_LINE];
    uint8_t length = wire_line(payload, (uint8_t)(end - payload), line);

    if (!hal_send(board->machine, line, length))
        count16(lost);
}

void send_welcome(struct board *board, uint32_t now)
{
    const struct limits *limits = &board->limits;
    uint8_t payload[MAX_PAYLOAD];
    uint8_t *at = put_u8(payload, WELCOME);

    at = put_u8(put_u8(at, PROTOCOL_MAJOR), PROTOCOL_MINOR);
    at = put_u32(put_u32(at, board->session), board->birth.boot);
    at = put_u8(put_u8(put_u8(at, FIRMWARE_MAJOR), FIRMWARE_MINOR), FIRMWARE_PATCH);
    at = put_u8(put_u8(put_u8(at, limits->flags), limits->channels), QUEUE);
    at = put_u16(put_u16(at, limits->lease_ms), limits->horizon_ms);
    at = put_u16(at, (uint16_t)(limits->hold_ms + limits->return_ms));
    at = put_u32(put_u32(at, board->last_session), board->last_seq);
    at = put_u8(put_u8(at, board->birth.reset), board->latch);
    send(board, payload, put_u32(at, now), &board->counters.unsent);
}

void send_refused(struct board *board, uint32_t session, uint8_t code)
{
    uint8_t payload[MAX_PAYLOAD];
    uint8_t *at = put_u8(put_u8(put_u8(payload, REFUSED), PROTOCOL_MAJOR), PROTOCOL_MINOR);

    send(board, payload, put_u8(put_u32(at, session), code), &board->counters.unsent);
}

void send_accepted(struct board *board, uint32_t seq, uint32_t now)
{
    uint8_t payload[MAX_PAYLOAD];
    uint8_t *at = begin(board, payload, ACCEPTED);

    send(board, payload, put_u32(put_u32(at, seq), now), &board->counters.unsent);
}

void send_end(struct board *board, uint32_t seq, const struct answer *answer)
{
    uint8_t payload[MAX_PAYLOAD];
    uint8_t *at = begin(board, payload, answer->code == NO_FAILURE ? DONE : FAILED);

    at = put_u32(at, seq);
    at = answer->code == NO_FAILURE ? put_u32(at, answer->started) : put_u8(at, answer->code);
    send(board, payload, put_u32(at, answer->ended), &board->counters.unsent);
}

void send_pulse(struct board *board, uint16_t n, uint32_t received, uint32_t now)
{
    uint8_t payload[MAX_PAYLOAD];
    uint8_t *at = put_u16(begin(board, payload, PULSE), n);

    at = put_u32(put_u32(at, received), now);
    at = put_u8(put_u8(put_u8(at, board->state), board->why), board->latch);
    send(board, payload, put_u8(at, board->queue.length), &board->counters.unsent);
}

void send_state(struct board *board, uint32_t now)
{
    uint8_t payload[MAX_PAYLOAD];
    uint8_t *at = put_u8(begin(board, payload, STATE), board->state);

    at = put_u8(put_u8(at, board->why), board->latch);
    send(board, payload, put_u32(at, now), &board->counters.unsent);
}

void send_event(struct board *board, uint8_t kind, uint32_t at, int32_t position)
{
    uint8_t payload[MAX_PAYLOAD];
    uint8_t *to = put_u16(begin(board, payload, EVENT), board->event++);

    to = put_u32(put_u8(to, kind), at);
    send(board, payload, put_u32(to, (uint32_t)position), &board->counters.events_lost);
}

void send_counters(struct board *board)
{
    const struct wire_counters *wire = &board->wire.counters;
    const struct counters *counters = &board->counters;
    uint8_t payload[MAX_PAYLOAD];
    uint8_t *at = begin(board, payload, COUNTERS);

    at = put_u32(put_u32(at, wire->frames), counters->moved);
    at = put_u16(put_u16(at, wire->bad_crc), wire->bad_frame);
    at = put_u16(put_u16(at, counters->overrun), wire->unknown);
    at = put_u16(put_u16(at, counters->foreign), counters->repeated);
    at = put_u16(put_u16(at, counters->failed), counters->lapsed);
    at = put_u16(put_u16(at, counters->unsent), counters->events_lost);
    send(board, payload, put_u8(at, board->birth.watchdogs), &board->counters.unsent);
}

void send_foreign(struct board *board, uint32_t session)
{
    uint8_t payload[MAX_PAYLOAD];
    uint8_t *at = put_u8(payload, FOREIGN);

    send(board, payload, put_u32(put_u32(at, board->birth.boot), session), &board->counters.unsent);
}
