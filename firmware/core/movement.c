/* From the queue to the diverters and back. */
#include "movement.h"

#include <stddef.h>

#include "hal.h"
#include "messages.h"
#include "moment.h"

void movement_end(struct board *board, uint32_t seq, uint8_t code, uint32_t started, uint32_t now)
{
    struct answer answer = {.kind = ENDED, .code = code, .started = started, .ended = now};
    struct answer *kept = answers_find(&board->answers, seq);

    if (kept != NULL)
        *kept = answer;
    if (code != NO_FAILURE)
        count16(&board->counters.failed);
    send_end(board, seq, &answer);
}

/* Is the place that this command needs free? Going home needs every place, and every place needs no going home. */
static bool has_place(const struct board *board, const struct command *command)
{
    if (board->movements[HOMING].phase != IDLE)
        return false;
    if (command->action == DIVERT)
        return board->movements[command->channel].phase == IDLE;
    for (uint8_t channel = 0; channel < board->limits.channels; channel++)
        if (board->movements[channel].phase != IDLE)
            return false;
    return true;
}

/* The arms begin to move. */
static void begin(struct board *board, const struct command *command, uint32_t now)
{
    bool diverts = command->action == DIVERT;
    struct movement *movement = &board->movements[diverts ? command->channel : HOMING];
    uint32_t first_ms = diverts ? board->limits.hold_ms : board->limits.return_ms;

    movement->seq = command->seq;
    movement->started = now;
    movement->until = now + first_ms * US_PER_MS;
    movement->phase = diverts ? HOLDING : RETURNING;
    board->last_session = board->session;
    board->last_seq = command->seq;
    count32(&board->counters.moved);
    if (diverts)
        hal_divert(board->machine, command->channel);
    else
        for (uint8_t channel = 0; channel < board->limits.channels; channel++)
            hal_rest(board->machine, channel);
}

/* Begin or give up the waiting command; true if it has left the queue. */
static bool leave_queue(struct board *board, const struct command *command, uint32_t now)
{
    uint8_t code = NO_FAILURE;

    if (moment_since(now, command->not_after) > 0)
        code = LATE;
    else if (!moment_reached(now, command->not_before) || !has_place(board, command))
        return false;
    else if (hal_jammed(board->machine, command->channel, false))
        code = JAMMED;
    if (code == NO_FAILURE)
        begin(board, command, now);
    else
        movement_end(board, command->seq, code, now, now);
    return true;
}

/* A phase is over: the arm goes back, or is back. */
static void next_phase(struct board *board, uint8_t place, uint32_t now)
{
    struct movement *movement = &board->movements[place];
    bool jammed;

    if (movement->phase == HOLDING) {
        movement->phase = RETURNING;
        movement->until += board->limits.return_ms * US_PER_MS;
        hal_rest(board->machine, place);
        return;
    }
    movement->phase = IDLE;
    jammed = hal_jammed(board->machine, place == HOMING ? 0 : place, true);
    movement_end(board, movement->seq, jammed ? JAMMED : NO_FAILURE, movement->started, now);
}

void movement_turn(struct board *board, uint32_t now)
{
    for (uint8_t place = 0; place <= MAX_CHANNELS; place++)
        while (board->movements[place].phase != IDLE && moment_reached(now, board->movements[place].until))
            next_phase(board, place, now);
    for (uint8_t place = 0; place < board->queue.length;) {
        struct command command = board->queue.commands[place];

        if (leave_queue(board, &command, now))
            queue_drop(&board->queue, place);
        else
            place++;
    }
}

void movement_cancel_all(struct board *board, uint32_t now)
{
    for (uint8_t place = 0; place < board->queue.length; place++)
        movement_end(board, board->queue.commands[place].seq, CANCELLED, now, now);
    board->queue.length = 0;
    for (uint8_t place = 0; place <= MAX_CHANNELS; place++) {
        struct movement *movement = &board->movements[place];

        if (movement->phase == IDLE)
            continue;
        movement->phase = IDLE;
        movement_end(board, movement->seq, INTERRUPTED, movement->started, now);
    }
}
