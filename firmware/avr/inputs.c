/* What the machine tells the board; all inputs have pull-ups, so that an open one says nothing. */
#include "inputs.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

#include "clock.h"
#include "pins.h"
#include "sensor.h"
#include "settings.h"

static struct sensor sensor;
static volatile int32_t position;
static uint8_t encoder_before;

/* A light barrier with an open collector pulls the pin low when it sees something. */
static bool sensor_level(void)
{
    return (PIND & _BV(SENSOR_PIN)) == 0;
}

ISR(INT0_vect)
{
    sensor_edge(&sensor, sensor_level(), clock_us_in_interrupt());
}

static uint8_t encoder_level(void)
{
    uint8_t pins = PIND;

    return (uint8_t)((pins & _BV(ENCODER_A_PIN) ? 2 : 0) | (pins & _BV(ENCODER_B_PIN) ? 1 : 0));
}

/* Gray code: 00 01 11 10 is one step forwards each. Both pins changed at once: a step was missed, and counts as none. */
static void encoder_step(void)
{
    static const int8_t steps[16] = {0, 1, -1, 0, -1, 0, 0, 1, 1, 0, 0, -1, 0, -1, 1, 0};
    uint8_t level = encoder_level();

    position += steps[encoder_before << 2 | level];
    encoder_before = level;
}

ISR(INT1_vect)
{
    encoder_step();
}

/* Not a second function of the same text: gcc would fold the two, and let one interrupt call the other. */
ISR(PCINT2_vect, ISR_ALIASOF(INT1_vect));

void inputs_start(void)
{
    PORTD |= _BV(SENSOR_PIN) | _BV(ENCODER_A_PIN) | _BV(ENCODER_B_PIN);
    PORTB |= _BV(FAULT_PIN);
    sensor_start(&sensor, false);
    encoder_before = encoder_level();
    EICRA = _BV(ISC00) | _BV(ISC10);
#if WITH_SENSOR
    EIMSK |= _BV(INT0);
#endif
#if WITH_ENCODER
    EIMSK |= _BV(INT1);
    PCMSK2 = _BV(PCINT20);
    PCICR = _BV(PCIE2);
#endif
}

bool inputs_sensor(bool *occupied, uint32_t *at, uint32_t now)
{
    bool settled;

    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        settled = sensor_turn(&sensor, DEBOUNCE_MS, now);
        *occupied = sensor.settled;
        *at = sensor.began_at;
    }
    return settled;
}

int32_t inputs_position(void)
{
    int32_t read;

    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        read = position;
    }
    return read;
}

bool inputs_fault(void)
{
    return (PINB & _BV(FAULT_PIN)) == 0;
}
