/* The board's program: the core below a main loop that never waits, and sleeps until something comes. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <stddef.h>

#include "board.h"
#include "clock.h"
#include "hal.h"
#include "inputs.h"
#include "pins.h"
#include "servo.h"
#include "settings.h"
#include "start.h"
#include "uart.h"

static struct board board;

void hal_divert(void *machine, uint8_t channel)
{
    (void)machine;
    servo_point(channel, DIVERT_US);
}

void hal_rest(void *machine, uint8_t channel)
{
    (void)machine;
    servo_point(channel, REST_US);
}

void hal_release(void *machine)
{
    (void)machine;
    servo_release();
}

bool hal_jammed(void *machine, uint8_t channel, bool ended)
{
    (void)machine;
    (void)channel;
    (void)ended;
    return inputs_fault();
}

bool hal_send(void *machine, const uint8_t *line, uint8_t length)
{
    (void)machine;
    return uart_send(line, length);
}

/* Everything that came over the line. */
static void hear(void)
{
    uint8_t byte;
    uint32_t received = 0;

    while (uart_take(&byte, &received))
        board_hear(&board, byte, received, clock_us());
    for (uint8_t count = uart_overruns(); count > 0; count--)
        count16(&board.counters.overrun);
}

/* Everything that the machine says. */
static void sense(void)
{
    bool occupied;
    uint32_t at;

    if (inputs_sensor(&occupied, &at, clock_us()))
        board_see(&board, occupied, at);
    if (WITH_ENCODER)
        board_roll(&board, inputs_position(), clock_us());
}

/* Dark: nobody spoke yet. Blinking about once a second: safe. Lit: armed. */
static void show(void)
{
    bool lit = board.state == ARMED || (board.state == SAFE && (clock_us() >> 19 & 1));

    if (lit)
        PORTB |= _BV(LED_PIN);
    else
        PORTB &= (uint8_t)~_BV(LED_PIN);
}

/* Until the next interrupt: a byte, an edge, or the clock's at the latest after 1 ms. */
static void rest(void)
{
    cli();
    if (!uart_waits()) {
        sleep_enable();
        /* The instruction after sei() is carried out before any interrupt: no byte can slip in between. */
        sei();
        sleep_cpu();
        sleep_disable();
    }
    sei();
}

int main(void)
{
    static const struct limits limits = {
        .channels = CHANNELS,
        .flags = (WITH_SENSOR ? FLAG_SENSOR : 0) | (WITH_ENCODER ? FLAG_ENCODER : 0),
        .lease_ms = LEASE_MS,
        .horizon_ms = HORIZON_MS,
        .hold_ms = HOLD_MS,
        .return_ms = RETURN_MS,
    };
    struct birth birth;

    servo_start();
    DDRB |= _BV(LED_PIN);
    birth = start_birth();
    board_start(&board, &limits, &birth, NULL);
    inputs_start();
    clock_start();
    uart_start();
    set_sleep_mode(SLEEP_MODE_IDLE);
    start_watchdog();
    sei();
    for (;;) {
        wdt_reset();
        hear();
        sense();
        board_turn(&board, clock_us());
        show();
        rest();
    }
}
