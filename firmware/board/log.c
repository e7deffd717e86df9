/* What the runner saw, one JSON object a line; one write(2) a line, so that a kill leaves whole lines. */
#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int file = STDOUT_FILENO;

uint64_t wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

bool log_open(const char *path)
{
    if (path != NULL)
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return file >= 0;
}

void log_line(uint64_t board_us, const char *kind, const char *more, ...)
{
    char members[256];
    char line[400];
    va_list arguments;
    int length;

    va_start(arguments, more);
    vsnprintf(members, sizeof members, more, arguments);
    va_end(arguments);
    length = snprintf(line, sizeof line, "{\"t_us\": %llu, \"t_ns\": %llu, \"kind\": \"%s\"%s%s}\n",
                      (unsigned long long)board_us, (unsigned long long)wall_ns(), kind, members[0] ? ", " : "", members);
    if (write(file, line, (size_t)length) != length)
        perror("board: writing the log");
}
