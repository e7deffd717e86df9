"""What a text line has carried: its newest lines, and how often what happened. Any thread may write and read."""

import threading
import time
from collections import Counter, deque

from appliance.clock import Clock
from appliance.sorter import Passage

__all__ = ["LineRecord"]

_KEPT = 256
"""Beyond so many lines the oldest are forgotten."""
_LONGEST = 120
"""Of a longer line people see the beginning."""


class LineRecord:
    """Bounded. `names` are counted from 0, so that a reader finds them before they happen."""

    def __init__(self, *names: str, clock: Clock = time.monotonic_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._passages: deque[Passage] = deque(maxlen=_KEPT)
        self._number = 0
        self._counts = Counter(dict.fromkeys(names, 0))

    def sent(self, line: bytes) -> None:
        self._note(line.decode("utf-8", "replace"), outgoing=True)

    def heard(self, line: str, trouble: str = "") -> None:
        """A line came in; `trouble` says what was wrong with it."""
        self._note(line, outgoing=False, trouble=trouble)

    def count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def after(self, number: int) -> list[Passage]:
        """The lines above a number, oldest first; a gap in the numbers is what was forgotten."""
        with self._lock:
            return [one for one in self._passages if one.number > number]

    def _note(self, text: str, *, outgoing: bool, trouble: str = "") -> None:
        at_ns = self._clock()
        shown = text.strip()[:_LONGEST]
        with self._lock:
            self._number += 1
            self._passages.append(Passage(self._number, at_ns, outgoing, shown, trouble))
