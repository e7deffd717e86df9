"""The eye on drift beside the loop: a picture of the empty region once in a while, compared with the reference."""

import logging
from typing import Any

from appliance.config import DriftOptions
from appliance.drift import REMEDIES, Change, Warnings, compare, trusted
from appliance.optics import Stack
from appliance.preprocess import Region
from appliance.records import Frame
from appliance.reference import PICTURES, Reference

__all__ = ["DriftWatch"]

log = logging.getLogger(__name__)


class DriftWatch:
    """Takes one picture in `drift.every_s`, when the region is empty, and compares eight of them at a time.

    When something lies there for too long, that may be a camera that was moved and not a thing: then its pictures are
    compared among themselves, for what they can still tell.
    """

    def __init__(self, reference: Reference, options: DriftOptions, region: Region | None = None) -> None:
        self._reference, self._options, self._region = reference, options, region
        self._warnings = Warnings(options)
        self._stack = Stack()
        self._empty = True
        self._next_ns = 0
        self._compared = 0
        self._values: dict[str, float] = {}
        self._misfit = ""

    def due(self, frame: Frame) -> bool:
        """Is it time for a picture? Then ask the trigger what is there, and call `look`."""
        return frame.moment_ns >= self._next_ns

    def look(self, frame: Frame, empty: bool, stuck: bool) -> list[Change]:
        """Take the picture if it shows the `empty` region, or one in which something is `stuck`."""
        if not (empty or stuck):
            return []
        self._next_ns = frame.moment_ns + int(self._options.every_s * 1e9)
        if empty != self._empty:
            self._stack, self._empty = Stack(), empty
        pixels = self._region.of(frame.pixels) if self._region else frame.pixels
        misfit = self._reference.misfit(self._region, (pixels.shape[1], pixels.shape[0]))
        self._note(misfit)
        if misfit:
            return []
        self._stack.add(pixels)
        return self._compare() if self._stack.count == PICTURES else []

    def as_dict(self) -> dict[str, Any]:
        """What `appliance status` tells: how far off the picture is, and the warnings with what to do."""
        warnings = self._warnings.active
        return {
            "reference": self._reference.taken,
            "watched": list(self._reference.watched),
            "compared": self._compared,
            "values": {kind: round(value, 3) for kind, value in self._values.items()},
            "warnings": dict(warnings),
            "remedies": {kind: REMEDIES[kind] for kind in warnings},
            "misfit": self._misfit,
        }

    def _compare(self) -> list[Change]:
        scene, self._stack = self._stack.view(), Stack()
        self._values = trusted(compare(self._reference, scene), self._empty, self._options)
        self._compared += 1
        return self._warnings.hear(self._values)

    def _note(self, misfit: str) -> None:
        if misfit and misfit != self._misfit:
            log.warning("drift is not watched: the reference does not fit: %s", misfit)
        if misfit:
            # What was gathered and what was found is of other pictures.
            self._stack, self._values = Stack(), {}
        elif self._misfit:
            log.info("drift is watched again")
        self._misfit = misfit
