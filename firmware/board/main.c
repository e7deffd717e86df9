/*
 * The emulated board: the real firmware on simavr's ATmega328P, behind a pseudo-terminal, in real time.
 *
 *   board ELF --link PATH [--log FILE] [--eeprom FILE] [--reset-on-open] [--boot-silence-s 1] [--seed 1]
 *
 * It behaves as an Arduino Uno does: with --reset-on-open a host that opens the port resets the AVR, and the
 * bootloader eats what comes in the seconds that follow. The servo pins are watched where the pulses are. Ends on
 * SIGTERM or SIGINT; the last line of the log says how true the clock was.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "avr_eeprom.h"
#include "levers.h"
#include "line.h"
#include "log.h"
#include "port.h"
#include "servos.h"
#include "sim_avr.h"
#include "sim_elf.h"
#include "sim_time.h"

#define FREQUENCY 16000000U
#define EEPROM_BYTES 1024U
#define RAM_START 0x100U
#define NS_PER_US 1000U
/* So often the world outside is looked at, and the board's clock waits for the computer's. */
#define PUMP_US 500U

struct options {
    const char *elf;
    const char *link;
    const char *log;
    const char *eeprom;
    bool reset_on_open;
    double boot_silence_s;
    unsigned seed;
};

static struct options options = {.boot_silence_s = 1.0, .seed = 1};
static volatile sig_atomic_t ending;
static avr_t *avr;
static elf_firmware_t firmware;
static uint8_t eeprom[EEPROM_BYTES];
static uint8_t power_on_ram[4096];
static void (*core_reset)(avr_t *);
static bool was_reset;
static bool was_open;
static bool open_again;
/* Where the two clocks were together: the board's stands still while its bootloader waits. */
static uint64_t anchor_ns;
static uint64_t anchor_us;
static uint64_t silent_ns;

static void on_signal(int number)
{
    (void)number;
    ending = 1;
}

static void fail(const char *doing, const char *found)
{
    fprintf(stderr, "board: %s: %s\n", doing, found);
    _exit(1);
}

static void keep_eeprom(void)
{
    avr_eeprom_desc_t all = {.ee = eeprom, .offset = 0, .size = EEPROM_BYTES};
    int file;

    avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &all);
    if (options.eeprom == NULL)
        return;
    file = open(options.eeprom, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || write(file, eeprom, sizeof eeprom) != (ssize_t)sizeof eeprom)
        fail(options.eeprom, strerror(errno));
    close(file);
}

static void load_eeprom(void)
{
    avr_eeprom_desc_t all = {.ee = eeprom, .offset = 0, .size = EEPROM_BYTES};
    int file = options.eeprom != NULL ? open(options.eeprom, O_RDONLY | O_CLOEXEC) : -1;

    memset(eeprom, 0xFF, sizeof eeprom);
    if (file >= 0) {
        if (read(file, eeprom, sizeof eeprom) != (ssize_t)sizeof eeprom)
            fail(options.eeprom, "it is no image of an EEPROM");
        close(file);
    }
    avr_ioctl(avr, AVR_IOCTL_EEPROM_SET, &all);
}

/* RAM wakes up with anything in it. */
static void power_on(void)
{
    srand(options.seed);
    for (size_t at = 0; at < sizeof power_on_ram; at++)
        power_on_ram[at] = (uint8_t)rand();
    memcpy(avr->data + RAM_START, power_on_ram, avr->ramend + 1 - RAM_START);
}

/* The bytes of RAM between the program's own and the deepest place that the stack reached. */
static unsigned stack_margin(void)
{
    unsigned begin = RAM_START + firmware.datasize + firmware.bsssize + 16;
    unsigned at = begin;

    while (at <= avr->ramend && avr->data[at] == power_on_ram[at - RAM_START])
        at++;
    return at - begin;
}

/* Called by simavr inside of avr_reset(), whoever asked for it. */
static void on_reset(avr_t *reset)
{
    core_reset(reset);
    levers_restore(reset);
    line_clear();
    was_reset = true;
}

/* The two clocks are together again at this moment. */
static void set_anchor(void)
{
    anchor_ns = wall_ns();
    anchor_us = board_us(avr);
}

