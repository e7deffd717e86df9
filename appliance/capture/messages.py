"""What passes between the two processes beside pictures: JSON lines, first of all a job on the way in.

The child says `started` (its libraries are loaded), `found` (the driver is open, with what it told), `ready` (the first
picture is in the memory), `corrupt` (how many pictures could not be decoded so far, and why the `last` one), `jpeg` (an
answer to a request: the picture's id, and its `content` in base64 or null), and `error` (it gives up and ends).
"""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from appliance.errors import ApplianceError, CameraError

__all__ = ["Job", "Lines", "Voice", "said_error"]

_MAX_LINE = 64_000_000
"""A JPEG in base64 is the longest that is said."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the child is to do. `reader` is "module:Class"; `memory`, `bell`, `voice` are inherited descriptors.

    `first_id` is the id of its first picture, `parent` the process to die with. `same_is_old`: a picture that is
    the same as the one before is as old as that one; `shown` is the fingerprint and the stamp of what an earlier
    process gave last.
    """

    reader: str
    options: Mapping[str, Any]
    first_id: int
    same_is_old: bool
    shown: tuple[int, int] | None = None
    memory: int = -1
    bell: int = -1
    voice: int = -1
    parent: int = 0

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Job":
        """
        Raises:
            ValueError, TypeError: not a job of this version.
        """
        return cls(**json.loads(line))


class Voice:
    """The child's end of the pipe. Two threads may speak."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def say(self, **message: Any) -> None:
        """Write one line. A parent that has gone is no reason to fail: the lifeline ends the process."""
        content = json.dumps(message, default=str).encode() + b"\n"
        with self._lock, suppress(BrokenPipeError):
            while content:
                content = content[os.write(self._descriptor, content) :]

    def say_error(self, error: ApplianceError) -> None:
        self.say(error=[error.doing, error.found, error.remedy])


def said_error(message: Mapping[str, Any]) -> CameraError | None:
    """The error of a message, if it is one."""
    if "error" not in message:
        return None
    doing, found, remedy = (str(part) for part in message["error"])
    return CameraError(doing, found, remedy)


class Lines:
    """Bytes in, whole messages out; what is no message is passed over, the rest waits for its end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, content: bytes) -> list[dict[str, Any]]:
        *lines, rest = (self._rest + content).split(b"\n")
        self._rest = rest[-_MAX_LINE:]
        return [message for line in lines if (message := _message(line)) is not None]


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
