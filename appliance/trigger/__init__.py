"""When is there an item? A trigger turns a stream of frames into items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from appliance.plugins import Table
from appliance.records import Frame, Item, TriggerEvent

__all__ = ["TRIGGERS", "Trigger", "TriggerStatus"]


@dataclass(frozen=True, slots=True)
class TriggerStatus:
    """What is wrong in the region now, "" if nothing; and what was counted, by a word that people understand.

    `empty`: the last picture showed the region with nothing in it; None where the trigger cannot tell.
    """

    trouble: str = ""
    counters: Mapping[str, int] = field(default_factory=dict)
    empty: bool | None = None


class Trigger(Protocol):
    """Sees frames in order and says which of them show an item. It is made with its options, a source of ids that
    never repeat, and the region of the frames that shows items."""

    def feed(self, frame: Frame) -> list[Item]:
        """The offers that this frame makes; most often none or one. Each item ends with an offer that is its `last`."""

    def flush(self) -> list[Item]:
        """The last offers of the items that were still open when the source ended."""

    def events(self) -> Sequence[TriggerEvent]:
        """What happened since the last call."""

    def status(self) -> TriggerStatus: ...


TRIGGERS = Table(
    "appliance.trigger",
    {
        "every-frame": "appliance.trigger.every_frame:EveryFrame",
        "presence": "appliance.trigger.presence:Presence",
    },
)
