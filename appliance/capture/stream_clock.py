"""When was a picture of a network stream taken? Pure: its own clock is foreign, so its age is judged by its delays."""

__all__ = ["StreamClock"]

_DRIFT = 500e-6
"""How much faster than ours a foreign clock may seem to be slow: five times what a bad crystal does."""
_JUMP_NS = 5_000_000_000
"""A stamp that is off by more is of a sender that began anew."""


class StreamClock:
    """From a picture's presentation stamp and its arrival to a stamp on our clock.

    The fastest delivery seen counts as no delay; what takes longer than that is that much older. A stamp that does not
    advance is an old picture: it keeps the stamp it had.
    """

    def __init__(self) -> None:
        self._fastest_ns: float | None = None
        self._last = (0, 0, 0)

    def taken_at(self, presented_ns: int, arrival_ns: int) -> int:
        """The stamp, at most `arrival_ns`."""
        last_presented, last_arrival, last_taken = self._last
        delay_ns = arrival_ns - presented_ns
        if self._fastest_ns is None or abs(delay_ns - (last_arrival - last_presented)) > _JUMP_NS:
            self._fastest_ns = delay_ns
        elif presented_ns <= last_presented:
            return last_taken
        else:
            self._fastest_ns = min(self._fastest_ns + _DRIFT * (arrival_ns - last_arrival), delay_ns)
        taken_ns = min(arrival_ns, int(presented_ns + self._fastest_ns))
        self._last = (presented_ns, arrival_ns, taken_ns)
        return taken_ns
