/* The bytes between the port and the AVR's UART, at the speed of the line, none lost on the way. */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim_avr.h"

struct line_counts {
    uint64_t to_board;
    uint64_t from_board;
    /* What the host did not take in time, as a computer's own buffer would lose it. */
    uint64_t lost;
};

/* Listen to the UART of this AVR. */
void line_start(avr_t *avr);

/* Carry on: fetch what the host wrote, and hand over what the board sent; nobody listens if not `open`. */
void line_pump(bool open);

/* Forget what is under way: a reset. */
void line_clear(void);

struct line_counts line_counts(void);

#endif
