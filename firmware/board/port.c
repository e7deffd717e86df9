/* The pseudo-terminal that stands for the board's USB port. */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static int master = -1;
static char slave_name[128];
static char link_name[4096];

static bool fail(const char *doing)
{
    fprintf(stderr, "board: %s: %s\n", doing, strerror(errno));
    return false;
}

/* Without a slave open, and none opened ever, the master does not say POLLHUP: so it is opened once, and closed. */
static bool open_once(void)
{
    struct termios raw;
    int slave = open(slave_name, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (slave < 0)
        return fail(slave_name);
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    close(slave);
    return true;
}

static bool point_link(void)
{
    struct stat there;

    /* A link that an earlier run left is replaced, and nothing else. */
    if (lstat(link_name, &there) == 0 && S_ISLNK(there.st_mode))
        unlink(link_name);
    return symlink(slave_name, link_name) == 0 || fail(link_name);
}

bool port_make(const char *link)
{
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return fail("making a pseudo-terminal");
    if (ptsname_r(master, slave_name, sizeof slave_name) != 0)
        return fail("naming the pseudo-terminal");
    fcntl(master, F_SETFL, O_NONBLOCK);
    snprintf(link_name, sizeof link_name, "%s", link);
    return open_once() && point_link();
}

bool port_is_open(void)
{
    struct pollfd one = {.fd = master, .events = POLLIN};

    return poll(&one, 1, 0) >= 0 && (one.revents & POLLHUP) == 0;
}

size_t port_read(uint8_t *bytes, size_t room)
{
    ssize_t count = room > 0 ? read(master, bytes, room) : 0;

    return count > 0 ? (size_t)count : 0;
}

size_t port_write(const uint8_t *bytes, size_t length)
{
    ssize_t count = length > 0 ? write(master, bytes, length) : 0;

    return count > 0 ? (size_t)count : 0;
}

void port_unlink(void)
{
    char target[sizeof slave_name] = "";

    /* Another runner may have taken the name over. */
    if (readlink(link_name, target, sizeof target - 1) > 0 && strcmp(target, slave_name) == 0)
        unlink(link_name);
}
