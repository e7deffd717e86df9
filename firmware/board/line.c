/* The bytes between the port and the AVR's UART. */
#include "line.h"

#include <string.h>

#include "avr_uart.h"
#include "port.h"
#include "settings.h"

#define ROOM 65536U

static avr_t *board;
static avr_irq_t *uart;
static uint8_t to_board[4096];
static size_t to_length;
static size_t to_next;
static uint8_t from_board[ROOM];
static size_t from_length;
static bool stopped;
static struct line_counts counts;

/* Start, 8 data bits, stop, and the parity bit that simavr always counts: no faster than its UART takes them. */
static avr_cycle_count_t cycles_per_byte(void)
{
    return (avr_cycle_count_t)board->frequency * 11 / BAUD;
}

/* One byte reaches the UART; the next follows in its time. */
static avr_cycle_count_t deliver(avr_t *avr, avr_cycle_count_t when, void *param)
{
    (void)avr;
    (void)param;
    if (to_next == to_length)
        return 0;
    if (!stopped) {
        avr_raise_irq(uart + UART_IRQ_INPUT, to_board[to_next++]);
        counts.to_board++;
    }
    return when + cycles_per_byte();
}

static void on_output(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    counts.from_board++;
    if (from_length == ROOM)
        counts.lost++;
    else
        from_board[from_length++] = (uint8_t)value;
}

static void on_xoff(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    if (value)
        stopped = true;
}

static void on_xon(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    if (value)
        stopped = false;
}

void line_start(avr_t *avr)
{
    uint32_t flags = 0;

    board = avr;
    uart = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), 0);
    /* Neither sleeps in the middle of an instruction nor copies to standard output. */
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(uart + UART_IRQ_OUTPUT, on_output, NULL);
    avr_irq_register_notify(uart + UART_IRQ_OUT_XOFF, on_xoff, NULL);
    avr_irq_register_notify(uart + UART_IRQ_OUT_XON, on_xon, NULL);
}

void line_pump(bool open)
{
    size_t written = open ? port_write(from_board, from_length) : from_length;

    from_length -= written;
    memmove(from_board, from_board + written, from_length);
    if (to_next == to_length) {
        to_next = 0;
        to_length = port_read(to_board, sizeof to_board);
        if (to_length > 0)
            avr_cycle_timer_register(board, cycles_per_byte(), deliver, NULL);
    }
}

void line_clear(void)
{
    avr_cycle_timer_cancel(board, deliver, NULL);
    to_next = to_length = from_length = 0;
    stopped = false;
}

struct line_counts line_counts(void)
{
    return counts;
}
