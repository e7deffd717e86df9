"""Events on their way from a link's thread to the loop, and the one answer that every command gets."""

import threading
from collections import deque
from collections.abc import Iterable

from appliance.records import Ack, AckStatus, LinkEvent, SensorEvent

__all__ = ["Mailbox"]

MAX_EVENTS = 256
"""A noisy line may say a lot; beyond this the oldest events are dropped. Acks never are."""


class Mailbox:
    """Thread-safe. Knows which commands are unanswered, so that none is answered twice or never."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._acks: deque[Ack] = deque()
        self._events: deque[LinkEvent | SensorEvent] = deque(maxlen=MAX_EVENTS)
        self._unanswered: dict[int, int] = {}

    @property
    def unanswered(self) -> tuple[int, ...]:
        """The sequence numbers without an answer, in the order of their commands."""
        with self._arrived:
            return tuple(self._unanswered)

    def expect(self, seq: int, at_ns: int) -> None:
        """A command is about to go out; called before its first byte."""
        with self._arrived:
            self._unanswered[seq] = at_ns

    def overdue(self, before_ns: int) -> tuple[int, ...]:
        """The unanswered commands that went out before a moment."""
        with self._arrived:
            return tuple(seq for seq, at_ns in self._unanswered.items() if at_ns < before_ns)

    def answer(self, seq: int, status: AckStatus, at_ns: int, detail: str = "") -> bool:
        """Give a command its one answer; False if it has one already, or was never sent."""
        with self._arrived:
            if self._unanswered.pop(seq, None) is None:
                return False
            self._acks.append(Ack(seq, status, at_ns, detail))
            self._arrived.notify_all()
            return True

    def tell(self, event: LinkEvent) -> None:
        with self._arrived:
            self._events.append(event)
            self._arrived.notify_all()

    def post(self, happened: Iterable[Ack | LinkEvent | SensorEvent]) -> None:
        """From a link that knows by itself what is unanswered."""
        with self._arrived:
            for one in happened:
                if isinstance(one, Ack):
                    self._acks.append(one)
                else:
                    self._events.append(one)
            self._arrived.notify_all()

    def take(self, timeout_s: float) -> list[Ack | LinkEvent | SensorEvent]:
        """Everything that arrived; waits at most `timeout_s` for the first."""
        with self._arrived:
            if timeout_s > 0:
                self._arrived.wait_for(lambda: bool(self._acks or self._events), timeout_s)
            taken: list[Ack | LinkEvent | SensorEvent] = [*self._events, *self._acks]
            self._events.clear()
            self._acks.clear()
            return taken
