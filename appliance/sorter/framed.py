"""A board that speaks the framed protocol: the reference firmware, or anything that follows docs/protocol.md."""

import time
from collections.abc import Mapping
from typing import Any, Literal

from appliance.clock import Clock, Deadline
from appliance.records import Ack, LinkEvent, SensorEvent, SortCommand
from appliance.sorter import Capabilities, Passage
from appliance.sorter.conversation import HOME
from appliance.sorter.frames import Welcome
from appliance.sorter.link import Link
from appliance.sorter.link_words import described, passage_of
from appliance.sorter.port_options import PortOptions
from appliance.sorter.unanswered import LAST_WORD_NS

__all__ = ["FramedOptions", "FramedSorter"]

_SLICE_S = 0.1
_VALID_NS = 1_000_000_000


class FramedOptions(PortOptions):
    """Nothing but the port: limits and timing are the board's to say."""

    kind: Literal["framed"]


class FramedSorter:
    """Several commands may be on their way, as many as the board's queue holds.

    The board moves only while the loop lives: `events` is the sign of life. When the loop has not called it for 0.4 s,
    the board is told to rest; it works again when the loop does.
    """

    Options = FramedOptions

    def __init__(self, options: FramedOptions, clock: Clock = time.monotonic_ns) -> None:
        self._options = options
        self._clock = clock
        self._link = Link(options, clock)
        self.recovery_s = options.recovery_s

    def open(self) -> Capabilities:
        return self._capabilities(self._link.open())

    def listen(self) -> Capabilities:
        return self._capabilities(self._link.open(arm=False))

    @property
    def ready(self) -> bool:
        return self._link.ready

    def submit(self, command: SortCommand) -> None:
        self._link.submit(command)

    def home(self, command: SortCommand) -> None:
        self._link.submit(command, HOME)

    def events(self, timeout_s: float) -> list[Ack | LinkEvent | SensorEvent]:
        deadline = Deadline(timeout_s)
        while True:
            # Whoever waits here is alive, however long the wait.
            self._link.alive()
            found = self._link.mail.take(min(deadline.left_s, _SLICE_S))
            if found or deadline.expired:
                return found

    def refresh(self, timeout_s: float) -> None:
        """Have the board tell its counters now, for `link`; waits at most so long."""
        self._link.refresh(timeout_s)

    def link(self) -> Mapping[str, Any]:
        return described(self._link.report(), self._link.device)

    def passages(self, after: int) -> list[Passage]:
        return [passage_of(one) for one in self._link.trace(after)]

    def stop(self) -> None:
        self._link.stop()

    def close(self) -> None:
        self._link.close()

    def _capabilities(self, board: Welcome) -> Capabilities:
        # Valid for a second at most, then the longest movement, then the time for its last word.
        answer_s = (_VALID_NS + LAST_WORD_NS) / 1e9 + board.movement_ms / 1e3
        name = f"framed on {self._options.port}"
        last_seq = board.last_seq if board.last_session else None
        return Capabilities(name, True, answer_s, board.simulated, board.channels, last_seq)
