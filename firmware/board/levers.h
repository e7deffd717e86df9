/* What a person or a test does to the board: commands on standard input. */
#ifndef LEVERS_H
#define LEVERS_H

#include <stdbool.h>

#include "sim_avr.h"

/* Put the inputs where they are when nothing happens; also after every reset. */
void levers_start(avr_t *avr);

/* Read and carry out the lines that are there, without waiting: see levers.c. */
void levers_pump(avr_t *avr);

/* Carry `hang` out, if it was asked for. To be called between instructions, where the program counter is true. */
void levers_hang(avr_t *avr);

/* Take back what `hang` did to the program. */
void levers_restore(avr_t *avr);

/* Was `reset` asked for? Says so once. */
bool levers_reset_asked(void);

#endif
