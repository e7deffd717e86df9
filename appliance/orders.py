"""What people ask a paused machine to move: a few orders at a time, on their way to the loop, each with one answer."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from appliance.clock import Clock
from appliance.errors import UsageError

__all__ = ["CAPACITY", "VALID_S", "Answer", "Order", "Orders", "Ticket"]

CAPACITY = 4
"""Orders that may wait; one more is refused. A person fires one bin after the other."""
VALID_S = 3.0
"""Whoever asks stands at the machine now: an order that has not begun after so long is never carried out."""


@dataclass(frozen=True, slots=True)
class Order:
    """Move one bin, or send every output to its rest position (then `bin` is empty)."""

    kind: Literal["fire", "home"]
    bin: str = ""

    def __post_init__(self) -> None:
        if (self.kind == "fire") != bool(self.bin):
            raise ValueError("fire needs a bin, and home has none")

    def __str__(self) -> str:
        return f"{self.kind} {self.bin}".rstrip()


@dataclass(frozen=True, slots=True)
class Answer:
    """How an order ended: `refused` says why nothing was begun; else `result` tells of the movement, as JSON types."""

    refused: str = ""
    result: dict[str, Any] | None = None


class Ticket:
    """One order on its way. It is begun at most once; its first answer is the only one."""

    def __init__(self, order: Order, end_ns: int, on_answer: Callable[[], None]) -> None:
        self.order = order
        self.end_ns = end_ns
        self.answer: Answer | None = None
        self._on_answer = on_answer

    def give(self, answer: Answer) -> None:
        if self.answer is None:
            self.answer = answer
            self._on_answer()

    def refuse(self, why: str) -> None:
        self.give(Answer(refused=why))


class Orders:
    """Between two threads: who asks offers and withdraws, the loop takes. A full queue refuses the newest order."""

    def __init__(self, clock: Clock = time.monotonic_ns, valid_s: float = VALID_S) -> None:
        self._clock = clock
        self._valid_s = valid_s
        self._lock = threading.Lock()
        self._waiting: deque[Ticket] = deque()
        self._closed = ""

    def offer(self, order: Order, on_answer: Callable[[], None] = lambda: None) -> Ticket:
        """Let an order wait for the loop. `on_answer` is called once, by the thread that answers.

        Raises:
            UsageError: too many wait, or nobody takes them any more.
        """
        ticket = Ticket(order, self._clock() + int(self._valid_s * 1e9), on_answer)
        with self._lock:
            found = self._closed or ("others wait already" if len(self._waiting) >= CAPACITY else "")
            if not found:
                self._waiting.append(ticket)
        if found:
            raise UsageError(f"asking for `{order}`", found, "ask again when they have ended")
        return ticket

    def take(self) -> Ticket | None:
        """The oldest order that may still begin, or None; after this it cannot be withdrawn."""
        self.expire()
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def withdraw(self, ticket: Ticket, why: str) -> bool:
        """Take one back, so that it never begins; False if it is not there any more."""
        with self._lock:
            if ticket not in self._waiting:
                return False
            self._waiting.remove(ticket)
        ticket.refuse(why)
        return True

    def expire(self, why: str = "") -> None:
        """Take back what has waited too long; `why` it could not begin, where that is known."""
        now_ns = self._clock()
        with self._lock:
            late = [one for one in self._waiting if now_ns >= one.end_ns]
        reason = f": {why}" if why else ""
        for ticket in late:
            self.withdraw(ticket, f"it could not begin within {self._valid_s:g} s{reason}; nothing was moved")

    def refuse_all(self, why: str) -> None:
        """Take back everything that waits."""
        with self._lock:
            waiting = list(self._waiting)
        for ticket in waiting:
            self.withdraw(ticket, why)

    def close(self, why: str) -> None:
        """Nobody takes any more."""
        with self._lock:
            self._closed = why
        self.refuse_all(why)
