"""Pictures in shared memory: three slots, one writer, and a reader that never takes a torn picture for a whole one.

A slot has a header of 128 bytes, then the pixels. Its first field is a sequence lock: odd while the slot is being
written, another even number afterwards. A writer that is killed in between leaves it odd for ever. The memory has a
fixed size that is sealed: nobody can shrink it under the other's feet. It has no name: when both processes have
ended, however they ended, it is gone.

All numbers are little-endian. The check word covers the header and a sample of the pixels. It catches what the lock
cannot: damage, and on processors that reorder stores a header that is seen before its pixels.
"""

import fcntl
import mmap
import os
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["MAX_PICTURE_BYTES", "RingReader", "RingWriter", "Shot", "fingerprint", "make_memory"]

MAX_PICTURE_BYTES = 16_384 * 16_384 * 3
_MAGIC = b"capture1"
_SLOTS = 3
_RING = struct.Struct("<8sQ")
_RING_BYTES = 64
_LOCK = struct.Struct("<Q")
_FIELDS = struct.Struct("<QqqIIIIQ16sI")
"""id, stamp, arrival, height, width, channels, repeats, corrupt, clock, fingerprint; the check word follows."""
_CHECK = struct.Struct("<I")
_SLOT_HEADER_BYTES = 128
_FIELDS_AT = _LOCK.size
_CHECK_AT = _FIELDS_AT + _FIELDS.size
_SAMPLED_ROWS = 8
"""Every so many rows are looked at: 0.1 ms instead of 1 ms for a picture of 640x480."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture as the capture process tells of it.

    `pixels`: (height, width, 3) uint8 in blue, green, red. `stamp_ns`: when what it shows was first seen, on the host's
    monotonic clock; `clock` says where that is from. `arrival_ns`: when the driver gave it. `repeats`: how many
    pictures in a row before this one were the same. `corrupt`: how many could not be decoded so far. `fingerprint`: of
    the pixels; made by the writer, so only what comes out has one.
    """

    id: int
    stamp_ns: int
    arrival_ns: int
    clock: str
    pixels: Any
    repeats: int = 0
    corrupt: int = 0
    fingerprint: int = 0


