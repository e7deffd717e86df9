/* The framed protocol's numbers: versions, types, lengths, codes. The words are those of docs/protocol.md. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#define PROTOCOL_MAJOR 1
#define PROTOCOL_MINOR 0

/* A payload is type, body and CRC; a receiver needs one byte more for COBS. */
#define CRC_BYTES 4
#define MAX_PAYLOAD 48
#define MAX_ENCODED (MAX_PAYLOAD + 1)
#define MAX_LINE (MAX_ENCODED + 2)

/* The answers that a board keeps: those of the newest sequence number and of the 31 before it. */
#define ANSWERS 32

enum message_type {
    HELLO = 0x01,    /* begins a session */
    ARM = 0x02,      /* from now on commands may move, for as long as the lease lasts */
    BEAT = 0x03,     /* asks for the time, and renews or ends the lease if it says so */
    COMMAND = 0x04,  /* one movement, between two moments */
    STOP = 0x05,     /* comes to rest before anything else */
    ASK = 0x06,      /* asks for the counters */
    WELCOME = 0x81,  /* answers HELLO: who the board is and what it can do */
    REFUSED = 0x82,  /* answers a HELLO of another major version */
    ACCEPTED = 0x83, /* a command waits or moves */
    DONE = 0x84,     /* a command's diverter is back */
    FAILED = 0x85,   /* a command did not move, or not to its end */
    PULSE = 0x86,    /* answers BEAT with the board's time */
    STATE = 0x87,    /* the board was armed or came to rest */
    EVENT = 0x88,    /* the item sensor or the belt encoder */
    COUNTERS = 0x89, /* answers ASK */
    FOREIGN = 0x8A,  /* answers a frame of another session */
};

enum state { WAITING = 0, SAFE = 1, ARMED = 2 };

/* What a BEAT does to the lease; other numbers end it, so that an unknown wish is a safe one. */
enum lease { KEEP_LEASE = 0, RENEW_LEASE = 1, END_LEASE = 2 };

/* Why the board came to rest the last time. */
enum why { WHY_BOOT = 0, WHY_HELLO = 1, WHY_LEASE = 2, WHY_STOP = 3, WHY_WATCHDOG = 4 };

enum action { DIVERT = 0, HOME = 1 };

/* Why a command failed. */
enum failure {
    NO_FAILURE = 0,
    LATE = 1,        /* not_after had passed before it could begin */
    NOT_ARMED = 2,   /* the board is safe, or the latch is of an earlier time */
    BAD_CHANNEL = 3, /* no such channel, or no such action */
    FULL = 4,        /* the queue has no room */
    HORIZON = 5,     /* not_before is further ahead than horizon_ms */
    TOO_OLD = 6,     /* its answer is no longer kept */
    CANCELLED = 7,   /* the board came to rest before it began */
    INTERRUPTED = 8, /* the board came to rest while it moved */
    JAMMED = 9,      /* the machine says that the movement did not happen */
};

enum refusal { REFUSED_MAJOR = 1 };

/* WELCOME's flags. */
enum flag { FLAG_SIMULATED = 1, FLAG_SENSOR = 2, FLAG_ENCODER = 4 };

enum event_kind { EVENT_SEEN = 1, EVENT_FREE = 2, EVENT_POSITION = 3 };

#endif
