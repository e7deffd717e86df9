/* A number that no two starts of a board share. */
#include "boot_number.h"

#include <stdbool.h>

#include "bytes.h"
#include "crc32.h"

/* The low bits count, which keeps the starts of one board apart; the high ones are noise, which keeps boards apart. */
#define COUNT_BITS 20
#define COUNT_MASK ((UINT32_C(1) << COUNT_BITS) - 1)

/* A record is the count and its CRC-32. An erased one, all ones, has a fitting CRC, and is none. */
static bool is_whole(const uint8_t *record)
{
    return get_u32(record) != UINT32_MAX && crc32(record, 4) == get_u32(record + 4);
}

struct boot_number boot_number_next(const uint8_t records[BOOT_RECORDS * BOOT_RECORD_BYTES], uint32_t noise)
{
    struct boot_number next = {.place = 0};
    uint32_t count = 0;

    for (uint8_t place = 0; place < BOOT_RECORDS; place++) {
        const uint8_t *record = records + place * BOOT_RECORD_BYTES;

        if (!is_whole(record) || get_u32(record) < count)
            continue;
        count = get_u32(record);
        next.place = (uint8_t)((place + 1) % BOOT_RECORDS);
    }
    count++;
    put_u32(next.record, count);
    put_u32(next.record + 4, crc32(next.record, 4));
    next.boot = noise << COUNT_BITS | (count & COUNT_MASK);
    return next;
}
