/* Consistent Overhead Byte Stuffing: each code byte tells how far away the next zero is. */
#include "cobs.h"

uint8_t cobs_encode(const uint8_t *bytes, uint8_t length, uint8_t *encoded)
{
    uint8_t *code = encoded;
    uint8_t *at = encoded + 1;

    *code = 1;
    while (length-- > 0) {
        uint8_t byte = *bytes++;

        if (byte != 0) {
            *at++ = byte;
            ++*code;
        } else {
            code = at++;
            *code = 1;
        }
    }
    return (uint8_t)(at - encoded);
}

uint8_t cobs_decode(uint8_t *bytes, uint8_t length)
{
    uint8_t from = 0;
    uint8_t to = 0;

    while (from < length) {
        uint8_t code = bytes[from++];

        /* A code that reaches beyond the end was damaged. So short a frame never needs 0xFF, which stands for no zero. */
        if (code == 0 || code - 1 > length - from)
            return 0;
        while (--code > 0)
            bytes[to++] = bytes[from++];
        if (from < length)
            bytes[to++] = 0;
    }
    return to;
}
