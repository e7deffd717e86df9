/* Why the board started, which number this start has, and the watchdog that starts it again. */
#ifndef START_H
#define START_H

#include "board.h"

/* What start this is; takes 30 ms, in which EEPROM is written. Interrupts are off. */
struct birth start_birth(void);

/* From now on the main loop must turn at least every 250 ms. */
void start_watchdog(void);

#endif
