/* Consistent Overhead Byte Stuffing for frames of fewer than 254 bytes [Cheshire and Baker, 1997]. */
#ifndef COBS_H
#define COBS_H

#include <stdint.h>

/* Write `length` (1..253) bytes without a zero among them; tells how many: length + 1. */
uint8_t cobs_encode(const uint8_t *bytes, uint8_t length, uint8_t *encoded);

/* Decode in place `length` bytes that hold no zero; tells how many are left, 0 if it was no COBS. */
uint8_t cobs_decode(uint8_t *bytes, uint8_t length);

#endif
