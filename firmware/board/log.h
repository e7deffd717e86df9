/* What the runner saw, one JSON object a line: when by the board's clock (t_us) and by the computer's (t_ns). */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Append to `path`, or write to standard output if it is NULL; false if it cannot be opened. */
bool log_open(const char *path);

/* One line: "kind" is `kind`; `more` is printf's, of members without braces, and may be empty. */
void log_line(uint64_t board_us, const char *kind, const char *more, ...) __attribute__((format(printf, 3, 4)));

/* The computer's monotonic clock, as everybody else's on it. */
uint64_t wall_ns(void);

#endif
