"""How long to wait for an answer before the question is sent again, from how long answers took. Pure."""

__all__ = ["RoundTrip", "backed_off"]

_SHORTEST_NS, _LONGEST_NS = 15_000_000, 200_000_000
_GAIN, _VARIATION_GAIN, _SAFETY = 1 / 8, 1 / 4, 4


class RoundTrip:
    """The retransmission time-out of RFC 6298, section 2, within 15 and 200 ms.

    Only heartbeats are measured: each has a number of its own, so that an answer fits one question (Karn's problem,
    section 3, does not arise).
    """

    def __init__(self) -> None:
        self._smoothed_ns: float | None = None
        self._variation_ns = 0.0

    @property
    def smoothed_ms(self) -> float | None:
        """The usual way there and back, each at most 200; None before the first answer."""
        return None if self._smoothed_ns is None else self._smoothed_ns / 1e6

    @property
    def timeout_ns(self) -> int:
        """The longest one before anything was measured."""
        if self._smoothed_ns is None:
            return _LONGEST_NS
        timeout_ns = self._smoothed_ns + _SAFETY * self._variation_ns
        return int(min(max(timeout_ns, _SHORTEST_NS), _LONGEST_NS))

    def measured(self, taken_ns: int) -> None:
        """An answer took so long; what took longer than the longest time-out teaches no more than that one does.

        The echo of a heartbeat that a line held up for seconds would otherwise rule the time-out for twice as long.
        """
        taken_ns = min(taken_ns, _LONGEST_NS)
        if self._smoothed_ns is None:
            self._smoothed_ns, self._variation_ns = float(taken_ns), taken_ns / 2
            return
        self._variation_ns += _VARIATION_GAIN * (abs(self._smoothed_ns - taken_ns) - self._variation_ns)
        self._smoothed_ns += _GAIN * (taken_ns - self._smoothed_ns)


def backed_off(timeout_ns: int) -> int:
    """The time-out after one more repetition. Source: RFC 6298, rule 5.5."""
    return min(2 * timeout_ns, _LONGEST_NS)
