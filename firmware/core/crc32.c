/* CRC-32 as zlib computes it, bit by bit: a table would cost 1 kB of flash, and a frame has at most 48 bytes. */
#include "crc32.h"

uint32_t crc32(const uint8_t *bytes, uint8_t length)
{
    uint32_t crc = 0xFFFFFFFF;

    while (length-- > 0) {
        crc ^= *bytes++;
        for (uint8_t bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
    }
    return ~crc;
}
