/* The board's conversation: sessions, the latch, the lease, and what each message does. */
#include "board.h"

#include <stddef.h>

#include "bytes.h"
#include "hal.h"
#include "messages.h"
#include "moment.h"
#include "movement.h"

/* Every arm goes to its rest position, with pulses from now on. */
static void rest_all(struct board *board)
{
    for (uint8_t channel = 0; channel < board->limits.channels; channel++)
        hal_rest(board->machine, channel);
}

/* Everything goes to rest: what waited is cancelled, what moved is interrupted, the latch goes up. */
static void come_to_rest(struct board *board, uint8_t why, uint32_t now)
{
    board->state = board->session == 0 ? WAITING : SAFE;
    board->why = why;
    board->latch++;
    movement_cancel_all(board, now);
    if (!board->live)
        return;
    rest_all(board);
    board->releasing = true;
    board->release_at = now + RELEASE_MS * US_PER_MS;
}

void board_start(struct board *board, const struct limits *limits, const struct birth *birth, void *machine)
{
    *board = (struct board){.limits = *limits, .birth = *birth, .machine = machine};
    wire_start(&board->wire, ASK);
    answers_start(&board->answers);
    board->state = WAITING;
    board->why = birth->by_watchdog ? WHY_WATCHDOG : WHY_BOOT;
    /* Another one for every boot: a replayed ARM of the time before does not fit by counting alone. */
    board->latch = (uint8_t)(birth->boot + 1);
}

static void hear_hello(struct board *board, const uint8_t *body, uint32_t now)
{
    uint32_t session = get_u32(body + 2);

    if (body[0] != PROTOCOL_MAJOR) {
        send_refused(board, session, REFUSED_MAJOR);
        return;
    }
    if (session != board->session) {
        come_to_rest(board, WHY_HELLO, now);
        answers_start(&board->answers);
        board->session = session;
        board->state = SAFE;
        board->event = 0;
        board->beaten = false;
        board->position_told = true;
    }
    send_welcome(board, now);
}

static void hear_arm(struct board *board, const uint8_t *body, uint32_t now)
{
    if (board->state == SAFE && body[4] == board->latch) {
        board->state = ARMED;
        board->live = true;
        board->releasing = false;
        board->beaten = false;
        board->leased_until = now + board->limits.lease_ms * US_PER_MS;
        rest_all(board);
    }
    send_state(board, now);
}

/* A beat that was under way for long, or came twice, must not keep alive what the host has given up. */
static bool is_newer_beat(const struct board *board, uint16_t n)
{
    return !board->beaten || (int16_t)(n - board->beat) > 0;
}

static void hear_beat(struct board *board, const uint8_t *body, uint32_t received, uint32_t now)
{
    uint16_t n = get_u16(body + 4);

    if (body[6] != KEEP_LEASE && board->state == ARMED && is_newer_beat(board, n)) {
        board->beat = n;
        board->beaten = true;
        board->leased_until = body[6] == RENEW_LEASE ? received + board->limits.lease_ms * US_PER_MS : now;
        board_turn(board, now);
    }
    send_pulse(board, n, received, now);
}

/* Why a new command cannot be taken; NO_FAILURE if it can. */
static uint8_t objection(const struct board *board, uint8_t latch, const struct command *command, uint32_t now)
{
    uint8_t channels = command->action == DIVERT ? board->limits.channels : 1;

    if (board->state != ARMED || latch != board->latch)
        return NOT_ARMED;
    if (command->action > HOME || command->channel >= channels)
        return BAD_CHANNEL;
    if (moment_since(now, command->not_after) > 0)
        return LATE;
    if (moment_since(command->not_before, now) > (int32_t)(board->limits.horizon_ms * US_PER_MS))
        return HORIZON;
    return board->queue.length == QUEUE ? FULL : NO_FAILURE;
}

