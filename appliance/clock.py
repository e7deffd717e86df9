"""Time as the parts receive it: monotonic for every decision, wall time only for people."""

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Clock", "Deadline", "boot_id", "clock_synchronized", "wall_offset_ns", "wall_text"]

Clock = Callable[[], int]
"""Nanoseconds of the host's monotonic clock."""

_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronized to a reliable server."""


class Deadline:
    """How much is left of a number of seconds."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic_ns) -> None:
        self._clock = clock
        self._end_ns = clock() + int(seconds * 1e9)

    @property
    def left_s(self) -> float:
        return max(0.0, (self._end_ns - self._clock()) / 1e9)

    @property
    def expired(self) -> bool:
        return self._clock() >= self._end_ns


def boot_id() -> str:
    """The kernel's name for this boot; empty where the kernel has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def clock_synchronized() -> bool:
    """Do systemd-timesyncd or the kernel hold the wall clock to be right? False where it cannot be told.

    Sources: systemd-timesyncd.service(8), adjtimex(2).
    """
    if _TIMESYNCD.exists():
        return True
    # struct timex is at most 208 bytes; all zero means modes = 0, which only reads.
    buffer = ctypes.create_string_buffer(512)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return False
    return 0 <= int(state) < _TIME_ERROR


def wall_offset_ns() -> int:
    """What to add to a monotonic moment for its wall time, as the clock stands now."""
    return time.time_ns() - time.monotonic_ns()


def wall_text(wall_ns: int) -> str:
    """A wall time, nanoseconds since 1970, as ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(wall_ns / 1e9, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
