/* Why the board started, which number this start has, and the watchdog that starts it again. */
#include "start.h"

#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/wdt.h>

#include "boot_number.h"
#include "crc32.h"
#include "servo.h"
#include "settings.h"

/* What outlives a reset as long as there is power: how often the watchdog bit, and whether it did just now. */
struct bites {
    uint32_t mark;
    uint8_t count;
    bool fresh;
};
#define MARK 0x5AFEB17EUL

static struct bites bites __attribute__((section(".noinit")));
static uint8_t cause __attribute__((section(".noinit")));

void start_early(void) __attribute__((naked, used, section(".init3")));

/* Before anything else: after its reset the watchdog runs on with 16 ms, which is less than a start takes. */
void start_early(void)
{
    cause = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

static void count_bite(void)
{
    if (bites.count < UINT8_MAX)
        bites.count++;
    bites.fresh = true;
}

/*
 * The main loop no longer turns. Until the watchdog's second time-out resets the board, 250 ms later, the arms go to
 * their rest positions; if interrupts are off as well, this never runs, and the reset comes all the same. The note is
 * needed because many bootloaders clear the cause of the reset.
 */
ISR(WDT_vect)
{
    count_bite();
    servo_retreat();
    sei();
    for (;;)
        ;
}

/* The reset's cause, and how often the watchdog bit since there is power. */
static void read_cause(struct birth *birth)
{
    if (bites.mark != MARK || (cause & _BV(PORF)))
        bites = (struct bites){.mark = MARK};
    else if ((cause & _BV(WDRF)) && !bites.fresh)
        count_bite();
    birth->by_watchdog = bites.fresh;
    birth->watchdogs = bites.count;
    birth->reset = (uint8_t)((cause & 0x0F) | (bites.fresh ? _BV(WDRF) : 0));
    bites.fresh = false;
}

/* What differs between boards: the pattern that RAM wakes up with, and the last bits of an open analog pin. */
static uint32_t noise(void)
{
    extern uint8_t __heap_start;
    uint8_t samples[16];
    uint32_t found = crc32(&__heap_start, 255);

    ADMUX = _BV(REFS0);
    ADCSRA = _BV(ADEN) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
    for (uint8_t sample = 0; sample < sizeof samples; sample++) {
        ADCSRA |= _BV(ADSC);
        while (ADCSRA & _BV(ADSC))
            ;
        samples[sample] = (uint8_t)ADC;
    }
    ADCSRA = 0;
    return found ^ crc32(samples, sizeof samples);
}

struct birth start_birth(void)
{
    uint8_t records[BOOT_RECORDS * BOOT_RECORD_BYTES];
    struct birth birth;
    struct boot_number number;

    read_cause(&birth);
    eeprom_read_block(records, (const void *)0, sizeof records);
    number = boot_number_next(records, noise());
    birth.boot = number.boot;
    eeprom_write_block(number.record, (void *)(uint16_t)(number.place * BOOT_RECORD_BYTES), sizeof number.record);
    eeprom_busy_wait();
    return birth;
}

void start_watchdog(void)
{
    wdt_enable(WDTO_250MS);
    WDTCSR |= _BV(WDIE);
}
