"""A SIMULATED far end: plays a sorting machine on a pseudo-terminal, in a process of its own, and keeps its own log.

It shares no code with the host's side of the line. Every reply says SIMULATED. The language:

    HELLO              -> READY SIMULATED appliance-twin channels=N
    SORT channel seq   -> OK seq SIMULATED | ERR seq reason SIMULATED     (also without seq)
    STOP               -> STOPPED SIMULATED

The log has one JSON object a line, written before the reply: {"t_ns", "session", "n", "seq", "channel", "result"},
where `result` is moved, refused, jammed, silent (moved, but the reply is withheld) or malformed.
"""

import os
import random
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.twin_log import TwinLog, read_log
from appliance.twin_port import twin_port

__all__ = ["Faults", "Twin", "read_log"]

_MAX_LINE = 256
_RESULT_REPLIES = {
    "moved": "OK{seq} SIMULATED",
    "refused": "ERR{seq} refused SIMULATED",
    "jammed": "ERR{seq} jammed SIMULATED",
}


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong: shares are 0..1 of the commands. `jam_after`: from that movement on nothing moves; 0 never."""

    delay_s: float = 0.02
    refuse: float = 0.0
    silent: float = 0.0
    noise: float = 0.0
    jam_after: int = 0
    seed: int = 0


@dataclass(slots=True)
class _Reply:
    due_s: float
    data: bytes


@dataclass(slots=True)
class Twin:
    """The machine's state. `link` is the name under which the pseudo-terminal can be found."""

    link: Path
    log: Path
    faults: Faults = field(default_factory=Faults)
    channels: int = 8
    _random: random.Random = field(init=False)
    _buffer: bytearray = field(init=False, default_factory=bytearray)
    _replies: list[_Reply] = field(init=False, default_factory=list)
    _overlong: bool = field(init=False, default=False)
    """A line that does not end is malformed whenever the buffer is full of it; its rest is no other line."""
    _session: int = field(init=False, default=0)
    _moved: int = field(init=False, default=0)

    def serve(self, *stops: int, on_ready: Callable[[], None] = lambda: None, fresh: bool = False) -> None:
        """Play until one of the descriptors `stops` can be read; `fresh` begins a new log.

        Raises:
            LinkError: no pseudo-terminal, `link` cannot be made, or another twin has it.
            StorageError: the log cannot be written.
        """
        self._random = random.Random(self.faults.seed)
        with twin_port(self.link) as master:
            log = TwinLog(self.log, fresh=fresh)
            try:
                on_ready()
                self._play(master, log, stops)
            finally:
                log.close()

    def _play(self, master: int, log: TwinLog, stops: tuple[int, ...]) -> None:
        while True:
            wait_s = self._replies[0].due_s - time.monotonic() if self._replies else None
            ready, _, _ = select.select([master, *stops], [], [], None if wait_s is None else max(0.0, wait_s))
            if set(stops) & set(ready):
                return
            if master in ready:
                self._buffer += os.read(master, 4096)
                self._hear(log)
            now_s = time.monotonic()
            while self._replies and self._replies[0].due_s <= now_s:
                os.write(master, self._replies.pop(0).data)

    def _hear(self, log: TwinLog) -> None:
        *lines, rest = bytes(self._buffer).replace(b"\r", b"\n").split(b"\n")
        self._buffer = bytearray(rest)
        if self._overlong and lines:
            del lines[0]
            self._overlong = False
        if len(rest) > _MAX_LINE:
            self._overlong = True
            self._buffer.clear()
            self._malformed(log)
        for line in lines:
            words = line.decode("ascii", errors="replace").split()
            if words == ["HELLO"]:
                self._session += 1
                self._reply(f"READY SIMULATED appliance-twin channels={self.channels}", 0.0)
            elif words == ["STOP"]:
                self._reply("STOPPED SIMULATED", 0.0)
            elif words:
                self._command(words, log)

    def _command(self, words: list[str], log: TwinLog) -> None:
        numbers = [int(word) for word in words[1:] if word.isdecimal() and len(word) < 12]
        well_formed = words[0] == "SORT" and len(numbers) == len(words) - 1 and len(numbers) in (1, 2)
        if not well_formed or not 0 <= numbers[0] < self.channels:
            self._malformed(log)
            return
        channel, seq = numbers[0], numbers[1] if len(numbers) == 2 else None
        result = self._result()
        log.write(self._session, seq, channel, result)
        if result in _RESULT_REPLIES:
            self._reply(_RESULT_REPLIES[result].format(seq="" if seq is None else f" {seq}"), self.faults.delay_s)

    def _malformed(self, log: TwinLog) -> None:
        log.write(self._session, None, None, "malformed")
        self._reply("ERR malformed SIMULATED", 0.0)

    def _result(self) -> str:
        faults = self.faults
        if faults.jam_after and self._moved >= faults.jam_after:
            return "jammed"
        if self._random.random() < faults.refuse:
            return "refused"
        self._moved += 1
        return "silent" if self._random.random() < faults.silent else "moved"

    def _reply(self, text: str, delay_s: float) -> None:
        data = text.encode("ascii") + b"\n"
        if self._random.random() < self.faults.noise:
            # What a line picks up beside a motor: half of it ends in something like a line end, the other half spoils
            # the reply.
            noise = bytes(self._random.choice(range(128, 256)) for _ in range(self._random.randint(1, 8)))
            data = noise + self._random.choice((b"", b"\n")) + data
        self._replies.append(_Reply(time.monotonic() + delay_s, data))
