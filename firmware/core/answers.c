/* What became of the newest sequence numbers of a session. */
#include "answers.h"

#include <stddef.h>

void answers_start(struct answers *answers)
{
    *answers = (struct answers){.any = false};
}

/* Numbers between the newest and `seq` were not seen: their slots hold what is now too old. */
static void advance(struct answers *answers, uint32_t seq)
{
    uint32_t steps = answers->any ? seq - answers->newest : ANSWERS;

    if (steps > ANSWERS)
        steps = ANSWERS;
    for (uint8_t step = 0; step < steps; step++)
        answers->slots[(seq - step) % ANSWERS] = (struct answer){.kind = UNSEEN};
    answers->newest = seq;
    answers->any = true;
}

struct answer *answers_find(struct answers *answers, uint32_t seq)
{
    if (!answers->any || answers->newest - seq >= ANSWERS)
        return NULL;
    return &answers->slots[seq % ANSWERS];
}

struct answer *answers_admit(struct answers *answers, uint32_t seq)
{
    if (!answers->any || (int32_t)(seq - answers->newest) > 0)
        advance(answers, seq);
    return answers_find(answers, seq);
}
