"""A twin's own log: what was asked of the machine, and what it did. One JSON object a line."""

import json
import os
import time
from pathlib import Path
from typing import Any

from appliance.errors import StorageError

__all__ = ["TwinLog", "read_log"]


class TwinLog:
    """Append only. A record: {"t_ns", "session", "n", "seq", "channel", "result"}, `n` counted from 1."""

    def __init__(self, path: Path, *, fresh: bool) -> None:
        """Open it; `fresh` begins a new one.

        Raises:
            StorageError: it cannot be written.
        """
        self._path = path
        self._count = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            truncate = os.O_TRUNC if fresh else 0
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | truncate, 0o644)
        except OSError as error:
            remedy = "name another file with --log"
            raise StorageError(f"opening the twin's log {path}", error.strerror or str(error), remedy) from error

    def write(self, session: int, seq: int | None, channel: int | None, result: str) -> None:
        """Keep one command. One write(2) a line: a kill leaves whole lines.

        Raises:
            StorageError: the disk refuses.
        """
        self._count += 1
        record = {
            "t_ns": time.monotonic_ns(),
            "session": session,
            "n": self._count,
            "seq": seq,
            "channel": channel,
            "result": result,
        }
        try:
            os.write(self._file, json.dumps(record).encode() + b"\n")
        except OSError as error:
            raise StorageError(f"writing the twin's log {self._path}", error.strerror or str(error)) from error

    def close(self) -> None:
        os.close(self._file)


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
