"""How the board stands, put together from what it says of itself in whatever order that comes. Pure."""

from appliance.sorter.frames import Rest, State, Welcome

__all__ = ["Standing"]

_RESTS: dict[int, str] = {
    Rest.BOOT: "the board started",
    Rest.HELLO: "a session began",
    Rest.LEASE: "it did not hear from a living host in time",
    Rest.STOP: "it was told to stop",
    Rest.WATCHDOG: "its own watchdog stopped it",
}


class Standing:
    """Before the first word the board waits for a session."""

    def __init__(self) -> None:
        self._told_us: int | None = None
        self._state = int(State.WAITING)
        self._why = int(Rest.BOOT)
        self.latch = 0

    @property
    def state(self) -> State:
        """A state of a later version allows nothing that we know of."""
        return State(self._state) if self._state in tuple(State) else State.WAITING

    @property
    def rested(self) -> str:
        """Why the board came to rest last, in words."""
        return _RESTS.get(self._why, f"reason {self._why}")

    @property
    def stopped(self) -> bool:
        """Does it rest because it was told to?"""
        return self._state == State.SAFE and self._why == Rest.STOP

    def welcomed(self, frame: Welcome) -> None:
        """A session began, and with it the board came to rest."""
        self._told_us, self.latch = frame.now, frame.latch
        self._state, self._why = int(State.SAFE), int(Rest.HELLO)

    def told(self, state: int, why: int, latch: int, at_us: int) -> bool:
        """The board stood like this at a moment of its own clock; is that another state than we knew?"""
        if self._told_us is not None and (at_us - self._told_us) & 0xFFFF_FFFF >= 0x8000_0000:
            return False  # Older than what we know: it came late on the line.
        self._told_us = at_us
        changed = (state, latch) != (self._state, self.latch)
        self._state, self._why, self.latch = state, why, latch
        return changed
