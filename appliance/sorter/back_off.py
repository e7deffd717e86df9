"""How fast a lost port is tried again, and which of the failures is news. Pure."""

__all__ = ["BackOff"]

_PAUSES_S = (0.1, 0.2, 0.5, 1.0)


class BackOff:
    """The pause grows with the attempts that failed in a row."""

    def __init__(self) -> None:
        self._failed = 0
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why the last attempt failed; "" after one that did not."""
        return self._reason

    @property
    def pause_s(self) -> float:
        """How long to wait before the next attempt."""
        return _PAUSES_S[min(self._failed, len(_PAUSES_S) - 1)]

    def failed(self, reason: str) -> bool:
        """An attempt failed; is the reason another one than the last time?"""
        self._failed += 1
        news, self._reason = reason != self._reason, reason
        return news

    def succeeded(self) -> None:
        self._failed, self._reason = 0, ""
