"""Movements that a person orders while nothing else moves: each is in the journal before it begins, and its end after.

Used by the loop while it is paused, and by `appliance actuator` where no daemon runs.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.clock import Clock
from appliance.journal import Journal
from appliance.orders import Answer, Order, Orders, Ticket
from appliance.records import Ack, AckStatus, SortCommand
from appliance.sorter import GoesHome, Sorter

__all__ = ["ByHand"]

_VALID_NS = 1_000_000_000
_NO_HOME = "this kind of sorter has no word for it; end the appliance, whose last word lets the board rest"


@dataclass(frozen=True, slots=True)
class _Movement:
    """An order that has its number and its line in the journal; `sent_ns` is 0 while nothing went out."""

    ticket: Ticket
    seq: int
    channel: int
    sent_ns: int = 0


class ByHand:
    """One movement at a time. `channels` maps bin -> channel (None: nothing has to move); `next_seq` uses up a number
    and gives it."""

    def __init__(
        self,
        orders: Orders,
        sorter: Sorter,
        journal: Journal,
        channels: Mapping[str, int | None],
        next_seq: Callable[[], int],
        clock: Clock = time.monotonic_ns,
    ) -> None:
        self._orders = orders
        self._sorter = sorter
        self._journal = journal
        self._channels = channels
        self._next_seq = next_seq
        self._clock = clock
        self._noted: _Movement | None = None
        self._moving: _Movement | None = None

    @property
    def moving(self) -> bool:
        """Is a command out that has no answer yet?"""
        return self._moving is not None

    def step(self) -> None:
        """Do what can be done now, without waiting: note an order, or begin it once its line is committed."""
        if self._noted is not None:
            self._begin(self._noted)
        elif self._moving is None and self._sorter.ready and self._journal.has_room:
            ticket = self._orders.take()
            if ticket is not None:
                self._note(ticket)

    def settle(self, ack: Ack) -> bool:
        """The sorter's answer to a command; False if it is not to one of ours."""
        moving = self._moving
        if moving is None or ack.seq != moving.seq:
            return False
        self._moving = None
        ms = round((ack.done_at_ns - moving.sent_ns) / 1e6, 1)
        end = {"seq": ack.seq, "status": ack.status.value, "ms": ms, "detail": ack.detail}
        order = moving.ticket.order
        self._journal.event(f"{order.kind}-end", end)
        moving.ticket.give(Answer(result=_about(order, moving.channel) | end))
        return True

    def let_go(self, why: str) -> None:
        """Nothing may begin any more: an order that has its line in the journal gets its end there, too."""
        noted, self._noted = self._noted, None
        if noted is not None:
            end = {"seq": noted.seq, "status": "not-begun", "detail": why}
            self._journal.event(f"{noted.ticket.order.kind}-end", end)
            noted.ticket.refuse(f"{why}; nothing was moved")

    def close(self) -> None:
        """The end: what is out stays unknown, what waits is refused."""
        self.let_go("the appliance ended")
        if self._moving is not None:
            self.settle(Ack(self._moving.seq, AckStatus.UNKNOWN, self._clock(), "no answer before the end"))
        self._orders.close("the appliance ended; nothing was moved")

    def _note(self, ticket: Ticket) -> None:
        order = ticket.order
        refusal = self._why_not(order)
        if refusal:
            ticket.refuse(f"{refusal}; nothing was moved")
            return
        seq, channel = self._next_seq(), self._channels.get(order.bin) or 0
        self._journal.intents.note_seq(seq)
        self._journal.event(order.kind, {"seq": seq} | _about(order, channel))
        self._noted = _Movement(ticket, seq, channel)

    def _why_not(self, order: Order) -> str:
        if order.kind == "home":
            return "" if isinstance(self._sorter, GoesHome) else _NO_HOME
        if order.bin not in self._channels:
            return f"there is no bin {order.bin!r}; the bins are {', '.join(self._channels)}"
        if self._channels[order.bin] is None:
            return f"the bin {order.bin!r} has `action: none`: nothing has to move for it"
        return ""

    def _begin(self, noted: _Movement) -> None:
        if self._journal.trouble is not None:
            self.let_go(f"the journal cannot be written ({self._journal.trouble})")
        elif self._clock() >= noted.ticket.end_ns:
            self.let_go("it could not begin in time")
        elif self._journal.idle and self._sorter.ready:
            self._noted = None
            self._send(noted)

    def _send(self, noted: _Movement) -> None:
        order, now_ns = noted.ticket.order, self._clock()
        self._moving = _Movement(noted.ticket, noted.seq, noted.channel, now_ns)
        command = SortCommand(noted.seq, order.bin, noted.channel, now_ns, now_ns + _VALID_NS)
        if isinstance(self._sorter, GoesHome) and order.kind == "home":
            self._sorter.home(command)
        else:
            self._sorter.submit(command)


def _about(order: Order, channel: int) -> dict[str, str | int]:
    return {"bin": order.bin, "channel": channel} if order.kind == "fire" else {}
