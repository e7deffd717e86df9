"""Has the camera's picture changed since the machine was set up? Pure: scenes in, sentences out.

A warning begins when a figure has been beyond `warn` twice in a row, and ends when it has been within `well` twice in a
row. It never stops the machine: it tells a technician what to look at.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.config import DriftBand, DriftOptions
from appliance.optics import View, shift_between
from appliance.reference import Reference

__all__ = ["KINDS", "REMEDIES", "Change", "Warnings", "beyond", "compare", "sentence", "trusted"]

KINDS = ("focus", "brightness", "colour", "shift")
REMEDIES: Mapping[str, str] = {
    "focus": "clean the lens and the window before it; if that does not help, turn the lens until it is sharp",
    "brightness": "look at the lamp, its supply and the dust on it; shut out other light; lock the exposure",
    "colour": "look at the lamp (a new one of another colour?); shut out other light; lock the white balance",
    "shift": "put the camera back where it was and tighten its holder, or set camera.roi anew",
}
"""What a technician does about each; when the change was meant, a new reference is taken."""
_IN_A_ROW = 2
_NOWHERE = 1.0
"""The shift of a scene of which nothing is to be found: as much as the whole picture, or more."""


@dataclass(frozen=True, slots=True)
class Change:
    """A warning that begins (`on`) or ends."""

    kind: str
    on: bool
    sentence: str


def compare(reference: Reference, now: View) -> dict[str, float]:
    """How far the scene is from the reference, for each kind that can be told now.

    `focus`: the share that is lost (negative: sharper than ever). `brightness`: the share that is more or, negative,
    less. `colour`: the larger change of blue and red against green, as a natural logarithm. `shift`: the way it has
    moved, as a share of the picture's longer side; 1 if nothing of the scene is to be found.

    Raises:
        ValueError: the scene is of another size.
    """
    before, after = reference.view.measures, now.measures
    found = {
        "brightness": after.brightness / max(before.brightness, 1.0) - 1,
        "colour": max(abs(after.blue - before.blue), abs(after.red - before.red)),
    }
    if "focus" in reference.watched:
        found["focus"] = 1 - after.focus / before.focus
    if "shift" in reference.watched:
        shift = shift_between(reference.view, now)
        found["shift"] = _NOWHERE if shift is None else min(shift.length / max(reference.size), _NOWHERE)
    return {kind: found[kind] for kind in KINDS if kind in found}


def trusted(values: Mapping[str, float], empty: bool, options: DriftOptions) -> dict[str, float]:
    """Those of the values that say something of the camera and its light, and not of what else has happened.

    A thing that lies in the region, which is then not `empty`, changes the light; small, it neither blurs the rest nor
    moves it, but a large one leaves nothing of the scene to compare. Much too dark a picture is all noise, and nothing
    in it is sharp. A blur, too, can leave nothing of the scene.
    """
    dark = values["brightness"] < -options.brightness.warn
    nowhere = values.get("shift") == _NOWHERE
    blurred = beyond("focus", values.get("focus", 0.0), options.focus.warn)
    doubted = set[str]()
    if not empty:
        doubted |= {"brightness", "colour"} | ({"focus", "shift"} if nowhere else set())
    if dark:
        doubted.add("focus")
    if nowhere and (dark or blurred):
        doubted.add("shift")
    return {kind: value for kind, value in values.items() if kind not in doubted}


def beyond(kind: str, value: float, limit: float) -> bool:
    """Is it as far off as that? A picture that is sharper than ever is none the worse for it."""
    return (value if kind == "focus" else abs(value)) > limit


def sentence(kind: str, value: float) -> str:
    """A change, in words."""
    if kind == "focus":
        return f"the picture is blurred: {value:.0%} of its sharpness is lost"
    if kind == "brightness":
        return f"the picture is {abs(value):.0%} {'brighter' if value > 0 else 'darker'} than it was"
    if kind == "colour":
        return f"the light has another colour: {value:.0%} off"
    if value >= _NOWHERE:
        return "the camera has moved, or something is before it: nothing of the reference's scene is to be found"
    return f"the camera has moved: the picture lies {value:.1%} of its longer side elsewhere"


class Warnings:
    """What is wrong now, by kind. `active` is a sentence for each."""

    def __init__(self, options: DriftOptions) -> None:
        self._options = options
        self._in_a_row: dict[str, int] = {}
        self.active: dict[str, str] = {}

    def hear(self, values: Mapping[str, float]) -> list[Change]:
        """One comparison more, of the kinds that could be told."""
        return [change for kind in KINDS if kind in values for change in self._weigh(kind, values[kind])]

    def _weigh(self, kind: str, value: float) -> list[Change]:
        band: DriftBand = getattr(self._options, kind)
        on = kind in self.active
        if not beyond(kind, value, band.well) if on else beyond(kind, value, band.warn):
            self._in_a_row[kind] = self._in_a_row.get(kind, 0) + 1
        else:
            self._in_a_row[kind] = 0
        if on:
            self.active[kind] = sentence(kind, value)
        if self._in_a_row[kind] < _IN_A_ROW:
            return []
        self._in_a_row[kind] = 0
        if on:
            del self.active[kind]
            return [Change(kind, False, f"{kind}: as on the day of the reference again")]
        self.active[kind] = sentence(kind, value)
        return [Change(kind, True, self.active[kind])]
