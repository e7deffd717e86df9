"""A SIMULATED board that speaks the framed protocol on a pseudo-terminal: the firmware's own C core, in real time.

It shares no code with the host's side of the line, and does not read frames itself: it moves bytes, lets time pass,
and logs what the core says has moved: moved, silent (moved, but the answer is withheld), jammed, or interrupted (the
board came to rest in the middle).
"""

import errno
import os
import random
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.twin import Faults
from appliance.twin_board import BoardOptions, Movement, TwinBoard
from appliance.twin_log import TwinLog
from appliance.twin_port import twin_port

__all__ = ["FramedTwin"]

_RESET_PIN = 2
_BOOT_S = 1.0
"""An Uno's bootloader eats what comes in its first second."""
_LOOK_EVERY_S = 0.01
"""How often an unopened port is looked at: poll(2) cannot wait for its opening."""
_ALWAYS = 2**32 - 1
_SILENT_S = 2.0
_DIVERT, _JAMMED = 0, 9


@dataclass(slots=True)
class FramedTwin:
    """A board at `link`. `reset_on_open`: a host that opens the port resets it, and a bootloader comes first.

    Of the faults, `silent` is the share of the movements after which nothing is heard of it for two seconds, `noise`
    that of the frames with a spoilt byte or noise before them, `refuse` that of the movements that cannot begin.
    """

    link: Path
    log: Path
    faults: Faults = field(default_factory=Faults)
    channels: int = 8
    reset_on_open: bool = False
    _random: random.Random = field(init=False)
    _board: TwinBoard = field(init=False)
    _moved: int = field(init=False, default=0)
    _deaf_until_s: float = field(init=False, default=0.0)
    _mute_until_s: float = field(init=False, default=0.0)

    def serve(self, *stops: int, on_ready: Callable[[], None] = lambda: None, fresh: bool = False) -> None:
        """Play until one of the descriptors `stops` can be read; `fresh` begins a new log.

        Raises:
            LinkError: no pseudo-terminal, `link` cannot be made, another twin has it, or the core cannot be compiled.
            StorageError: the log cannot be written.
        """
        self._random = random.Random(self.faults.seed)
        self._board = self._new_board(reset=1)
        try:
            with twin_port(self.link, held_open=not self.reset_on_open) as master:
                log = TwinLog(self.log, fresh=fresh)
                try:
                    on_ready()
                    self._play(master, log, stops)
                finally:
                    log.close()
        finally:
            self._board.close()

    def _new_board(self, reset: int) -> TwinBoard:
        # The random number that makes a boot another one must not be the same in every run of the same seed.
        boot = random.SystemRandom().randrange(1, 2**32)
        half_ms = max(1, round(self.faults.delay_s * 500))
        options = BoardOptions(boot=boot, channels=self.channels, hold_ms=half_ms, return_ms=half_ms, reset=reset)
        return TwinBoard(options, _now_us())

    def _play(self, master: int, log: TwinLog, stops: tuple[int, ...]) -> None:
        opened = not self.reset_on_open
        while True:
            if self.reset_on_open:
                opened = self._watch(master, opened)
            ready, _, _ = select.select([master, *stops] if opened else list(stops), [], [], self._wait_s(opened))
            if set(stops) & set(ready):
                return
            self._let_fail()
            data = _read(master) if master in ready else b""
            if time.monotonic() >= self._deaf_until_s:
                self._board.feed(data, _now_us())
            self._board.tick(_now_us())
            for movement in self._board.movements():
                self._note(movement, log)
            self._answer(master)

    def _wait_s(self, opened: bool) -> float | None:
        due_us = self._board.due_us()
        wait_s = None if due_us is None else max(0.0, (due_us - _now_us()) / 1e6)
        if opened and not self.reset_on_open:
            return wait_s
        return _LOOK_EVERY_S if wait_s is None else min(wait_s, _LOOK_EVERY_S)

    def _watch(self, master: int, was_open: bool) -> bool:
        """Does a host have the port open? One that has just opened it has reset the board."""
        poll = select.poll()
        poll.register(master, 0)
        is_open = not any(event & select.POLLHUP for _, event in poll.poll(0))
        if is_open and not was_open:
            self._board.close()
            self._board = self._new_board(_RESET_PIN)
            self._deaf_until_s = time.monotonic() + _BOOT_S
        return is_open

    def _let_fail(self) -> None:
        """Decide what would happen to a movement that begins or ends now."""
        refused = int(self._random.random() < self.faults.refuse)
        jam = self.faults.jam_after and self._moved >= self.faults.jam_after
        self._board.jam(refused=refused, jammed=_ALWAYS if jam else 0)

    def _note(self, movement: Movement, log: TwinLog) -> None:
        if movement.action != _DIVERT:
            return
        result = {0: "moved", _JAMMED: "jammed"}.get(movement.code, "interrupted")
        self._moved += result == "moved"
        if result == "moved" and self._random.random() < self.faults.silent:
            result = "silent"
            self._mute_until_s = time.monotonic() + _SILENT_S
        log.write(movement.session, movement.seq, movement.channel, result)

    def _answer(self, master: int) -> None:
        said = self._board.take()
        if not said or time.monotonic() < self._mute_until_s:
            return
        # Every frame begins with a zero and ends with one.
        frames = [b"\0" + piece + b"\0" for piece in said.split(b"\0") if piece]
        try:
            os.write(master, b"".join(map(self._spoilt, frames)))
        except OSError as error:
            if error.errno != errno.EIO:  # Nobody has the port open.
                raise

    def _spoilt(self, frame: bytes) -> bytes:
        if self._random.random() >= self.faults.noise:
            return frame
        noise = bytes(self._random.randrange(256) for _ in range(self._random.randint(1, 8)))
        if self._random.random() < 0.5:
            return noise + frame
        at = self._random.randrange(len(frame))
        return frame[:at] + noise[:1] + frame[at + 1 :]


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def _read(master: int) -> bytes:
    try:
        return os.read(master, 4096)
    except OSError as error:
        if error.errno == errno.EIO:  # The host has just closed its end.
            return b""
        raise
