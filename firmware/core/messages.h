/* The frames that a board sends, each from the board's present state. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "board.h"

void send_welcome(struct board *board, uint32_t now);
void send_refused(struct board *board, uint32_t session, uint8_t code);
void send_accepted(struct board *board, uint32_t seq, uint32_t now);

/* DONE or FAILED, as the answer says. */
void send_end(struct board *board, uint32_t seq, const struct answer *answer);
void send_pulse(struct board *board, uint16_t n, uint32_t received, uint32_t now);
void send_state(struct board *board, uint32_t now);
void send_event(struct board *board, uint8_t kind, uint32_t at, int32_t position);
void send_counters(struct board *board);

/* `session` is that of the frame that is answered. */
void send_foreign(struct board *board, uint32_t session);

#endif
