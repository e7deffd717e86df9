"""What was decided but is not yet in the journal, kept where a SIGKILL cannot take it.

SQLite commits in a thread of its own, so a command can reach the wire before its row reaches the file. To lose
nothing even then, every decision is first written into a small memory-mapped file: that costs microseconds, never
waits for the disk, cannot fail on a full one (its blocks are allocated at start), and the kernel keeps the pages when
the process dies. The next start moves what is left here into the journal.
"""

import json
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.errors import StorageError

__all__ = ["SLOTS", "Intents"]

SLOTS = 64
"""How many items may be decided and not yet committed; when all are taken, nothing moves."""

_HALF = 1024
_HEADER = struct.Struct("<II")  # length and CRC-32 of the JSON that follows
_MAX_JSON = _HALF - _HEADER.size
_SEQ = struct.Struct("<QI")  # the last sequence number, and the CRC-32 of its eight bytes
_SEQ_OFFSET = SLOTS * 2 * _HALF
_to_json = json.JSONEncoder(separators=(",", ":")).encode


class Intents:
    """A fixed number of slots, each with two halves: what is about to happen, then what did happen.

    A half that was torn by a kill fails its CRC and counts as absent; the other half is untouched.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            StorageError: it cannot be made, or the disk has no room for its 131 kB.
        """
        size = _SEQ_OFFSET + _SEQ.size
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.posix_fallocate(handle, 0, size)
                os.ftruncate(handle, size)
                self._memory = mmap.mmap(handle, size)
            finally:
                os.close(handle)
        except OSError as error:
            raise StorageError(
                f"opening {path}", error.strerror or str(error), "make the state directory writable, free some space"
            ) from error
        # No lock: the loop takes slots, the journal's thread gives them back, and a list's pop and append are atomic.
        self._free: list[int] = []

    def left_over(self) -> list[dict[str, Any]]:
        """What an earlier process left behind, in slot order: each intent, with its outcome where that is known."""
        intents = ((slot, self._read(slot, 0)) for slot in range(SLOTS))
        return [intent | (self._read(slot, 1) or {}) for slot, intent in intents if intent is not None]

    def clear(self) -> None:
        """Forget everything; called after `left_over` has been committed."""
        self._memory[:_SEQ_OFFSET] = bytes(_SEQ_OFFSET)
        self._free = list(range(SLOTS))

    @property
    def room(self) -> bool:
        return bool(self._free)

    @property
    def last_seq(self) -> int:
        """The sequence number that was noted last; 0 before the first, and where the file is damaged."""
        seq, crc = _SEQ.unpack_from(self._memory, _SEQ_OFFSET)
        return int(seq) if crc == _crc(seq) else 0

    def note_seq(self, seq: int) -> None:
        """Remember that a number is used, whatever becomes of the journal."""
        _SEQ.pack_into(self._memory, _SEQ_OFFSET, seq, _crc(seq))

    def hold(self, intent: Mapping[str, Any]) -> int:
        """Keep what is about to happen; returns the slot. Raises IndexError when there is no room: ask first."""
        slot = self._free.pop()
        self._write(slot, 0, intent)
        return slot

    def settle(self, slot: int, outcome: Mapping[str, Any]) -> None:
        """Keep what did happen beside the intent: the keys that have changed."""
        self._write(slot, 1, outcome)

    def release(self, slot: int) -> None:
        """The journal has it."""
        offset = slot * 2 * _HALF
        # The intent goes first: a kill between the two leaves an outcome without an intent, which means nothing.
        self._memory[offset : offset + _HEADER.size] = bytes(_HEADER.size)
        self._memory[offset + _HALF : offset + _HALF + _HEADER.size] = bytes(_HEADER.size)
        self._free.append(slot)

    def flush(self) -> None:
        """Ask the kernel to bring the pages to the disk. Raises OSError."""
        self._memory.flush()

    def close(self) -> None:
        self._memory.close()

    def _write(self, slot: int, half: int, fields: Mapping[str, Any]) -> None:
        content = _encode(fields)
        offset = (slot * 2 + half) * _HALF
        record = _HEADER.pack(len(content), zlib.crc32(content)) + content
        self._memory[offset : offset + len(record)] = record

    def _read(self, slot: int, half: int) -> dict[str, Any] | None:
        offset = (slot * 2 + half) * _HALF
        length, crc = _HEADER.unpack_from(self._memory, offset)
        if not 0 < length <= _MAX_JSON:
            return None
        content = self._memory[offset + _HEADER.size : offset + _HEADER.size + length]
        if zlib.crc32(content) != crc:
            return None
        try:
            record = json.loads(content)
        except ValueError:
            return None
        return record if isinstance(record, dict) else None


def _crc(seq: int) -> int:
    return zlib.crc32(seq.to_bytes(8, "little"))


def _encode(record: Mapping[str, Any]) -> bytes:
    """Compact JSON that fits a half; the longest text is halved until it does, so that short ones stay exact."""
    content = _to_json(record).encode()
    shortened: dict[str, Any] = dict(record)
    while len(content) > _MAX_JSON:
        texts = {key: len(_to_json(value)) for key, value in shortened.items() if isinstance(value, str)}
        longest = max(texts, key=texts.__getitem__)
        if len(shortened[longest]) <= 8:
            break
        shortened[longest] = _halve(shortened[longest])
        content = _to_json(shortened).encode()
    return content[:_MAX_JSON]


def _halve(text: str) -> str:
    """A text's end says more than its beginning: the end of a path, the end of an error."""
    return "..." + text[len(text) // 2 + 3 :]
