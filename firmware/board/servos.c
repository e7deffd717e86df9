/* What the servo pins do, by the width of every pulse. */
#include "servos.h"

#include <stdbool.h>
#include <stdlib.h>

#include "avr_ioport.h"
#include "log.h"
#include "settings.h"

#define PINS 6
/* Two and a half frames of 20 ms without a pulse: there is none any more. */
#define GONE_US 50000U
/* Half the way between the two positions. */
#define OUT_US (abs(DIVERT_US - REST_US) / 2)

/* One servo: since when its pin is high, when its last pulse began, and since when its arm is out. */
struct servo {
    bool high;
    bool pulsing;
    bool out;
    uint64_t rose_cycle;
    uint64_t rose_us;
    uint64_t out_us;
};

static avr_t *board;
static struct servo servos[PINS];
static bool any_pulsing;

uint64_t board_us(const avr_t *avr)
{
    return avr->cycle / (avr->frequency / 1000000U);
}

/* A pulse is over: the arm goes where its width says. */
static void judge(int channel, double width_us)
{
    struct servo *servo = &servos[channel];
    uint64_t now_us = board_us(board);
    bool out = abs((int)width_us - REST_US) > OUT_US;

    if (out && !servo->out) {
        servo->out_us = now_us;
        log_line(now_us, "out", "\"channel\": %d, \"width_us\": %.2f", channel, width_us);
    }
    if (!out && servo->out)
        log_line(now_us, "moved", "\"channel\": %d, \"width_us\": %.2f, \"out_us\": %llu", channel, width_us,
                 (unsigned long long)servo->out_us);
    servo->out = out;
}

static void on_pin(avr_irq_t *irq, uint32_t value, void *param)
{
    struct servo *servo = param;
    bool high = (value & 1) != 0;

    (void)irq;
    if (high == servo->high)
        return;
    servo->high = high;
    if (high) {
        servo->pulsing = true;
        servo->rose_cycle = board->cycle;
        servo->rose_us = board_us(board);
    } else {
        judge((int)(servo - servos), (double)(board->cycle - servo->rose_cycle) * 1e6 / board->frequency);
    }
}

void servos_start(avr_t *avr)
{
    board = avr;
    for (int pin = 0; pin < PINS; pin++) {
        /* D5 to D7 are PD5 to PD7, D8 to D10 are PB0 to PB2. */
        uint32_t port = pin < 3 ? AVR_IOCTL_IOPORT_GETIRQ('D') : AVR_IOCTL_IOPORT_GETIRQ('B');

        avr_irq_register_notify(avr_io_getirq(avr, port, pin < 3 ? 5 + pin : pin - 3), on_pin, &servos[pin]);
    }
}

/* An arm whose pulses end while it is out stays out there: that is no movement, and nothing safe. */
static void notice_gone(int channel, uint64_t now_us)
{
    struct servo *servo = &servos[channel];

    if (!servo->pulsing || now_us - servo->rose_us < GONE_US)
        return;
    servo->pulsing = false;
    if (servo->out)
        log_line(now_us, "lost", "\"channel\": %d, \"out_us\": %llu", channel, (unsigned long long)servo->out_us);
    servo->out = false;
}

void servos_turn(void)
{
    uint64_t now_us = board_us(board);
    bool pulsing = false;

    for (int channel = 0; channel < PINS; channel++) {
        notice_gone(channel, now_us);
        pulsing = pulsing || servos[channel].pulsing;
    }
    if (pulsing != any_pulsing)
        log_line(now_us, pulsing ? "pulsing" : "silent", "%s", "");
    any_pulsing = pulsing;
}
