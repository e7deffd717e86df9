/* What the servo pins do, by the width of every pulse, measured in the AVR's own cycles. */
#ifndef SERVOS_H
#define SERVOS_H

#include "sim_avr.h"

/* Watch the pins of this AVR, and log: out, moved, lost, pulsing, silent. */
void servos_start(avr_t *avr);

/* Notice pulses that no longer come. To be called every few milliseconds. */
void servos_turn(void);

/* Board time since the runner began, resets included. */
uint64_t board_us(const avr_t *avr);

#endif
