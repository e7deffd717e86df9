/* A number that no two starts of a board share: a count kept in EEPROM through power cuts, mixed with noise. */
#ifndef BOOT_NUMBER_H
#define BOOT_NUMBER_H

#include <stdint.h>

/* Records are written in turn, so that a torn one leaves the one before, and each cell is worn only every 16th time. */
#define BOOT_RECORDS 16
#define BOOT_RECORD_BYTES 8

/* What to write, where, and the number of this start. */
struct boot_number {
    uint32_t boot;
    uint8_t record[BOOT_RECORD_BYTES];
    uint8_t place;
};

/* The number of this start, from what the records hold: whole, torn, or never written. */
struct boot_number boot_number_next(const uint8_t records[BOOT_RECORDS * BOOT_RECORD_BYTES], uint32_t noise);

#endif
