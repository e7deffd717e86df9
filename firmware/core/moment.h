/* Moments of board time: microseconds modulo 2^32, which go round in 71.6 minutes. */
#ifndef MOMENT_H
#define MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#define US_PER_MS UINT32_C(1000)

/*
 * How far `later` is after `earlier`, negative if it is before. Right within 35.8 minutes: nobody may ask with a
 * moment that is kept longer, so every moment that the board compares has a flag that ends with it.
 */
static inline int32_t moment_since(uint32_t later, uint32_t earlier)
{
    return (int32_t)(later - earlier);
}

/* Has the moment come? */
static inline bool moment_reached(uint32_t now, uint32_t moment)
{
    return moment_since(now, moment) >= 0;
}

#endif
