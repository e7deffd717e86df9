"""Bytes of a line into frames, and frames into bytes. Pure: bytes in, frames out, and back.

firmware/vectors.json holds golden vectors that both ends pass.
"""

import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from struct import Struct
from typing import Any

from cobs import cobs

from appliance.sorter.frames import FRAMES, Frame

__all__ = ["LineCounters", "Receiver", "frame_from", "line_of"]

MAX_ENCODED = 49
"""A payload has at most 48 bytes; COBS adds one. What grows beyond it is noise."""
_NOISE_PIECES, _NOISE_BYTES = 16, 64
"""So much of what is no frame is kept for people: more would not be read."""
_CRC = Struct("<I")
_ZERO = b"\0"
_BY_TYPE: dict[int, type[Any]] = {one.TYPE: one for one in FRAMES}


def _reader(kind: type[Any]) -> Callable[[Any], tuple[int, ...]]:
    names = [field.name for field in fields(kind)]
    read: Any = attrgetter(*names)
    return read if len(names) > 1 else lambda frame: (read(frame),)


_VALUES: dict[type[Any], Callable[[Any], tuple[int, ...]]] = {one: _reader(one) for one in FRAMES}


def line_of(frame: Frame) -> bytes:
    """The bytes of a frame on the line, with the zero before and the zero behind."""
    content = bytes((frame.TYPE,)) + frame.LAYOUT.pack(*_VALUES[type(frame)](frame))
    encoded: bytes = cobs.encode(content + _CRC.pack(zlib.crc32(content)))
    return _ZERO + encoded + _ZERO


@dataclass(slots=True)
class LineCounters:
    """What a receiver has seen: frames taken for good, and everything that was not."""

    frames: int = 0
    bad_crc: int = 0
    bad_frame: int = 0
    """Too long, too short, no COBS, or not of the length of its type."""
    unknown: int = 0
    """A right CRC, and a type that this version does not know."""

    @property
    def bad(self) -> int:
        return self.bad_crc + self.bad_frame + self.unknown


class Receiver:
    """Takes bytes in whatever pieces they come and gives the frames in them. Never raises for bytes; never holds more
    than one frame's; in step again at the next zero. Every piece of noise between two zeros is counted once."""

    def __init__(self) -> None:
        self._partial = b""
        self._too_long = False
        self._noise: deque[bytes] = deque(maxlen=_NOISE_PIECES)
        self.counters = LineCounters()

    def feed(self, chunk: bytes) -> list[Frame]:
        """The good frames that end in this chunk."""
        *ended, partial = chunk.split(_ZERO)
        frames: list[Frame] = []
        for piece in ended:
            frame = self._end(piece)
            if frame is not None:
                frames.append(frame)
        self._begin(partial)
        return frames

    def reset(self) -> None:
        """Forget a partial frame, as after a new connection."""
        self._partial, self._too_long = b"", False

    def give_up(self) -> None:
        """The line is quiet: what there is of a frame will never be one. Text, for instance, has no zeros."""
        if self._partial:
            self._drop_partial()
        self._too_long = False

    def take_noise(self) -> list[bytes]:
        """The beginnings of what was no frame, for people to look at: the newest pieces since the last call."""
        taken = list(self._noise)
        self._noise.clear()
        return taken

    def _end(self, piece: bytes) -> Frame | None:
        """A zero came after `piece`."""
        encoded, noise = self._partial + piece, self._too_long
        self._partial, self._too_long = b"", False
        if not encoded:
            return None
        frame = None if noise else frame_from(encoded, self.counters)
        if frame is None:
            self._noise.append(encoded[:_NOISE_BYTES])
        return frame

    def _begin(self, piece: bytes) -> None:
        """No zero has come after `piece` yet. What is too long already is counted now, and not again at its end."""
        self._partial += piece
        if len(self._partial) > MAX_ENCODED:
            self._drop_partial()
            self._too_long = True

    def _drop_partial(self) -> None:
        self._noise.append(self._partial[:_NOISE_BYTES])
        self.counters.bad_frame += not self._too_long
        self._partial = b""


def frame_from(encoded: bytes, counters: LineCounters) -> Frame | None:
    """The frame of the bytes between two zeros; None if it is not one, and why is counted."""
    try:
        payload = cobs.decode(encoded) if len(encoded) <= MAX_ENCODED else b""
    except cobs.DecodeError:
        payload = b""
    if len(payload) <= _CRC.size:
        counters.bad_frame += 1
        return None
    content, crc = payload[: -_CRC.size], payload[-_CRC.size :]
    if _CRC.pack(zlib.crc32(content)) != crc:
        counters.bad_crc += 1
        return None
    kind = _BY_TYPE.get(content[0])
    if kind is None:
        counters.unknown += 1
        return None
    if len(content) != 1 + kind.LAYOUT.size:
        counters.bad_frame += 1
        return None
    counters.frames += 1
    frame: Frame = kind(*kind.LAYOUT.unpack_from(content, 1))
    return frame
