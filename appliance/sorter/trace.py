"""The newest frames of a link, for people who look at the line."""

from collections import deque
from dataclasses import dataclass

from appliance.sorter.frames import Frame

__all__ = ["Trace", "Traced"]

_KEPT = 256


@dataclass(frozen=True, slots=True)
class Traced:
    """A frame that went by, numbered from 1; `frame` is None where `noise` came in, which is none."""

    number: int
    at_ns: int
    outgoing: bool
    frame: Frame | None
    noise: bytes = b""


class Trace:
    """Bounded: the oldest fall out."""

    def __init__(self) -> None:
        self._kept: deque[Traced] = deque(maxlen=_KEPT)
        self._count = 0

    def note(self, at_ns: int, frame: Frame | None, *, outgoing: bool, noise: bytes = b"") -> None:
        self._count += 1
        self._kept.append(Traced(self._count, at_ns, outgoing, frame, noise))

    def after(self, number: int) -> list[Traced]:
        """Those above a number, oldest first; a gap in the numbers is what fell out."""
        return [one for one in self._kept if one.number > number]
