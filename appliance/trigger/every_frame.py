"""One picture, one item: for folders of photographs, and for machines that take one picture an item."""

from collections.abc import Callable, Sequence
from typing import Literal

from appliance.config import Options
from appliance.preprocess import Region
from appliance.records import Frame, Item, TriggerEvent
from appliance.trigger import TriggerStatus

__all__ = ["EveryFrame"]

_NOTHING_TO_SAY = TriggerStatus()


class EveryFrameOptions(Options):
    """No choices."""

    kind: Literal["every-frame"] = "every-frame"


class EveryFrame:
    """Makes every frame an item of its own. `new_id` gives ids that never repeat."""

    Options = EveryFrameOptions

    def __init__(self, options: EveryFrameOptions, new_id: Callable[[], str], region: Region | None = None) -> None:
        self._new_id = new_id

    def feed(self, frame: Frame) -> list[Item]:
        return [Item(self._new_id(), (frame,))]

    def flush(self) -> list[Item]:
        return []

    def events(self) -> Sequence[TriggerEvent]:
        return ()

    def status(self) -> TriggerStatus:
        return _NOTHING_TO_SAY
