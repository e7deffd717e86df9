"""When is there an item? A trigger turns a stream of frames into items."""

from typing import Protocol

from appliance.plugins import Table
from appliance.records import Frame, Item

__all__ = ["TRIGGERS", "Trigger"]


class Trigger(Protocol):
    """Sees frames in order and says which of them show an item."""

    def feed(self, frame: Frame) -> list[Item]:
        """The items that are complete with this frame; most often none or one."""

    def flush(self) -> list[Item]:
        """The items that were still open when the source ended."""


TRIGGERS = Table(
    "appliance.trigger",
    {
        "every-frame": "appliance.trigger.every_frame:EveryFrame",
    },
)
"""`presence` (items out of a stream) takes its place here."""
