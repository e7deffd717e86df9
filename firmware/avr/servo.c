/* Pulses for hobby servos by Timer1, which counts half microseconds and begins again at each channel's turn. */
#include "servo.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <stdbool.h>
#include <util/atomic.h>

#include "pins.h"
#include "settings.h"

#define TICKS_PER_US 2U
#define FRAME_US 20000U
/* A channel without pulses has a turn of this length, with its pin low. */
#define IDLE_US 500U

/* Six of the longest pulses leave a gap, so that the frame keeps its length. */
#if REST_US > 2500 || DIVERT_US > 2500 || REST_US < 500 || DIVERT_US < 500
#error "a servo's pulse has 500 to 2500 us"
#endif
#if CHANNELS > 6
#error "six servo pins are wired"
#endif

/* 0: no pulses. */
static volatile uint16_t pulse_us[SERVOS];

/* Whose turn it is; SERVOS is the gap at the end of a frame. */
static uint8_t turn;
static uint16_t left_us;

static void set_pin(uint8_t channel)
{
    if (channel < SERVOS_ON_PORTD)
        PORTD |= (uint8_t)(1U << (SERVO_PORTD_FIRST + channel));
    else
        PORTB |= (uint8_t)(1U << (SERVO_PORTB_FIRST + channel - SERVOS_ON_PORTD));
}

static void all_low(void)
{
    PORTD &= (uint8_t)~SERVO_PORTD_MASK;
    PORTB &= (uint8_t)~SERVO_PORTB_MASK;
}

/* How long the present turn takes. A pulse that was taken away leaves an idle turn. */
static uint16_t begin_turn(void)
{
    uint16_t width_us;

    if (turn == SERVOS)
        return left_us;
    width_us = pulse_us[turn];
    if (width_us == 0)
        return IDLE_US;
    set_pin(turn);
    return width_us;
}

ISR(TIMER1_COMPA_vect)
{
    uint16_t us;

    all_low();
    if (turn == SERVOS) {
        turn = 0;
        left_us = FRAME_US;
    } else {
        turn++;
    }
    us = begin_turn();
    left_us = (uint16_t)(left_us - us);
    /* The count has just begun at 0 and is far below any turn's length. */
    OCR1A = (uint16_t)(us * TICKS_PER_US - 1);
}

void servo_start(void)
{
    all_low();
    DDRD |= SERVO_PORTD_MASK;
    DDRB |= SERVO_PORTB_MASK;
    turn = SERVOS;
    TCCR1A = 0;
    OCR1A = IDLE_US * TICKS_PER_US;
    TCNT1 = 0;
    TIMSK1 = _BV(OCIE1A);
    TCCR1B = _BV(WGM12) | _BV(CS11);
}

void servo_point(uint8_t channel, uint16_t width_us)
{
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        pulse_us[channel] = width_us;
    }
}

void servo_retreat(void)
{
    for (uint8_t channel = 0; channel < SERVOS; channel++)
        if (pulse_us[channel] != 0)
            servo_point(channel, REST_US);
}

void servo_release(void)
{
    for (uint8_t channel = 0; channel < SERVOS; channel++)
        servo_point(channel, 0);
}
