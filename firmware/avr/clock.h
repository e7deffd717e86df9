/* Board time: microseconds since the start, modulo 2^32, in steps of 4, by Timer0. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Begin at 0. From now on an interrupt comes every 1.024 ms, which also wakes the main loop. */
void clock_start(void);

/* Board time; from anywhere. */
uint32_t clock_us(void);

/* Board time where interrupts are off, as in an interrupt. */
uint32_t clock_us_in_interrupt(void);

#endif
