/* What the machine tells the board: item sensor, belt encoder, fault. */
#ifndef INPUTS_H
#define INPUTS_H

#include <stdbool.h>
#include <stdint.h>

void inputs_start(void);

/* Did the item sensor settle on another level? `occupied` is the new one, `at` when it began. */
bool inputs_sensor(bool *occupied, uint32_t *at, uint32_t now);

/* Edges of the encoder since the start, forwards positive; a full period has four. */
int32_t inputs_position(void);

/* Does the machine report a fault? */
bool inputs_fault(void);

#endif
