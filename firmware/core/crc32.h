/* CRC-32 as zlib computes it. */
#ifndef CRC32_H
#define CRC32_H

#include <stdint.h>

/* The CRC-32 of `length` bytes: polynomial 0x04C11DB7 reflected, start and final XOR 0xFFFFFFFF. */
uint32_t crc32(const uint8_t *bytes, uint8_t length);

#endif
