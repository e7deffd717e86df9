"""The port that a twin plays on: a pseudo-terminal under a name of its own, which no other twin can take."""

import fcntl
import os
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.clock import Deadline
from appliance.errors import LinkError

__all__ = ["twin_port"]

_PEEK_S = 0.1
"""A host that looks whether the link's twin lives holds the lock for a moment."""


@contextmanager
def twin_port(link: Path, *, held_open: bool = True) -> Iterator[int]:
    """The twin's end of a pseudo-terminal whose other end is found at `link`, for as long as the block lasts.

    `held_open`: a host that closes its end does not end the line. Without it the twin's end tells whether a host has
    the port open: poll(2) reports POLLHUP while none has.

    Raises:
        LinkError: no pseudo-terminal, `link` cannot be made, or another twin has it.
    """
    lock = _lock(link)
    try:
        try:
            master, slave = os.openpty()
        except OSError as error:
            found = error.strerror or str(error)
            raise LinkError("opening a pseudo-terminal", found, "close some terminals") from error
        name, handles = os.ttyname(slave), [master, slave]
        try:
            tty.setraw(slave)
            if not held_open:
                os.close(handles.pop())
            _note(lock, name)
            _point(link, name)
            yield master
        finally:
            if link.is_symlink() and os.readlink(link) == name:
                link.unlink()
            _note(lock, "")
            for handle in handles:
                os.close(handle)
    finally:
        os.close(lock)


def _lock(link: Path) -> int:
    """Hold the link's name; the kernel lets go of it when the process dies.

    Raises:
        LinkError: another twin holds it, or nothing can be written there.
    """
    doing = f"making {link}"
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(link.with_name(f".{link.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise LinkError(doing, error.strerror or str(error), "name another one with --link") from error
    if not _is_ours(handle):
        os.close(handle)
        remedy = "use that one (`appliance run` without --twin), or end it first"
        raise LinkError(doing, "another twin is there already", remedy)
    return handle


def _is_ours(lock: int) -> bool:
    deadline = Deadline(_PEEK_S)
    while not deadline.expired:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(_PEEK_S / 10)
    return False


def _note(lock: int, name: str) -> None:
    """Where the link leads, for a host that finds it after our death; nothing after an end in order."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, name.encode(), 0)


def _point(link: Path, target: str) -> None:
    """Make `link` a symbolic link to the pseudo-terminal; a link that is there is replaced, anything else is not."""
    doing = f"making {link}"
    if link.exists() and not link.is_symlink():
        raise LinkError(doing, "a file of that name is there", "name another one with --link")
    beside = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        beside.symlink_to(target)
        beside.replace(link)
    except OSError as error:
        raise LinkError(doing, error.strerror or str(error), "name another one with --link") from error
