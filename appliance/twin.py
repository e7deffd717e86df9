"""A SIMULATED far end: plays a sorting machine on a pseudo-terminal, in a process of its own, and keeps its own log.

It shares no code with the host's side of the line. Every reply says SIMULATED. The language:

    HELLO              -> READY SIMULATED appliance-twin channels=N
    SORT channel seq   -> OK seq SIMULATED | ERR seq reason SIMULATED     (also without seq)
    STOP               -> STOPPED SIMULATED

The log has one JSON object a line, written before the reply: {"t_ns", "session", "n", "seq", "channel", "result"},
where `result` is moved, refused, jammed, silent (moved, but the reply is withheld) or malformed.
"""

import fcntl
import json
import os
import random
import select
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.errors import LinkError, StorageError

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
    _session: int = field(init=False, default=0)
    _count: int = field(init=False, default=0)
    _moved: int = field(init=False, default=0)

    def serve(self, *stops: int, on_ready: Callable[[], None] = lambda: None, fresh: bool = False) -> None:
        """Play until one of the descriptors `stops` can be read; `fresh` begins a new log.

        Raises:
            LinkError: no pseudo-terminal, `link` cannot be made, or another twin has it.
            StorageError: the log cannot be written.
        """
        self._random = random.Random(self.faults.seed)
        lock = _lock(self.link)
        try:
            self._serve_alone(stops, on_ready, fresh)
        finally:
            os.close(lock)

    def _serve_alone(self, stops: tuple[int, ...], on_ready: Callable[[], None], fresh: bool) -> None:
        log = _open_log(self.log, fresh)
        try:
            master, slave = os.openpty()
        except OSError as error:
            os.close(log)
            raise LinkError(
                "opening a pseudo-terminal", error.strerror or str(error), "close some terminals"
            ) from error
        try:
            # Kept open, so that a host that closes its end does not end the line.
            tty.setraw(slave)
            _point(self.link, os.ttyname(slave))
            on_ready()
            self._play(master, log, stops)
        finally:
            if self.link.is_symlink() and os.readlink(self.link) == os.ttyname(slave):
                self.link.unlink()
            for handle in (master, slave, log):
                os.close(handle)

    def _play(self, master: int, log: int, stops: tuple[int, ...]) -> None:
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

    def _hear(self, log: int) -> None:
        *lines, rest = bytes(self._buffer).replace(b"\r", b"\n").split(b"\n")
        self._buffer = bytearray(rest[-_MAX_LINE:])
        for line in lines:
            words = line.decode("ascii", errors="replace").split()
            if words == ["HELLO"]:
                self._session += 1
                self._reply(f"READY SIMULATED appliance-twin channels={self.channels}", 0.0)
            elif words == ["STOP"]:
                self._reply("STOPPED SIMULATED", 0.0)
            elif words:
                self._command(words, log)

    def _command(self, words: list[str], log: int) -> None:
        self._count += 1
        numbers = [int(word) for word in words[1:] if word.isdecimal() and len(word) < 12]
        well_formed = words[0] == "SORT" and len(numbers) == len(words) - 1 and len(numbers) in (1, 2)
        if not well_formed or not 0 <= numbers[0] < self.channels:
            self._write(log, None, None, "malformed")
            self._reply("ERR malformed SIMULATED", 0.0)
            return
        channel, seq = numbers[0], numbers[1] if len(numbers) == 2 else None
        result = self._result()
        self._write(log, seq, channel, result)
        if result in _RESULT_REPLIES:
            self._reply(_RESULT_REPLIES[result].format(seq="" if seq is None else f" {seq}"), self.faults.delay_s)

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

    def _write(self, log: int, seq: int | None, channel: int | None, result: str) -> None:
        record = {
            "t_ns": time.monotonic_ns(),
            "session": self._session,
            "n": self._count,
            "seq": seq,
            "channel": channel,
            "result": result,
        }
        # One write(2) a line: a kill leaves whole lines.
        try:
            os.write(log, json.dumps(record).encode() + b"\n")
        except OSError as error:
            raise StorageError(f"writing the twin's log {self.log}", error.strerror or str(error)) from error


def read_log(path: Path) -> list[dict[str, Any]]:
    """The commands that a twin has logged; a torn last line is left out.

    Raises:
        StorageError: there is no such log.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise StorageError(f"reading the twin's log {path}", error.strerror or str(error)) from error
    return [json.loads(line) for line in lines]


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
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        remedy = "use that one (`appliance run` without --twin), or end it first"
        raise LinkError(doing, "another twin is there already", remedy) from error
    return handle


def _open_log(path: Path, fresh: bool) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        truncate = os.O_TRUNC if fresh else 0
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | truncate, 0o644)
    except OSError as error:
        remedy = "name another file with --log"
        raise StorageError(f"opening the twin's log {path}", error.strerror or str(error), remedy) from error


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
