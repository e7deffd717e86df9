/* The serial line, by interrupt on both ways. */
#include "uart.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

#include "clock.h"
#include "settings.h"

/*
 * With the doubled clock 115200 baud gives UBRR = 16 and 117647 baud: 2.1 % too fast, of which a receiver of 8N1
 * forgives about 4 % between both ends together; a computer's side is right within 0.2 %. The plain clock would be
 * 3.5 % off. 250000 and 500000 baud are exact: `make BAUD=250000`, and sorter.baud likewise.
 */
#define UBRR_VALUE ((F_CPU + 4UL * BAUD) / (8UL * BAUD) - 1UL)
#define REAL_BAUD (F_CPU / (8UL * (UBRR_VALUE + 1UL)))

#if UBRR_VALUE > 4095
#error "BAUD is out of reach at this F_CPU: its divisor does not fit into 12 bits"
#elif 40 * REAL_BAUD > 41 * BAUD || 40 * REAL_BAUD < 39 * BAUD
#error "BAUD is more than 2.5 % off at this F_CPU, and the host would hear noise; README.md names good ones"
#endif

/* Rings of a power of two; 128 bytes are 11 ms of the line, in which the main loop turns hundreds of times. */
#define IN_BYTES 128U
#define OUT_BYTES 256U
#define STAMPS 8U

static volatile uint8_t in_ring[IN_BYTES];
static volatile uint8_t in_head;
static volatile uint8_t in_tail;
static volatile uint32_t stamps[STAMPS];
static volatile uint8_t stamp_head;
static volatile uint8_t stamp_tail;
static volatile uint8_t overruns;
static uint8_t out_ring[OUT_BYTES];
static volatile uint8_t out_head;
static volatile uint8_t out_tail;

static void count_overrun(void)
{
    if (overruns < UINT8_MAX)
        overruns++;
}

/* Every zero that follows something else ends a frame, and gets a stamp; both rings must have room. */
static void keep(uint8_t byte)
{
    static uint8_t before;
    bool ends_frame = byte == 0 && before != 0;

    if ((uint8_t)(in_head - in_tail) == IN_BYTES || (ends_frame && (uint8_t)(stamp_head - stamp_tail) == STAMPS)) {
        count_overrun();
        return;
    }
    if (ends_frame)
        stamps[stamp_head++ % STAMPS] = clock_us_in_interrupt();
    before = byte;
    in_ring[in_head++ % IN_BYTES] = byte;
}

ISR(USART_RX_vect)
{
    /* The flag belongs to the byte, and is gone when the byte is read. */
    bool lost_one = (UCSR0A & _BV(DOR0)) != 0;

    keep(UDR0);
    if (lost_one)
        count_overrun();
}

ISR(USART_UDRE_vect)
{
    UDR0 = out_ring[out_tail++];
    if (out_tail == out_head)
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
}

void uart_start(void)
{
    UCSR0A = _BV(U2X0);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UBRR0 = UBRR_VALUE;
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
}

bool uart_take(uint8_t *byte, uint32_t *received)
{
    static uint8_t before;

    if (in_head == in_tail)
        return false;
    *byte = in_ring[in_tail % IN_BYTES];
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        if (*byte == 0 && before != 0)
            *received = stamps[stamp_tail++ % STAMPS];
        in_tail++;
    }
    before = *byte;
    return true;
}

bool uart_waits(void)
{
    return in_head != in_tail;
}

bool uart_send(const uint8_t *line, uint8_t length)
{
    uint8_t head = out_head;

    /* One place stays free, so that a full ring differs from an empty one. */
    if ((uint8_t)(out_tail - head - 1) < length)
        return false;
    while (length-- > 0)
        out_ring[head++] = *line++;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        out_head = head;
        UCSR0B |= _BV(UDRIE0);
    }
    return true;
}

uint8_t uart_overruns(void)
{
    uint8_t count;

    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        count = overruns;
        overruns = 0;
    }
    return count;
}
