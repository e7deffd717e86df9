/*
 * What a person or a test does to the board, one command a line:
 *
 *   sensor 1 | sensor 0    the item sensor sees something, or nothing
 *   fault 1 | fault 0      the machine reports a fault, or none
 *   encoder STEPS          the belt moves by so many quarter periods, one a millisecond; negative: backwards
 *   hang                   the program stops where it is, and only interrupts go on
 *   reset                  somebody presses the button
 */
#include "levers.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "avr_extint.h"
#include "avr_ioport.h"
#include "log.h"
#include "servos.h"
#include "sim_time.h"

#define ENCODER_STEP_US 1000U

static char text[256];
static size_t length;
static long steps_left;
/* Of the encoder, see set_encoder(): both pins high at first, as pull-ups leave them. */
static unsigned phase = 2;
static bool occupied;
static bool fault;
static bool reset_asked;
static bool hang_asked;
static bool hung;
static avr_flashaddr_t hung_at;
static uint8_t replaced[2];

/* All inputs are pulled up and active when low. simavr has to be told twice: now, and for every later look at the port. */
static void set_pin(avr_t *avr, char port, int pin, bool high, bool forced)
{
    avr_irq_t *irq = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(port), pin);
    static uint8_t masks[2];
    static uint8_t values[2];
    int place = port - 'B' > 0;
    avr_ioport_external_t held = {.name = (unsigned char)port & 0x7FU};

    masks[place] |= (uint8_t)(1U << pin);
    values[place] = (uint8_t)((values[place] & ~(1U << pin)) | (unsigned)high << pin);
    held.mask = masks[place];
    held.value = values[place];
    avr_ioctl(avr, AVR_IOCTL_IOPORT_SET_EXTERNAL(port), &held);
    /* A reset clears the register, but simavr passes on only what differs from the level it knew before. */
    if (forced)
        irq->value = !high;
    avr_raise_irq(irq, high);
}

static void set_encoder(avr_t *avr, bool forced)
{
    /* Forwards: 00 01 11 10, A is the high bit. */
    static const uint8_t levels[4] = {0, 1, 3, 2};

    set_pin(avr, 'D', 3, (levels[phase & 3] & 2) != 0, forced);
    set_pin(avr, 'D', 4, (levels[phase & 3] & 1) != 0, forced);
}

static avr_cycle_count_t encoder_step(avr_t *avr, avr_cycle_count_t when, void *param)
{
    (void)param;
    if (steps_left == 0)
        return 0;
    phase += steps_left > 0 ? 1 : 3;
    steps_left -= steps_left > 0 ? 1 : -1;
    set_encoder(avr, false);
    return when + avr_usec_to_cycles(avr, ENCODER_STEP_US);
}

/* A jump to itself, in place of the instruction that would come next: interrupts return to it for ever. */
void levers_hang(avr_t *avr)
{
    /* Not in the middle of an interrupt: it is the main loop that is to stop. */
    if (!hang_asked || hung || !avr->sreg[S_I])
        return;
    hang_asked = false;
    hung_at = avr->pc;
    memcpy(replaced, avr->flash + hung_at, sizeof replaced);
    avr->flash[hung_at] = 0xFF;
    avr->flash[hung_at + 1] = 0xCF;
    hung = true;
}

void levers_restore(avr_t *avr)
{
    if (hung)
        memcpy(avr->flash + hung_at, replaced, sizeof replaced);
    hung = false;
}

void levers_start(avr_t *avr)
{
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    /* A low pin before the program has chosen edges would be looked at in every cycle. */
    avr_extint_set_strict_lvl_trig(avr, EXTINT_IRQ_OUT_INT0, 0);
    avr_extint_set_strict_lvl_trig(avr, EXTINT_IRQ_OUT_INT1, 0);
    set_pin(avr, 'D', 2, !occupied, true);
    set_pin(avr, 'B', 4, !fault, true);
    set_encoder(avr, true);
}

static void carry_out(avr_t *avr, const char *command, long value)
{
    if (strcmp(command, "sensor") == 0)
        set_pin(avr, 'D', 2, !(occupied = value != 0), false);
    else if (strcmp(command, "fault") == 0)
        set_pin(avr, 'B', 4, !(fault = value != 0), false);
    else if (strcmp(command, "encoder") == 0) {
        steps_left += value;
        avr_cycle_timer_register_usec(avr, ENCODER_STEP_US, encoder_step, NULL);
    } else if (strcmp(command, "hang") == 0)
        hang_asked = true;
    else if (strcmp(command, "reset") == 0)
        reset_asked = true;
    else {
        fprintf(stderr, "board: no such command: %s\n", command);
        return;
    }
    log_line(board_us(avr), "lever", "\"command\": \"%s\", \"value\": %ld", command, value);
}

static void read_line(avr_t *avr, const char *line)
{
    char command[32] = "";
    long value = 0;

    if (sscanf(line, "%31s %ld", command, &value) >= 1)
        carry_out(avr, command, value);
}

void levers_pump(avr_t *avr)
{
    ssize_t count = read(STDIN_FILENO, text + length, sizeof text - 1 - length);
    char *end;

    if (count <= 0)
        return;
    length += (size_t)count;
    text[length] = '\0';
    while ((end = strchr(text, '\n')) != NULL) {
        *end = '\0';
        read_line(avr, text);
        length -= (size_t)(end + 1 - text);
        memmove(text, end + 1, length + 1);
    }
    if (length == sizeof text - 1)
        length = 0;
}

bool levers_reset_asked(void)
{
    bool asked = reset_asked;

    reset_asked = false;
    return asked;
}