/* A command whose number was not seen before. */
static void take_command(struct board *board, uint8_t latch, const struct command *command, uint32_t now)
{
    uint8_t code = objection(board, latch, command, now);

    answers_find(&board->answers, command->seq)->kind = PENDING;
    if (code != NO_FAILURE) {
        movement_end(board, command->seq, code, now, now);
        return;
    }
    queue_put(&board->queue, command);
    send_accepted(board, command->seq, now);
    movement_turn(board, now);
}

static void hear_command(struct board *board, const uint8_t *body, uint32_t now)
{
    struct command command = {
        .seq = get_u32(body + 4),
        .action = body[9],
        .channel = body[10],
        .not_before = get_u32(body + 11),
        .not_after = get_u32(body + 15),
    };
    struct answer *answer = answers_admit(&board->answers, command.seq);
    struct answer too_old = {.kind = ENDED, .code = TOO_OLD, .ended = now};

    if (answer == NULL) {
        send_end(board, command.seq, &too_old);
        return;
    }
    if (answer->kind == UNSEEN) {
        take_command(board, body[8], &command, now);
        return;
    }
    count16(&board->counters.repeated);
    if (answer->kind == PENDING)
        send_accepted(board, command.seq, now);
    else
        send_end(board, command.seq, answer);
}

static void hear_foreign(struct board *board, uint32_t session, uint32_t now)
{
    count16(&board->counters.foreign);
    if (board->foreign_quiet)
        return;
    board->foreign_quiet = true;
    board->foreign_after = now + FOREIGN_MS * US_PER_MS;
    send_foreign(board, session);
}

/* A frame of the board's own session. */
static void hear_own(struct board *board, uint8_t type, const uint8_t *body, uint32_t received, uint32_t now)
{
    switch (type) {
    case ARM:
        hear_arm(board, body, now);
        break;
    case BEAT:
        hear_beat(board, body, received, now);
        break;
    case COMMAND:
        hear_command(board, body, now);
        break;
    case STOP:
        come_to_rest(board, WHY_STOP, now);
        send_state(board, now);
        break;
    default:
        send_counters(board);
        break;
    }
}

static void hear_frame(struct board *board, uint32_t received, uint32_t now)
{
    const uint8_t *body = board->wire.bytes + 1;
    uint8_t type = board->wire.bytes[0];
    uint32_t session = get_u32(body + (type == HELLO ? 2 : 0));

    if (type == HELLO && session != 0)
        hear_hello(board, body, now);
    else if (session == 0 || session != board->session)
        hear_foreign(board, session, now);
    else
        hear_own(board, type, body, received, now);
}

void board_hear(struct board *board, uint8_t byte, uint32_t received, uint32_t now)
{
    if (!wire_feed(&board->wire, byte))
        return;
    /* What was due before the frame comes first: a lease that has run out is not renewed. */
    board_turn(board, now);
    hear_frame(board, received, now);
}

void board_turn(struct board *board, uint32_t now)
{
    if (board->state == ARMED && moment_reached(now, board->leased_until)) {
        count16(&board->counters.lapsed);
        come_to_rest(board, WHY_LEASE, now);
        send_state(board, now);
    }
    if (board->releasing && moment_reached(now, board->release_at)) {
        board->releasing = false;
        board->live = false;
        hal_release(board->machine);
    }
    if (board->foreign_quiet && moment_reached(now, board->foreign_after))
        board->foreign_quiet = false;
    if (board->position_quiet && moment_reached(now, board->position_after))
        board->position_quiet = false;
    movement_turn(board, now);
}

void board_see(struct board *board, bool occupied, uint32_t at)
{
    if (occupied == board->occupied)
        return;
    board->occupied = occupied;
    if (board->session != 0)
        send_event(board, occupied ? EVENT_SEEN : EVENT_FREE, at, board->position);
}

void board_roll(struct board *board, int32_t position, uint32_t now)
{
    bool moved = position != board->position;

    board->position = position;
    if (moved)
        board->position_told = false;
    if (board->position_told || board->position_quiet || board->session == 0)
        return;
    board->position_told = true;
    board->position_quiet = true;
    board->position_after = now + POSITION_MS * US_PER_MS;
    send_event(board, EVENT_POSITION, now, position);
}