/* Wait until the computer's clock is where the board's is. */
static void pace(void)
{
    uint64_t due_ns = anchor_ns + (board_us(avr) - anchor_us) * NS_PER_US;
    struct timespec due = {.tv_sec = (time_t)(due_ns / 1000000000U), .tv_nsec = (long)(due_ns % 1000000000U)};

    if (wall_ns() < due_ns)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

static avr_cycle_count_t pump(avr_t *board, avr_cycle_count_t when, void *param)
{
    bool open = port_is_open();

    (void)param;
    if (open != was_open) {
        log_line(board_us(board), open ? "opened" : "closed", "%s", "");
        open_again = open && options.reset_on_open;
        was_open = open;
    }
    levers_pump(board);
    line_pump(open);
    servos_turn();
    pace();
    return when + avr_usec_to_cycles(board, PUMP_US);
}

/* The bootloader listens for a new program, and eats what comes. The board's clock stands still. */
static void stay_silent(void)
{
    uint64_t from_ns = wall_ns();
    uint64_t until_ns = from_ns + (uint64_t)(options.boot_silence_s * 1e9);
    struct timespec moment = {.tv_nsec = 5000000};
    uint8_t eaten[4096];

    while (wall_ns() < until_ns && !ending) {
        port_read(eaten, sizeof eaten);
        nanosleep(&moment, NULL);
    }
    port_read(eaten, sizeof eaten);
    silent_ns += wall_ns() - from_ns;
    set_anchor();
}

/* What a reset leaves undone: the cycle timers and pins are simavr's, and it forgets ours. */
static void after_reset(void)
{
    was_reset = false;
    keep_eeprom();
    levers_start(avr);
    avr_cycle_timer_cancel(avr, pump, NULL);
    avr_cycle_timer_register_usec(avr, PUMP_US, pump, NULL);
    log_line(board_us(avr), "reset", "\"mcusr\": %d", avr->data[0x54]);
}

static void reset_by_pin(void)
{
    avr_reset(avr);
    avr_regbit_set(avr, avr->reset_flags.extrf);
    /* The outputs float, and nothing pulses. */
    after_reset();
}

static void sleep_nothing(avr_t *board, avr_cycle_count_t how_long)
{
    /* The pump paces; simavr only counts the cycles. */
    (void)board;
    (void)how_long;
}

static void read_options(int count, char **words)
{
    static const struct option names[] = {
        {"link", required_argument, NULL, 'l'},          {"log", required_argument, NULL, 'o'},
        {"eeprom", required_argument, NULL, 'e'},        {"reset-on-open", no_argument, NULL, 'r'},
        {"boot-silence-s", required_argument, NULL, 'b'}, {"seed", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    int name;

    while ((name = getopt_long(count, words, "", names, NULL)) != -1) {
        switch (name) {
        case 'l':
            options.link = optarg;
            break;
        case 'o':
            options.log = optarg;
            break;
        case 'e':
            options.eeprom = optarg;
            break;
        case 'r':
            options.reset_on_open = true;
            break;
        case 'b':
            options.boot_silence_s = atof(optarg);
            break;
        case 's':
            options.seed = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            _exit(2);
        }
    }
    options.elf = words[optind];
    if (options.elf == NULL || options.link == NULL) {
        fprintf(stderr, "usage: %s ELF --link PATH [--log FILE] [--eeprom FILE] [--reset-on-open] "
                        "[--boot-silence-s 1] [--seed 1]\n", words[0]);
        _exit(2);
    }
}

static void make_board(void)
{
    if (elf_read_firmware(options.elf, &firmware) != 0)
        fail(options.elf, "it is no program for an AVR");
    firmware.frequency = FREQUENCY;
    avr = avr_make_mcu_by_name("atmega328p");
    if (avr == NULL)
        fail("making an atmega328p", "simavr does not know it");
    avr_init(avr);
    avr->log = LOG_NONE;
    avr_load_firmware(avr, &firmware);
    avr->sleep = sleep_nothing;
    core_reset = avr->reset;
    avr->reset = on_reset;
    load_eeprom();
    power_on();
    avr_regbit_set(avr, avr->reset_flags.porf);
    line_start(avr);
    servos_start(avr);
}

static void end(int code)
{
    double wall_s = (double)(wall_ns() - anchor_ns) / 1e9;
    double board_s = (double)(board_us(avr) - anchor_us) / 1e6;
    struct line_counts counts = line_counts();

    keep_eeprom();
    log_line(board_us(avr), "end",
             "\"ratio\": %.6f, \"silent_s\": %.3f, \"to_board\": %llu, \"from_board\": %llu, \"lost\": %llu, "
             "\"stack_margin\": %u",
             wall_s > 0 ? board_s / wall_s : 1.0, (double)silent_ns / 1e9, (unsigned long long)counts.to_board,
             (unsigned long long)counts.from_board, (unsigned long long)counts.lost, stack_margin());
    port_unlink();
    _exit(code);
}

int main(int count, char **words)
{
    struct sigaction action = {.sa_handler = on_signal};

    read_options(count, words);
    if (!log_open(options.log))
        fail(options.log, strerror(errno));
    make_board();
    if (!port_make(options.link))
        _exit(1);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    log_line(0, "ready", "%s", "");
    after_reset();
    set_anchor();
    while (!ending) {
        int state = avr_run(avr);

        if (state == cpu_Done || state == cpu_Crashed) {
            log_line(board_us(avr), "crashed", "\"state\": %d, \"pc\": %u", state, avr->pc);
            end(1);
        }
        levers_hang(avr);
        if (was_reset)
            after_reset();
        if (levers_reset_asked())
            reset_by_pin();
        if (open_again) {
            open_again = false;
            reset_by_pin();
            stay_silent();
        }
    }
    end(0);
}
