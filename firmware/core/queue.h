/* Commands that wait for their moment, the one that is due first in front. */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* How many commands can wait; a host must keep its unanswered ones within it. */
#define QUEUE 8

/* A command that was accepted; moments in board time. */
struct command {
    uint32_t seq;
    uint32_t not_before;
    uint32_t not_after;
    uint8_t action;
    uint8_t channel;
};

struct queue {
    struct command commands[QUEUE];
    uint8_t length;
};

/* Put a command behind those that are due no later; false if there is no room. */
bool queue_put(struct queue *queue, const struct command *command);

/* Take the command at a place out, and close the gap. */
void queue_drop(struct queue *queue, uint8_t place);

#endif
