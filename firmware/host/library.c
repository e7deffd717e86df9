/* The board's program as a shared library: the machine that is played below the core. */
#include "library.h"

#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "boot_number.h"
#include "hal.h"

struct played_board {
    struct board board;
    uint64_t now;
    uint32_t board_time;
    uint8_t out;
    bool pulsing;
    uint32_t refused;
    uint32_t jammed;
    uint32_t line_room;
    size_t sent;
    uint8_t *line;
    /* The movements that go on, as they were noticed, and those that are over. */
    struct played_movement open[MAX_CHANNELS + 1];
    bool is_open[MAX_CHANNELS + 1];
    struct played_movement *over;
    size_t over_count;
    size_t over_room;
};

void hal_divert(void *machine, uint8_t channel)
{
    struct played_board *played = machine;

    played->out |= (uint8_t)(1U << channel);
    played->pulsing = true;
}

void hal_rest(void *machine, uint8_t channel)
{
    struct played_board *played = machine;

    played->out &= (uint8_t)~(1U << channel);
    played->pulsing = true;
}

void hal_release(void *machine)
{
    struct played_board *played = machine;

    played->pulsing = false;
}

bool hal_jammed(void *machine, uint8_t channel, bool ended)
{
    struct played_board *played = machine;
    uint32_t *left = ended ? &played->jammed : &played->refused;

    (void)channel;
    if (*left == 0 || (ended && played->refused > 0))
        return false;
    --*left;
    return true;
}

bool hal_send(void *machine, const uint8_t *line, uint8_t length)
{
    struct played_board *played = machine;

    if (played->sent + length > played->line_room)
        return false;
    memcpy(played->line + played->sent, line, length);
    played->sent += length;
    return true;
}

/* A movement is over: it goes to the log. Without memory for it nothing that follows could be trusted. */
static void log_over(struct played_board *played, struct played_movement movement)
{
    if (played->over_count == played->over_room) {
        played->over_room = played->over_room * 2 + 16;
        played->over = realloc(played->over, played->over_room * sizeof *played->over);
        if (played->over == NULL)
            abort();
    }
    played->over[played->over_count++] = movement;
}

/* A movement that was open is no longer there: its answer tells how it ended; a new session has forgotten it. */
static void close_movement(struct played_board *played, uint8_t place)
{
    struct played_movement movement = played->open[place];
    const struct answer *answer = NULL;

    if (played->board.session == movement.session)
        answer = answers_find(&played->board.answers, movement.seq);
    movement.ended = played->now;
    movement.code = answer != NULL && answer->kind == ENDED ? answer->code : INTERRUPTED;
    played->is_open[place] = false;
    log_over(played, movement);
}

static void open_movement(struct played_board *played, uint8_t place)
{
    const struct movement *movement = &played->board.movements[place];

    played->is_open[place] = true;
    played->open[place] = (struct played_movement){
        .started = played->now,
        .session = played->board.last_session,
        .seq = movement->seq,
        .action = place == HOMING ? HOME : DIVERT,
        .channel = place == HOMING ? 0 : place,
    };
}

/* Compare what moves with what moved before. Time went to every moment at which something happens, so `now` is it. */
static void notice(struct played_board *played)
{
    for (uint8_t place = 0; place <= MAX_CHANNELS; place++) {
        const struct movement *movement = &played->board.movements[place];
        bool moves = movement->phase != IDLE;

        if (played->is_open[place] && (!moves || movement->seq != played->open[place].seq))
            close_movement(played, place);
        if (moves && !played->is_open[place])
            open_movement(played, place);
    }
}

static uint32_t board_now(const struct played_board *played)
{
    return played->board_time + (uint32_t)played->now;
}

static void turn(struct played_board *played)
{
    board_turn(&played->board, board_now(played));
    board_roll(&played->board, played->board.position, board_now(played));
    notice(played);
}

/* The board compares moments within half a turn of its clock only, and so has to be asked often enough. */
#define LONGEST_STEP_US (UINT64_C(1) << 30)

void played_tick(struct played_board *played, uint64_t now)
{
    uint64_t due;

    while (played_due(played, &due) && due < now) {
        played->now = due;
        turn(played);
    }
    if (now > played->now)
        played->now = now;
    turn(played);
}

bool played_due(const struct played_board *played, uint64_t *due)
{
    uint32_t board_due_at = 0;
    bool any = board_due(&played->board, board_now(played), &board_due_at);

    *due = played->now + (any ? board_due_at - board_now(played) : LONGEST_STEP_US);
    return any;
}

