"""Whether another host uses the same port, from how soon the board is taken away again. Pure."""

__all__ = ["Rivals"]

_SOON_S = 1.0
_PAUSES_S = (0.0, 1.0, 2.0, 5.0)


class Rivals:
    """Two hosts that greet the board in turn would take it from each other many times a second, and both sort nothing.

    Once is no rival: a greeting that the line held up, or somebody who looked at the board for a moment.
    """

    def __init__(self) -> None:
        self._times = 0
        self._last_ns: int | None = None

    @property
    def pause_s(self) -> float:
        """How long to leave the board alone now; 0 where no rival is known."""
        return _PAUSES_S[min(self._times, len(_PAUSES_S) - 1)]

    @property
    def until_ns(self) -> int:
        """When the board may be greeted again."""
        return 0 if self._last_ns is None else self._last_ns + int(self.pause_s * 1e9)

    def took_it(self, now_ns: int) -> None:
        """The board is in another host's session."""
        soon = self._last_ns is not None and now_ns - self.until_ns <= _SOON_S * 1e9
        self._times = self._times + 1 if soon else 0
        self._last_ns = now_ns
