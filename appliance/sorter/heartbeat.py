"""The host's heartbeat, whose echo tells whether the board is there, how long the way is, and the time there. Pure."""

from appliance.sorter.board_clock import BoardClock
from appliance.sorter.frames import Beat, Lease, Pulse
from appliance.sorter.round_trip import RoundTrip

__all__ = ["Heartbeat"]

_EVERY_NS = 50_000_000
_ALIVE_NS = 400_000_000
"""A beat renews the lease while the sorting loop turned within so long, and ends it after."""
_SILENCE_NS = 650_000_000
"""From the first unanswered beat, which follows the last word by at most 50 ms: silence is known after 0.7 s."""
_KEPT = 64
"""Beats whose echo may still come: those of 3.2 s."""


class Heartbeat:
    """One session's."""

    def __init__(self, session: int, now_ns: int) -> None:
        self._session = session
        self._number = 0
        self._out: dict[int, int] = {}
        self._first_unheard_ns: int | None = None
        self.due_ns = now_ns
        self.clock, self.round_trip = BoardClock(), RoundTrip()
        self.sent = self.unanswered = 0

    def beat(self, now_ns: int, alive_ns: int) -> Beat:
        """The next beat; `alive_ns` is the last moment at which the loop turned."""
        number = self._number
        self._number = (number + 1) & 0xFFFF
        if len(self._out) >= _KEPT:
            self._out.pop(next(iter(self._out)))
            self.unanswered += 1
        self._out[number] = now_ns
        self.sent += 1
        if self._first_unheard_ns is None:
            self._first_unheard_ns = now_ns
        self.due_ns = now_ns + _EVERY_NS
        return Beat(self._session, number, Lease.RENEW if is_fresh(alive_ns, now_ns) else Lease.END)

    def echoed(self, pulse: Pulse, now_ns: int) -> None:
        """The board answered a beat."""
        written_ns = self._out.pop(pulse.n, None)
        if written_ns is not None:
            self.round_trip.measured(now_ns - written_ns)
            self.clock.exchanged(written_ns, pulse.received, pulse.sent, now_ns)

    def heard(self) -> None:
        """The board said something, whatever it was."""
        self._first_unheard_ns = None

    def silent(self, now_ns: int) -> bool:
        """Has the board said nothing for too long, although it was asked?"""
        return self._first_unheard_ns is not None and now_ns - self._first_unheard_ns >= _SILENCE_NS


def is_fresh(alive_ns: int, now_ns: int) -> bool:
    """Did the loop turn lately enough for the machine to be allowed to move?"""
    return now_ns - alive_ns <= _ALIVE_NS
