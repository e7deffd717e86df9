"""What a reader is: the few lines that a kind of camera needs in the capture process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Picture", "Reader"]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a driver gave: pixels (height, width, 3) uint8 in blue, green, red, and when they were exposed.

    `stamp_ns` is on the host's monotonic clock; `clock` says where it is from, "arrival" if only from here.
    """

    pixels: Any
    stamp_ns: int
    clock: str


class Reader(Protocol):
    """Made from the options of config.yaml as JSON types. Whatever hangs or crashes in here is killed from outside."""

    def open(self) -> Mapping[str, Any]:
        """Open the driver; what it says of itself, as JSON types: rate, controls, `warnings` (a list of sentences).

        Raises:
            CameraError: not there, not permitted, or not as ordered.
        """

    def read(self) -> Picture:
        """Wait for the next picture.

        Raises:
            FrameUnreadable: this one cannot be decoded; the next may be fine.
            CameraError: the source is gone.
        """

    def close(self) -> None:
        """Let go of the driver. (Nothing relies on it: the process may be killed instead.)"""