struct played_board *played_create(const struct played_options *options)
{
    struct limits limits = {
        .channels = options->channels,
        .flags = options->flags,
        .lease_ms = options->lease_ms,
        .horizon_ms = options->horizon_ms,
        .hold_ms = options->hold_ms,
        .return_ms = options->return_ms,
    };
    struct birth birth = {
        .boot = options->boot,
        .reset = options->reset,
        .watchdogs = options->watchdogs,
        .by_watchdog = (options->reset & 8) != 0,
    };
    struct played_board *played = options->channels <= MAX_CHANNELS ? calloc(1, sizeof *played) : NULL;

    if (played == NULL)
        return NULL;
    played->line = malloc(options->line_room + 1);
    if (played->line == NULL) {
        free(played);
        return NULL;
    }
    played->line_room = options->line_room;
    played->now = options->now;
    played->board_time = options->board_time - (uint32_t)options->now;
    board_start(&played->board, &limits, &birth, played);
    return played;
}

void played_destroy(struct played_board *played)
{
    if (played == NULL)
        return;
    free(played->over);
    free(played->line);
    free(played);
}

void played_feed(struct played_board *played, const uint8_t *bytes, size_t length, uint64_t now)
{
    played_tick(played, now);
    while (length-- > 0) {
        board_hear(&played->board, *bytes++, board_now(played), board_now(played));
        notice(played);
    }
}

size_t played_take(struct played_board *played, uint8_t *bytes, size_t room)
{
    size_t count = played->sent < room ? played->sent : room;

    memcpy(bytes, played->line, count);
    played->sent -= count;
    memmove(played->line, played->line + count, played->sent);
    return count;
}

size_t played_movements(struct played_board *played, struct played_movement *movements, size_t room)
{
    size_t count = played->over_count < room ? played->over_count : room;

    if (count == 0)
        return 0;
    memcpy(movements, played->over, count * sizeof *movements);
    played->over_count -= count;
    memmove(played->over, played->over + count, played->over_count * sizeof *movements);
    return count;
}

void played_sense(struct played_board *played, bool occupied, uint64_t now)
{
    played_tick(played, now);
    board_see(&played->board, occupied, board_now(played));
}

void played_roll(struct played_board *played, int32_t position, uint64_t now)
{
    played_tick(played, now);
    board_roll(&played->board, position, board_now(played));
}

void played_jam(struct played_board *played, uint32_t refused, uint32_t jammed)
{
    played->refused = refused;
    played->jammed = jammed;
}

void played_overrun(struct played_board *played, uint16_t bytes)
{
    while (bytes-- > 0)
        count16(&played->board.counters.overrun);
}

void played_view(const struct played_board *played, struct played_view *view)
{
    const struct board *board = &played->board;

    *view = (struct played_view){
        .session = board->session,
        .out = played->out,
        .pulsing = played->pulsing,
        .state = board->state,
        .why = board->why,
        .latch = board->latch,
        .queued = board->queue.length,
    };
    for (uint8_t place = 0; place <= MAX_CHANNELS; place++)
        view->moving = (uint8_t)(view->moving + (board->movements[place].phase != IDLE));
}

bool played_receive(const uint8_t *line, size_t length, uint8_t *payload, uint8_t *payload_length, uint32_t counters[4])
{
    struct wire wire;
    bool good = false;

    wire_start(&wire, 0xFF);
    while (length-- > 0) {
        good = wire_feed(&wire, *line++);
        if (!good)
            continue;
        *payload_length = (uint8_t)(wire_body_length(wire.bytes[0]) + 1);
        memcpy(payload, wire.bytes, *payload_length);
    }
    counters[0] = wire.counters.frames;
    counters[1] = wire.counters.bad_crc;
    counters[2] = wire.counters.bad_frame;
    counters[3] = wire.counters.unknown;
    return good;
}

uint8_t played_line(const uint8_t *payload, uint8_t length, uint8_t *line)
{
    uint8_t whole[MAX_PAYLOAD];

    if (length > MAX_PAYLOAD - CRC_BYTES)
        return 0;
    memcpy(whole, payload, length);
    return wire_line(whole, length, line);
}

uint32_t played_boot_number(uint8_t *records, uint32_t noise)
{
    struct boot_number next = boot_number_next(records, noise);

    memcpy(records + next.place * BOOT_RECORD_BYTES, next.record, BOOT_RECORD_BYTES);
    return next.boot;
}
