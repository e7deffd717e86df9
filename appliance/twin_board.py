"""The board's own program as a SIMULATED far end: the firmware's C core, compiled for this computer, in any time.

It shares no code with the host's side of the line. Times are microseconds of the caller's, never going back.
"""

import ctypes
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from appliance.errors import LinkError
from appliance.twin_core import load_core

__all__ = ["BoardOptions", "BoardView", "Movement", "TwinBoard", "boot_number", "line_of", "receive"]

_MAX_PAYLOAD = 48
_AT_ONCE = 64
"""So many movements are fetched in one call; a board has at most nine at a time."""


@dataclass(frozen=True, slots=True)
class BoardOptions:
    """How a board is made. `reset`: see WELCOME in docs/protocol.md. `line_room`: bytes that may wait unsent."""

    boot: int = 1
    channels: int = 8
    simulated: bool = True
    sensor: bool = True
    encoder: bool = True
    lease_ms: int = 500
    horizon_ms: int = 10_000
    hold_ms: int = 30
    return_ms: int = 30
    reset: int = 1
    watchdogs: int = 0
    board_time_us: int = 0
    line_room: int = 4096


@dataclass(frozen=True, slots=True)
class Movement:
    """A movement that began and is over, as the machine saw it; `code` is 0, or why the command failed."""

    session: int
    seq: int
    action: int
    channel: int
    started_us: int
    ended_us: int
    code: int


@dataclass(frozen=True, slots=True)
class BoardView:
    """What can be seen from outside. `out`: the channels whose arm is out; `moving`: movements that go on."""

    session: int
    state: int
    why: int
    latch: int
    queued: int
    moving: int
    pulsing: bool
    out: frozenset[int]


class _Options(ctypes.Structure):
    _fields_ = (
        ("now", ctypes.c_uint64),
        ("board_time", ctypes.c_uint32),
        ("boot", ctypes.c_uint32),
        ("line_room", ctypes.c_uint32),
        ("lease_ms", ctypes.c_uint16),
        ("horizon_ms", ctypes.c_uint16),
        ("hold_ms", ctypes.c_uint16),
        ("return_ms", ctypes.c_uint16),
        ("channels", ctypes.c_uint8),
        ("flags", ctypes.c_uint8),
        ("reset", ctypes.c_uint8),
        ("watchdogs", ctypes.c_uint8),
    )


class _Movement(ctypes.Structure):
    _fields_ = (
        ("started", ctypes.c_uint64),
        ("ended", ctypes.c_uint64),
        ("session", ctypes.c_uint32),
        ("seq", ctypes.c_uint32),
        ("action", ctypes.c_uint8),
        ("channel", ctypes.c_uint8),
        ("code", ctypes.c_uint8),
    )


class _View(ctypes.Structure):
    _fields_ = (
        ("session", ctypes.c_uint32),
        ("out", ctypes.c_uint8),
        ("pulsing", ctypes.c_uint8),
        ("state", ctypes.c_uint8),
        ("why", ctypes.c_uint8),
        ("latch", ctypes.c_uint8),
        ("queued", ctypes.c_uint8),
        ("moving", ctypes.c_uint8),
    )


