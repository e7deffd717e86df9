"""A bad line between real ends: a pseudo-terminal of its own in front of the board's port, as noisy as `NoisyWire`."""

import contextlib
import os
import random
import select
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noisy_wire import Noise, NoisyWire

from appliance.twin_port import twin_port

__all__ = ["NoisyLine", "noisy_line"]

_LOOK_S = 0.005
"""So often at least the line looks whether a host has its end open."""


class NoisyLine:
    """Opening `link` opens the board's port, and closing it closes that. A cable that can be pulled, or cut inside."""

    def __init__(self, link: Path, board: Path, noise: Noise, seed: int = 1) -> None:
        self.link = link
        self.cut = False
        """Nothing gets through, and neither end can tell."""
        self._board = board
        self._noise = noise
        self._rng = random.Random(seed)
        self._pulled = threading.Event()
        self._thread: threading.Thread | None = None

    def plug(self) -> None:
        """The cable is there."""
        self._pulled.clear()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._carry, args=(ready,), name="noisy-line")
        self._thread.start()
        assert ready.wait(10), "no pseudo-terminal"

    def pull(self) -> None:
        """The cable is gone: the host's port breaks, and the board's is closed."""
        self._pulled.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _carry(self, ready: threading.Event) -> None:
        with twin_port(self.link, held_open=False) as host:
            _open_once(self.link)
            ready.set()
            while not self._pulled.is_set():
                if _is_open(host):
                    self._carry_for_a_host(host)
                self._pulled.wait(_LOOK_S)

    def _carry_for_a_host(self, host: int) -> None:
        """From its opening to its closing."""
        board = os.open(self._board, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            tty.setraw(board)
            there, back = (NoisyWire(self._noise, random.Random(self._rng.random())) for _ in range(2))
            while not self._pulled.is_set() and _is_open(host):
                dues_ns = [one.due_ns for one in (there, back) if one.due_ns is not None]
                left_s = max(0.0, (min(dues_ns) - time.monotonic_ns()) / 1e9) if dues_ns else _LOOK_S
                readable, _, _ = select.select([host, board], [], [], min(left_s, _LOOK_S))
                for source, target, wire in ((host, board, there), (board, host, back)):
                    data = _read(source) if source in readable else b""
                    wire.write(b"" if self.cut else data, time.monotonic_ns())
                    _write(target, wire.read(time.monotonic_ns()))
        finally:
            os.close(board)


@contextmanager
def noisy_line(link: Path, board: Path, noise: Noise | None = None, seed: int = 1) -> Iterator[NoisyLine]:
    """Plugged in for as long as the block lasts."""
    line = NoisyLine(link, board, noise or Noise(), seed)
    line.plug()
    try:
        yield line
    finally:
        line.pull()


def _open_once(link: Path) -> None:
    """A pseudo-terminal that nobody has ever opened does not say that nobody has it open."""
    os.close(os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))


def _is_open(host: int) -> bool:
    poll = select.poll()
    poll.register(host, 0)
    return not any(event & select.POLLHUP for _, event in poll.poll(0))


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except OSError:  # The other end has just been closed.
        return b""


def _write(handle: int, data: bytes) -> None:
    if data:
        with contextlib.suppress(OSError):
            os.write(handle, data)
