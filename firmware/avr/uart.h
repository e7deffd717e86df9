/* The serial line: bytes in with the moment that a frame ended, whole lines out, both by interrupt. */
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_start(void);

/* The next byte that came. If it is the zero that ends a frame, `received` is when it came. */
bool uart_take(uint8_t *byte, uint32_t *received);

/* Is a byte there? To be asked with interrupts off, just before going to sleep. */
bool uart_waits(void);

/* Take over a whole line for sending; false if there is no room for it. */
bool uart_send(const uint8_t *line, uint8_t length);

/* Bytes that came too fast since the last time. */
uint8_t uart_overruns(void);

#endif