class TwinBoard:
    """One board. Before anything is done at a moment, all that was due until then is done, each at its own moment.

    Raises:
        LinkError: the core cannot be compiled, or more channels are asked for than it can count.
    """

    def __init__(self, options: BoardOptions | None = None, now_us: int = 0) -> None:
        options = options or BoardOptions()
        self._library = load_core()
        self._handle: int | None = self._library.played_create(ctypes.byref(_c_options(options, now_us)))
        if not self._handle:
            raise LinkError("making a SIMULATED board", f"no board of {options.channels} channels", "take at most 8")
        self._bytes = ctypes.create_string_buffer(options.line_room + 1)
        self._movements = (_Movement * _AT_ONCE)()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        handle, self._handle = self._handle, None
        self._library.played_destroy(handle)

    def feed(self, data: bytes, now_us: int) -> None:
        """These bytes came over the line, all of them now."""
        self._library.played_feed(self._board, data, len(data), now_us)

    def tick(self, now_us: int) -> None:
        """Let time pass."""
        self._library.played_tick(self._board, now_us)

    def due_us(self) -> int | None:
        """When something happens next by itself; None if only bytes can change anything."""
        due = ctypes.c_uint64()
        return due.value if self._library.played_due(self._board, ctypes.byref(due)) else None

    def take(self) -> bytes:
        """The bytes that the board has sent since the last time."""
        count = self._library.played_take(self._board, self._bytes, len(self._bytes))
        return self._bytes.raw[:count] if count else b""

    def movements(self) -> list[Movement]:
        """The movements that came to their end since the last time, the oldest first."""
        found: list[Movement] = []
        while count := self._library.played_movements(self._board, self._movements, _AT_ONCE):
            found += [_movement(one) for one in self._movements[:count]]
        return found

    def sense(self, occupied: bool, now_us: int) -> None:
        """The item sensor sees something, or no longer."""
        self._library.played_sense(self._board, occupied, now_us)

    def roll(self, position: int, now_us: int) -> None:
        """The belt's encoder stands there."""
        self._library.played_roll(self._board, position, now_us)

    def jam(self, *, refused: int = 0, jammed: int = 0) -> None:
        """The next `refused` movements cannot begin; after them the next `jammed` ones do not happen."""
        self._library.played_jam(self._board, refused, jammed)

    def overrun(self, count: int) -> None:
        """The line lost so many bytes before the board could read them."""
        self._library.played_overrun(self._board, count)

    def view(self) -> BoardView:
        seen = _View()
        self._library.played_view(self._board, ctypes.byref(seen))
        out = frozenset(channel for channel in range(8) if seen.out >> channel & 1)
        return BoardView(
            seen.session, seen.state, seen.why, seen.latch, seen.queued, seen.moving, bool(seen.pulsing), out
        )

    @property
    def _board(self) -> int:
        assert self._handle is not None, "the board is closed"
        return self._handle


def receive(line: bytes) -> tuple[bytes | None, dict[str, int]]:
    """The core's receiver alone: the payload that the line ends in, if it is good, without its CRC, and the counts."""
    payload, length = ctypes.create_string_buffer(_MAX_PAYLOAD), ctypes.c_uint8()
    counts = (ctypes.c_uint32 * 4)()
    good = load_core().played_receive(line, len(line), payload, ctypes.byref(length), counts)
    names = ("frames", "bad_crc", "bad_frame", "unknown")
    return payload.raw[: length.value] if good else None, dict(zip(names, counts, strict=True))


def line_of(payload: bytes) -> bytes:
    """The core's sender alone: the line of a type and body; empty if it is too long for a frame."""
    line = ctypes.create_string_buffer(_MAX_PAYLOAD + 3)
    length = load_core().played_line(payload, len(payload), line) if len(payload) <= _MAX_PAYLOAD else 0
    return line.raw[:length]


def boot_number(records: bytes, noise: int) -> tuple[int, bytes]:
    """The number of a start from the EEPROM's 128 bytes, and what they hold afterwards."""
    buffer = ctypes.create_string_buffer(records, len(records))
    return load_core().played_boot_number(buffer, noise), buffer.raw


def _c_options(options: BoardOptions, now_us: int) -> _Options:
    return _Options(
        now=now_us,
        board_time=options.board_time_us,
        boot=options.boot,
        line_room=options.line_room,
        lease_ms=options.lease_ms,
        horizon_ms=options.horizon_ms,
        hold_ms=options.hold_ms,
        return_ms=options.return_ms,
        channels=options.channels,
        flags=options.simulated | options.sensor << 1 | options.encoder << 2,
        reset=options.reset,
        watchdogs=options.watchdogs,
    )


def _movement(one: _Movement) -> Movement:
    return Movement(one.session, one.seq, one.action, one.channel, one.started, one.ended, one.code)
