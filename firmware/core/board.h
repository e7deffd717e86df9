/*
 * The board without its registers: sessions, the latch, the lease, commands, movements, events, counters.
 *
 * Pure: bytes and moments go in; what must happen goes out through hal.h. Time is board time in microseconds.
 * Every call must come with a time that is not before that of the call before it, and board_turn() at least once in
 * 30 minutes (in practice: every millisecond). Who calls from an interrupt and from the main loop at once breaks it.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "answers.h"
#include "queue.h"
#include "wire.h"

/* So many diverters the core can count; a board may have fewer. */
#define MAX_CHANNELS 8

/* After coming to rest the pulses go on for so long: the arms need the time to get there. */
#define RELEASE_MS 500

/* FOREIGN is sent at most once in this time, an encoder's position too. */
#define FOREIGN_MS 10
#define POSITION_MS 100

/* What a builder decides; settings.h has the values of the reference board. */
struct limits {
    uint8_t channels;
    uint8_t flags;
    uint16_t lease_ms;
    uint16_t horizon_ms;
    uint16_t hold_ms;
    uint16_t return_ms;
};

/* Why and how the board started; `boot` is another number every time. */
struct birth {
    uint32_t boot;
    uint8_t reset;
    uint8_t watchdogs;
    bool by_watchdog;
};

/* What happened since the board started, beside the receiver's own; they stay at their largest value. */
struct counters {
    uint32_t moved;       /* movements begun */
    uint16_t overrun;     /* bytes that came too fast; the shell counts them here */
    uint16_t foreign;     /* frames of another session */
    uint16_t repeated;    /* commands that had come before */
    uint16_t failed;      /* commands that ended as FAILED */
    uint16_t lapsed;      /* leases that ran out */
    uint16_t unsent;      /* frames for which the line had no room, events apart */
    uint16_t events_lost; /* events for which the line had no room */
};

enum phase { IDLE = 0, HOLDING, RETURNING };

/* A diverter on its way; `until` is when the phase ends. */
struct movement {
    uint32_t seq;
    uint32_t started;
    uint32_t until;
    uint8_t phase;
};

/* The movement that sends every output home has a place of its own behind the channels'. */
#define HOMING MAX_CHANNELS

struct board {
    struct limits limits;
    struct birth birth;
    void *machine;
    struct wire wire;
    struct answers answers;
    struct queue queue;
    struct movement movements[MAX_CHANNELS + 1];
    struct counters counters;
    uint32_t session;
    uint32_t last_session;
    uint32_t last_seq;
    uint32_t leased_until;
    uint32_t release_at;
    uint32_t foreign_after;
    uint32_t position_after;
    int32_t position;
    uint16_t beat;
    uint16_t event;
    uint8_t state;
    uint8_t why;
    uint8_t latch;
    bool beaten;
    bool live;
    bool releasing;
    bool foreign_quiet;
    bool position_quiet;
    bool position_told;
    bool occupied;
};

/* Begin: no session, at rest, no pulses. */
void board_start(struct board *board, const struct limits *limits, const struct birth *birth, void *machine);

/* One byte of the line; `received` is when it came, `now` is now. */
void board_hear(struct board *board, uint8_t byte, uint32_t received, uint32_t now);

/* Everything that is due: the lease, movements, the queue, the pulses' end. */
void board_turn(struct board *board, uint32_t now);

/* The item sensor sees something, or no longer, since `at`; the same again is no event. */
void board_see(struct board *board, bool occupied, uint32_t at);

/* Where the encoder stands. */
void board_roll(struct board *board, int32_t position, uint32_t now);

/* When board_turn() or board_roll() has something to do next; false if only a frame can change anything. */
bool board_due(const struct board *board, uint32_t now, uint32_t *due);

#endif