def make_memory() -> int:
    """A file descriptor of new shared memory, still empty; the writer gives it its size."""
    return os.memfd_create("capture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def fingerprint(pixels: Any) -> int:
    """A checksum over a sample of the rows: the same for the same picture, another for one with other noise."""
    return zlib.crc32(np.ascontiguousarray(pixels[::_SAMPLED_ROWS]).data)


class RingWriter:
    """The only writer. Every picture goes to the slot after the last one's, so the newest is never touched."""

    def __init__(self, memory: int, picture_bytes: int) -> None:
        """Give `memory` its final size: three pictures of at most `picture_bytes`."""
        if not 0 < picture_bytes <= MAX_PICTURE_BYTES:
            raise ValueError(f"a picture of {picture_bytes} bytes")
        self._stride = _SLOT_HEADER_BYTES + -(-picture_bytes // 64) * 64
        self.picture_bytes = picture_bytes
        size = _RING_BYTES + _SLOTS * self._stride
        os.ftruncate(memory, size)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        self._map = mmap.mmap(memory, size)
        _RING.pack_into(self._map, 0, _MAGIC, self._stride)

    def write(self, shot: Shot) -> None:
        """Put one picture in place of the oldest.

        Raises:
            ValueError: the picture is larger than those that the memory was made for.
        """
        height, width, channels = shot.pixels.shape
        if shot.pixels.nbytes > self.picture_bytes:
            raise ValueError(f"a picture of {width}x{height} in a ring for {self.picture_bytes} bytes")
        at = _RING_BYTES + shot.id % _SLOTS * self._stride
        (lock,) = _LOCK.unpack_from(self._map, at)
        odd = lock | 1
        _LOCK.pack_into(self._map, at, odd)
        place = np.frombuffer(self._map, np.uint8, shot.pixels.nbytes, at + _SLOT_HEADER_BYTES)
        np.copyto(place.reshape(shot.pixels.shape), shot.pixels)
        clock = shot.clock.encode("ascii")[:16]
        fields = _FIELDS.pack(shot.id, shot.stamp_ns, shot.arrival_ns, height, width, channels, shot.repeats,
                              shot.corrupt, clock, fingerprint(shot.pixels))  # fmt: skip
        self._map[at + _FIELDS_AT : at + _CHECK_AT] = fields
        _CHECK.pack_into(self._map, at + _CHECK_AT, zlib.crc32(fields))
        _LOCK.pack_into(self._map, at, odd + 1)


class RingReader:
    """The other side. `damaged` counts slots whose check word did not fit although nobody was writing them."""

    def __init__(self, memory: int) -> None:
        """Look at memory that a writer has given its size.

        Raises:
            ValueError: it is none of ours.
        """
        self._map = mmap.mmap(memory, 0, prot=mmap.PROT_READ)
        magic, self._stride = _RING.unpack_from(self._map, 0)
        if magic != _MAGIC or len(self._map) != _RING_BYTES + _SLOTS * self._stride:
            self._map.close()
            raise ValueError("the shared memory is not laid out as this version does it")
        self.damaged = 0
        self._bad: tuple[int, int] | None = None

    def newest(self, after_id: int) -> Shot | None:
        """A copy of the newest whole picture with an id above `after_id`; None if there is none."""
        heads = [(self._head(slot), slot) for slot in range(_SLOTS)]
        candidates = [(head[1][0], slot, head) for head, slot in heads if head is not None and head[1][0] > after_id]
        for _, slot, (lock, fields) in sorted(candidates, reverse=True):
            shot = self._copy(slot, lock, fields)
            if shot is not None:
                return shot
        return None

    def find(self, number: int) -> Shot | None:
        """A copy of the picture with this id, if it is still there."""
        slot = number % _SLOTS
        head = self._head(slot)
        return self._copy(slot, *head) if head is not None and head[1][0] == number else None

    @property
    def newest_id(self) -> int:
        """The id of the newest whole picture; 0 if there is none."""
        heads = [self._head(slot) for slot in range(_SLOTS)]
        return max((head[1][0] for head in heads if head is not None), default=0)

    def close(self) -> None:
        self._map.close()

    def _head(self, slot: int) -> tuple[int, tuple[Any, ...]] | None:
        """The lock and the fields of a slot that is whole, else None."""
        at = self._at(slot)
        (lock,) = _LOCK.unpack_from(self._map, at)
        if lock == 0 or lock % 2:
            return None
        raw = self._map[at + _FIELDS_AT : at + _CHECK_AT]
        (check,) = _CHECK.unpack_from(self._map, at + _CHECK_AT)
        if zlib.crc32(raw) != check:
            self._reject(slot, lock)
            return None
        return lock, _FIELDS.unpack(raw)

    def _copy(self, slot: int, lock: int, fields: tuple[Any, ...]) -> Shot | None:
        number, stamp_ns, arrival_ns, height, width, channels, repeats, corrupt, clock, expected = fields
        size = height * width * channels
        if not 0 < size <= self._stride - _SLOT_HEADER_BYTES:
            self._reject(slot, lock)
            return None
        at = self._at(slot) + _SLOT_HEADER_BYTES
        pixels = np.frombuffer(self._map[at : at + size], np.uint8).reshape(height, width, channels)
        if _LOCK.unpack_from(self._map, self._at(slot))[0] != lock:
            return None
        if fingerprint(pixels) != expected:
            self._reject(slot, lock)
            return None
        said = clock.rstrip(b"\0").decode("ascii", "replace")
        return Shot(number, stamp_ns, arrival_ns, said, pixels, repeats, corrupt, expected)

    def _reject(self, slot: int, lock: int) -> None:
        """Count a slot that nobody is writing and that does not fit its check word, once."""
        if _LOCK.unpack_from(self._map, self._at(slot))[0] == lock and self._bad != (slot, lock):
            self._bad = (slot, lock)
            self.damaged += 1

    def _at(self, slot: int) -> int:
        return _RING_BYTES + slot * int(self._stride)
