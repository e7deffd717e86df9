/*
 * What a builder may change. Each value can be given to make as well: `make LEASE_MS=400`.
 *
 * Moving:  HOLD_MS is how long an arm stays out, RETURN_MS how long it needs to get back; together they are the
 *          movement that the host is told. A channel takes its next command only after both.
 * Safety:  LEASE_MS is how long the outputs stay armed without a living host.
 * Reach:   HORIZON_MS is how far ahead a command may be scheduled.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#define FIRMWARE_MAJOR 1
#define FIRMWARE_MINOR 0
#define FIRMWARE_PATCH 0

#ifndef CHANNELS
#define CHANNELS 6
#endif
#ifndef HOLD_MS
#define HOLD_MS 300
#endif
#ifndef RETURN_MS
#define RETURN_MS 200
#endif
#ifndef LEASE_MS
#define LEASE_MS 500
#endif
#ifndef HORIZON_MS
#define HORIZON_MS 10000
#endif

/* 1 where the part is wired, 0 where its pins are left open. */
#ifndef WITH_SENSOR
#define WITH_SENSOR 1
#endif
#ifndef WITH_ENCODER
#define WITH_ENCODER 1
#endif

/* Pulse widths in microseconds: a hobby servo turns 90 degrees between 1000 and 2000. */
#ifndef REST_US
#define REST_US 1000
#endif
#ifndef DIVERT_US
#define DIVERT_US 1800
#endif

#ifndef BAUD
#define BAUD 115200
#endif

/* The item sensor must keep its level for so long before it counts. */
#ifndef DEBOUNCE_MS
#define DEBOUNCE_MS 2
#endif

#endif
