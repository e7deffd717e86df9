/* Board time by Timer0: 16 MHz / 64 = one tick in 4 us, one overflow in 1.024 ms. */
#include "clock.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

#if F_CPU != 16000000UL
#error "the board's clock is worked out for 16 MHz"
#endif
#define US_PER_TICK 4
#define US_PER_OVERFLOW (256UL * US_PER_TICK)

/* Board time at the last overflow; it wraps by itself, because 2^32 is a multiple of 1024. */
static volatile uint32_t overflowed_us;

ISR(TIMER0_OVF_vect)
{
    overflowed_us += US_PER_OVERFLOW;
}

void clock_start(void)
{
    overflowed_us = 0;
    TCCR0A = 0;
    TCNT0 = 0;
    TIFR0 = _BV(TOV0);
    TIMSK0 = _BV(TOIE0);
    TCCR0B = _BV(CS01) | _BV(CS00);
}

uint32_t clock_us_in_interrupt(void)
{
    uint32_t us = overflowed_us;
    uint8_t ticks = TCNT0;

    /* An overflow that was not served yet; ticks read before it happened are still near the top. */
    if ((TIFR0 & _BV(TOV0)) && ticks < 255)
        us += US_PER_OVERFLOW;
    return us + (uint32_t)ticks * US_PER_TICK;
}

uint32_t clock_us(void)
{
    uint32_t us;

    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        us = clock_us_in_interrupt();
    }
    return us;
}
