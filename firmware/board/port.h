/* The pseudo-terminal that stands for the board's USB port, under a name of its own, and who has it open. */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Make the port and point the symbolic link `link` to it; false, with the reason on standard error, if not. */
bool port_make(const char *link);

/* Does a host have it open at this moment? */
bool port_is_open(void);

/* Take what came, without waiting; tells how many bytes. */
size_t port_read(uint8_t *bytes, size_t room);

/* Hand over what fits, without waiting; tells how many bytes. */
size_t port_write(const uint8_t *bytes, size_t length);

/* Take the link away. */
void port_unlink(void);

#endif
