/* When the board has something to do next: what lets a simulation jump there. The board itself just looks often. */
#include "board.h"
#include "moment.h"

/* The earliest moment that was named so far. */
struct earliest {
    uint32_t now;
    int32_t in_us;
    bool any;
};

static void name(struct earliest *earliest, bool pending, uint32_t moment)
{
    int32_t in_us = moment_since(moment, earliest->now);

    if (!pending || (earliest->any && in_us >= earliest->in_us))
        return;
    earliest->in_us = in_us > 0 ? in_us : 0;
    earliest->any = true;
}

static void name_queue(struct earliest *earliest, const struct queue *queue)
{
    for (uint8_t place = 0; place < queue->length; place++) {
        const struct command *command = &queue->commands[place];

        /* It begins, or if its place is not free by then it is late one microsecond after its last moment. */
        name(earliest, moment_since(command->not_before, earliest->now) > 0, command->not_before);
        name(earliest, true, command->not_after + 1);
    }
}

bool board_due(const struct board *board, uint32_t now, uint32_t *due)
{
    struct earliest earliest = {.now = now};

    name(&earliest, board->state == ARMED, board->leased_until);
    name(&earliest, board->releasing, board->release_at);
    name(&earliest, board->foreign_quiet, board->foreign_after);
    name(&earliest, board->position_quiet, board->position_after);
    for (uint8_t place = 0; place <= MAX_CHANNELS; place++)
        name(&earliest, board->movements[place].phase != IDLE, board->movements[place].until);
    name_queue(&earliest, &board->queue);
    *due = now + (uint32_t)earliest.in_us;
    return earliest.any;
}
