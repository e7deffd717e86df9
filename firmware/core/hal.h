/* What the core asks of the machine below it. `machine` is the pointer that board_start() was given. */
#ifndef HAL_H
#define HAL_H

#include <stdbool.h>
#include <stdint.h>

/* The diverter of a channel goes out; it has pulses already. */
void hal_divert(void *machine, uint8_t channel);

/* The diverter of a channel goes to its rest position; its pulses begin if there were none. */
void hal_rest(void *machine, uint8_t channel);

/* No output gives pulses any more. */
void hal_release(void *machine);

/* Does the machine say that it cannot move (`ended` false), or that the movement that ends now did not happen? */
bool hal_jammed(void *machine, uint8_t channel, bool ended);

/* Take over a whole line for sending; false if there is no room for it, and then nothing of it is sent. */
bool hal_send(void *machine, const uint8_t *line, uint8_t length);

#endif
