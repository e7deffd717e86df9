/* From the queue to the diverters and back: when a command begins, how it goes on, how it ends. */
#ifndef MOVEMENT_H
#define MOVEMENT_H

#include "board.h"

/* End what is over, go on with what moves, begin what is due. */
void movement_turn(struct board *board, uint32_t now);

/* Cancel what waits and interrupt what moves; each is answered. The outputs are the caller's. */
void movement_cancel_all(struct board *board, uint32_t now);

/* A command's last word: kept, counted, told. `code` is NO_FAILURE if it is done. */
void movement_end(struct board *board, uint32_t seq, uint8_t code, uint32_t started, uint32_t now);

#endif
