"""What the link to the sorter tells of itself: is it down, since when and why; what log and journal get of it."""

import logging

from appliance.journal import Journal
from appliance.records import LinkEvent

__all__ = ["LinkNews"]

log = logging.getLogger(__name__)

_WARNINGS = {
    "board-rested": "the board came to rest",
    "board-restarted": "the board started anew",
    "program-stood-still": "this program stood still",
}
"""What the log says of events that a technician should see."""
_CHATTER = frozenset({"unexpected", "late-reply"})
_CHATTER_EVERY_NS = 10_000_000_000
"""A board that talks all the time must not push the items out of the journal."""


class LinkNews:
    """`down_ns`: since when the link is down, None while it is up; `reason`: why it was down last."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._noted: dict[str, tuple[int, int]] = {}
        self.down_ns: int | None = None
        self.reason = ""

    def hear(self, event: LinkEvent) -> None:
        """Take an event in, log it, and keep it unless it is chatter that was kept a moment ago."""
        self._take(event)
        said_ns, unsaid = self._noted.get(event.kind, (0, 0))
        if event.kind in _CHATTER and said_ns and event.at_ns - said_ns < _CHATTER_EVERY_NS:
            self._noted[event.kind] = (said_ns, unsaid + 1)
            return
        self._noted[event.kind] = (event.at_ns, 0)
        more = {"not_noted_since_the_last": unsaid} if unsaid else {}
        self._journal.event(event.kind, {"detail": event.detail} | more, at_ns=event.at_ns)

    def _take(self, event: LinkEvent) -> None:
        if event.kind == "link-down":
            self.down_ns, self.reason = event.at_ns, event.detail
            log.warning("the link to the sorter is down: %s", event.detail)
        elif event.kind == "link-still-down":
            self.reason = event.detail
            log.warning("the link to the sorter is still down: %s", event.detail)
        elif event.kind == "link-up":
            self.down_ns = None
            log.info("the link to the sorter is back on %s", event.detail)
        elif event.kind in _WARNINGS:
            log.warning("%s: %s", _WARNINGS[event.kind], event.detail)
