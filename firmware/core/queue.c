/* Commands that wait for their moment. */
#include "queue.h"

#include "moment.h"

bool queue_put(struct queue *queue, const struct command *command)
{
    uint8_t place = queue->length;

    if (place == QUEUE)
        return false;
    while (place > 0 && moment_since(queue->commands[place - 1].not_before, command->not_before) > 0) {
        queue->commands[place] = queue->commands[place - 1];
        place--;
    }
    queue->commands[place] = *command;
    queue->length++;
    return true;
}

void queue_drop(struct queue *queue, uint8_t place)
{
    queue->length--;
    for (; place < queue->length; place++)
        queue->commands[place] = queue->commands[place + 1];
}
