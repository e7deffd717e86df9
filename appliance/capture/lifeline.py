"""The capture process ends when the one that started it does, however that ended."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable
from typing import BinaryIO

__all__ = ["die_with_parent"]

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, lifeline: BinaryIO, hear: Callable[[bytes], None]) -> None:
    """Ask the kernel for SIGKILL at the parent's end, and watch `lifeline`, a pipe whose other end it holds.

    What it says on that pipe, line by line, is for `hear`, on a thread.

    The signal (prctl(2)) also reaches a process that is stopped or hangs in a driver, but it comes at the end of the
    *thread* that started us; the pipe also works where the signal was lost to a change of credentials.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    threading.Thread(target=_watch, args=(lifeline, hear), name="lifeline", daemon=True).start()


def _watch(lifeline: BinaryIO, hear: Callable[[bytes], None]) -> None:
    for line in lifeline:
        hear(line)
    os._exit(0)
