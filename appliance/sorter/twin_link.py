"""Whether a port's name was left behind by a SIMULATED machine that died: its pseudo-terminal may be anybody's now.

A twin holds the lock `.NAME.lock` beside its link NAME as long as it lives, and notes in it where the link leads.
"""

import fcntl
import os
from pathlib import Path

__all__ = ["is_left_behind"]


def is_left_behind(name: str) -> bool:
    """Does this link still lead where a twin that is dead has led it?

    False of everything that is not known to be one: a real port, somebody else's link, a lock that cannot be read.
    """
    link = Path(name)
    try:
        target = os.readlink(link)
        lock = os.open(link.with_name(f".{link.name}.lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.read(lock, 256) == os.fsencode(target) and _is_free(lock)
    finally:
        os.close(lock)


def _is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False  # Held; or a file system without locks, where nothing is known.
    return True
