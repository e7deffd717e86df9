/* What became of the newest sequence numbers of a session, so that a repeated command is answered and not repeated. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

enum answer_kind { UNSEEN = 0, PENDING, ENDED };

/* One command's end: `code` is NO_FAILURE if it is done; `started` means nothing if it failed. */
struct answer {
    uint8_t kind;
    uint8_t code;
    uint32_t started;
    uint32_t ended;
};

/* Numbers newest - 31 .. newest, each in the slot of its low five bits. */
struct answers {
    struct answer slots[ANSWERS];
    uint32_t newest;
    bool any;
};

/* Forget everything: a session begins. */
void answers_start(struct answers *answers);

/* The place of a number that may be newer than all; NULL if it is too old. A newer one pushes out the oldest. */
struct answer *answers_admit(struct answers *answers, uint32_t seq);

/* The place of a number that was admitted; NULL if it was pushed out meanwhile. */
struct answer *answers_find(struct answers *answers, uint32_t seq);

#endif
