"""A closer look at pictures that come: are they all alike, is light lost in them, what is the empty region like?"""

import numpy as np

from appliance.capture.ring import fingerprint
from appliance.drift import compare
from appliance.optics import Measures, Stack, reduced
from appliance.preprocess import Region
from appliance.records import Frame, Pixels
from appliance.reference import PICTURES, Reference
from appliance.trigger import Trigger
from appliance.viewing import part_of
from appliance.wording import counted

__all__ = ["CloseLook"]

_WHITE = 254
"""A channel at its end tells no more how bright it is there. One level less: JPEG rings."""


class CloseLook:
    """Give `hear` to `appliance.viewing.look`."""

    def __init__(
        self, region: Region | None = None, reference: Reference | None = None, trigger: Trigger | None = None
    ) -> None:
        """`trigger` says which pictures show the empty region, which are then compared with the `reference`; `misfit`
        is why they cannot be."""
        self._region, self._reference, self._trigger = region, reference, trigger
        self._first: int | None = None
        self._differ = False
        self._clipped: list[float] = []
        self._empty = Stack()
        self.misfit = ""

    def hear(self, frame: Frame, measures: Measures) -> None:
        """One picture more; its measures are known to the viewing."""
        pixels = part_of(frame, self._region)
        small = reduced(pixels)
        # Means of neighbours: what is white there is an area, not a glint.
        self._clipped.append(float(np.mean(small.max(axis=2) >= _WHITE)))
        mark = fingerprint(frame.pixels)
        self._first = mark if self._first is None else self._first
        # A picture of one single value has no noise to tell by.
        self._differ = self._differ or mark != self._first or small.min() == small.max()
        self._keep_if_empty(frame, pixels)

    @property
    def alike(self) -> bool:
        """Are three or more pictures the same to the last bit? A sensor's noise makes two of them differ."""
        return len(self._clipped) >= 3 and not self._differ

    @property
    def clipped_share(self) -> float:
        """The share of the region where a colour is at its end, as the median of the pictures."""
        return float(np.median(self._clipped)) if self._clipped else 0.0

    def against_reference(self) -> dict[str, float] | None:
        """How far the empty region is from the reference, as `appliance.drift.compare` tells; None, and `why_not`, if
        that cannot be told."""
        if self._reference is None or self.misfit or self._empty.count < PICTURES:
            return None
        return compare(self._reference, self._empty.view())

    @property
    def why_not(self) -> str:
        """Why nothing was compared."""
        if self.misfit:
            return f"the reference does not fit: {self.misfit}"
        seen = counted(self._empty.count, "picture")
        return f"{seen} of the empty region, {PICTURES} are needed: empty it, and look for longer (--seconds)"

    def _keep_if_empty(self, frame: Frame, pixels: Pixels) -> None:
        if self._reference is None or self._trigger is None:
            return
        self.misfit = self._reference.misfit(self._region, (pixels.shape[1], pixels.shape[0]))
        self._trigger.feed(frame)
        # A trigger that cannot tell believes whoever asks, as when the reference is taken.
        if not self.misfit and self._trigger.status().empty is not False:
            self._empty.add(pixels)
