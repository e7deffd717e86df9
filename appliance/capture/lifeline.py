"""The capture process ends when the one that started it does, however that ended."""

import ctypes
import os
import signal
import threading

__all__ = ["die_with_parent"]

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, lifeline: int) -> None:
    """Ask the kernel for SIGKILL at the parent's end, and watch `lifeline`, a pipe whose other end it holds.

    The signal (prctl(2)) also reaches a process that is stopped or hangs in a driver, but it comes at the end of the
    *thread* that started us; the pipe also works where the signal was lost to a change of credentials.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    threading.Thread(target=_watch, args=(lifeline,), name="lifeline", daemon=True).start()


def _watch(lifeline: int) -> None:
    while os.read(lifeline, 4096):
        pass
    os._exit(0)
