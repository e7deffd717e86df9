/*
 * Coverage-guided fuzzing of the receiver and the board [libFuzzer]: raw bytes, whole frames with any body, time,
 * sensors and faults, in any order; after each step the board's promises are looked at.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "protocol.h"
#include "wire.h"

#define SESSION 0x01020304U
#define MOVEMENTS 64

/* What the input has left. */
struct input {
    const uint8_t *at;
    size_t left;
};

/* The board that is tried, the time, and what moved since the last handshake. */
struct trial {
    struct played_board *board;
    uint64_t now;
    uint32_t board_time;
    bool moved[256];
};

static uint8_t take(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

static void promise(bool kept)
{
    if (!kept)
        abort();
}

/* No number moves twice in a session; what is out is out under a lease; what waits fits the queue. */
static void look(struct trial *trial)
{
    static struct played_movement movements[MOVEMENTS];
    static uint8_t sent[512];
    struct played_view view;
    size_t count;

    while ((count = played_movements(trial->board, movements, MOVEMENTS)) > 0) {
        for (size_t place = 0; place < count; place++) {
            promise(movements[place].ended >= movements[place].started);
            promise(!trial->moved[movements[place].seq & 0xFF] || movements[place].seq > 0xFF);
            trial->moved[movements[place].seq & 0xFF] = true;
        }
    }
    while (played_take(trial->board, sent, sizeof sent) > 0)
        ;
    played_view(trial->board, &view);
    promise(view.state <= ARMED && view.queued <= 8);
    promise((view.out == 0 && view.moving == 0 && view.queued == 0) || (view.state == ARMED && view.pulsing));
}

/* A frame of this type with a right CRC: the session is the board's, or nearly; numbers are small, so that they meet. */
static void say(struct trial *trial, struct input *input, uint8_t type)
{
    uint8_t payload[MAX_PAYLOAD] = {type};
    uint8_t line[MAX_LINE];
    uint8_t body = wire_body_length(type);
    struct played_view view;
    uint32_t session = SESSION + (take(input) == 0xFF);
    size_t session_at = type == HELLO ? 3 : 1;

    played_view(trial->board, &view);
    for (uint8_t place = 0; place < body; place++)
        payload[1 + place] = take(input);
    if (type == HELLO)
        payload[1] = (uint8_t)(payload[1] == 0xFF ? 2 : PROTOCOL_MAJOR);
    memcpy(payload + session_at, &session, sizeof session);
    if (type == COMMAND)
        memset(payload + 6, 0, 3);
    if ((type == ARM && payload[5] < 0xF0) || (type == COMMAND && payload[9] < 0xF0))
        payload[type == ARM ? 5 : 9] = view.latch;
    if (type == COMMAND && payload[10] < 0xF0) {
        uint32_t not_before = trial->board_time + (uint32_t)trial->now + payload[12] * 256U;
        uint32_t not_after = not_before + payload[16] * 256U;

        payload[10] &= 1;
        payload[11] &= 7;
        memcpy(payload + 12, &not_before, sizeof not_before);
        memcpy(payload + 16, &not_after, sizeof not_after);
    }
    played_feed(trial->board, line, wire_line(payload, (uint8_t)(body + 1), line), trial->now);
    if (type != HELLO)
        return;
    /* What the handshake interrupted is still of the session before. */
    look(trial);
    memset(trial->moved, 0, sizeof trial->moved);
}

static void raw(struct trial *trial, struct input *input)
{
    size_t length = take(input);

    if (length > input->left)
        length = input->left;
    played_feed(trial->board, input->at, length, trial->now);
    input->at += length;
    input->left -= length;
}

static void step(struct trial *trial, struct input *input)
{
    uint8_t what = take(input);

    switch (what % 12) {
    case 0:
        raw(trial, input);
        break;
    case 1:
        trial->now += (uint64_t)take(input) * take(input) * 16U;
        played_tick(trial->board, trial->now);
        break;
    case 2:
        played_sense(trial->board, (what & 16) != 0, trial->now);
        break;
    case 3:
        played_roll(trial->board, (int8_t)take(input), trial->now);
        break;
    case 4:
        played_jam(trial->board, take(input) % 3, take(input) % 3);
        break;
    case 5:
        /* Any type, also those of the board and unknown ones. */
        say(trial, input, take(input));
        break;
    default:
        say(trial, input, (uint8_t)(what % 12 - 5));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.at = data, .left = size};
    struct played_options options = {.boot = 1, .line_room = 256, .lease_ms = 500, .horizon_ms = 10000,
                                     .hold_ms = 3, .return_ms = 2, .channels = 6, .flags = 7, .reset = 1};
    struct trial trial = {.now = 0};

    options.board_time = trial.board_time = (uint32_t)take(&input) << 24;
    trial.board = played_create(&options);
    promise(trial.board != NULL);
    while (input.left > 0) {
        step(&trial, &input);
        look(&trial);
    }
    played_destroy(trial.board);
    return 0;
}
