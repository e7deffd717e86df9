"""Is what a camera delivers good enough to sort with? Pure: what was seen in, a verdict for every figure out.

Only what keeps items from being seen is a failure. The rest is for a person to look at: a scene may be dark on purpose.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from appliance.config import DriftOptions
from appliance.drift import REMEDIES, beyond, sentence
from appliance.viewing import Viewing
from appliance.wording import counted

__all__ = ["Close", "Judged", "Likeness", "Promise", "Verdict", "judge"]

_LEAST_RATE, _GOOD_RATE, _MOST_RATE = 0.7, 0.9, 1.2
"""Shares of the expected rate. Below the first items pass unseen; above the last the driver did not heed the order."""
_MOST_JITTER = 0.5
"""In periods: beyond it a picture may come in the place of the next."""
_FEW_STALE, _MOST_STALE = 0.02, 0.2
_DARK, _BRIGHT = 30.0, 225.0
"""Mean levels of 255: beyond them the noise, or the end of the scale, is near for much of the picture."""
_MOST_CLIPPED = 0.05
"""More white than the glints of a can or a bottle."""


class Verdict(StrEnum):
    OK = "ok"
    LOOK = "look at it"
    FAIL = "does not deliver"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure as people read it, and what there is to say of it."""

    name: str
    value: str
    verdict: Verdict
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Promise:
    """What to expect. `ordered_hz`: camera.fps; `driver_hz`: what the driver said when it was opened; None: nothing.
    `may_be_still`: a person has said that pictures may be all alike (camera.frozen_after: 0)."""

    live: bool
    ordered_hz: float | None = None
    driver_hz: float | None = None
    may_be_still: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """What a closer look at some of the pictures has shown; see `appliance.close_look`."""

    alike: bool
    clipped_share: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far the empty region is from the reference that was `taken` then; no `values` for the reason `why_not`."""

    options: DriftOptions
    taken: str = ""
    values: Mapping[str, float] | None = None
    why_not: str = "there is no reference: appliance camera reference"


def judge(seen: Viewing, close: Close, promise: Promise, likeness: Likeness) -> list[Judged]:
    """A verdict for every figure; without pictures there is but one."""
    rows = [_pictures(seen, close, promise)]
    if seen.frames:
        rows += [_rate(seen, promise), *_jitter(seen, promise), *_old_ones(seen, promise)]
    if seen.measures is not None:
        rows += _scene(seen, close, likeness)
    return rows


def _pictures(seen: Viewing, close: Close, promise: Promise) -> Judged:
    told = Judged("pictures", f"{seen.frames} in {seen.seconds:.1f} s", Verdict.OK)
    if seen.unreadable:
        told = _but(told, Verdict.LOOK, f"{counted(seen.unreadable, 'picture')} more cannot be read")
    if seen.unreadable > seen.frames:
        told = _but(told, Verdict.FAIL, told.reason)
    elif not seen.frames:
        return _but(told, Verdict.FAIL, "no picture came")
    elif seen.frames == 1 and seen.stale_share > _MOST_STALE:
        return _but(told, Verdict.FAIL, "frozen: after the first, every picture is the same or an old one")
    elif close.alike:
        reason = "frozen: all pictures are alike to the last bit, which a living sensor's are not"
        if promise.may_be_still:
            return _but(told, Verdict.LOOK, f"{reason}; camera.frozen_after: 0 lets them pass")
        return _but(told, Verdict.FAIL if promise.live else Verdict.LOOK, reason)
    return told


def _rate(seen: Viewing, promise: Promise) -> Judged:
    if not promise.live:
        return Judged("rate", "as fast as it is read", Verdict.NOT_JUDGED, "stored pictures wait for the machine")
    expected_hz = promise.ordered_hz or promise.driver_hz
    told = Judged("rate", "none" if seen.rate_hz is None else f"{seen.rate_hz:.3g} pictures/s", Verdict.OK)
    if expected_hz is None:
        return _but(told, Verdict.NOT_JUDGED, "neither camera.fps nor the driver says what it should be")
    who = "were ordered" if promise.ordered_hz else "are promised by the driver"
    reason = f"{expected_hz:.3g} {who}"
    if seen.rate_hz is None:
        enough = seen.seconds * expected_hz > 3
        return _but(told, Verdict.FAIL if enough else Verdict.NOT_JUDGED, f"{reason}; too few came to tell")
    share = seen.rate_hz / expected_hz
    if share < _GOOD_RATE:
        verdict = Verdict.FAIL if share < _LEAST_RATE else Verdict.LOOK
        return _but(told, verdict, f"{reason}: more light (a long exposure slows it down), or a smaller picture")
    if share > _MOST_RATE:
        return _but(told, Verdict.LOOK, f"{reason}: the driver has its own mind; set camera.fps to what it gives")
    return _but(told, Verdict.OK, reason)


def _jitter(seen: Viewing, promise: Promise) -> Iterator[Judged]:
    if seen.jitter_ms is None or not seen.rate_hz or not promise.live:
        return
    told = Judged("jitter", f"{seen.jitter_ms:.1f} ms", Verdict.OK, "95 of 100 come as evenly as that, or better")
    if seen.jitter_ms > _MOST_JITTER * 1e3 / seen.rate_hz:
        told = _but(told, Verdict.LOOK, "they come unevenly: a busy computer, a shared USB hub, automatic exposure?")
    yield told


def _old_ones(seen: Viewing, promise: Promise) -> Iterator[Judged]:
    if not promise.live:
        return
    told = Judged("old ones", f"{seen.stale_share:.1%}", Verdict.OK, "pictures that were not new")
    if seen.stale_share > _FEW_STALE:
        verdict = Verdict.FAIL if seen.stale_share > _MOST_STALE else Verdict.LOOK
        told = _but(told, verdict, "of all pictures are not new: check the cable, the computer's load, camera.stale_s")
    yield told


def _scene(seen: Viewing, close: Close, likeness: Likeness) -> Iterator[Judged]:
    measures = seen.measures
    assert measures is not None, "asked of pictures only"
    focus = Judged("focus", f"{measures.focus:.2f} %", Verdict.NOT_JUDGED)
    if not measures.focus:
        yield _but(focus, Verdict.LOOK, "nothing in the picture is sharp: is there a cap on the lens?")
    else:
        yield _compared(focus, "focus", likeness)
    yield _brightness(measures.brightness, close, likeness)
    blue, red = (math.expm1(value) for value in (measures.blue, measures.red))
    colour = Judged("colour", f"blue {blue:+.0%}, red {red:+.0%}", Verdict.NOT_JUDGED)
    yield _compared(colour, "colour", likeness)
    if likeness.values is not None and "shift" in likeness.values:
        yield _compared(Judged("shift", f"{likeness.values['shift']:.1%}", Verdict.NOT_JUDGED), "shift", likeness)


def _brightness(level: float, close: Close, likeness: Likeness) -> Judged:
    told = Judged("brightness", f"{level:.0f} of 255", Verdict.OK)
    if level < _DARK:
        return _but(told, Verdict.LOOK, "too dark: more light, a longer exposure, or the cap is on the lens")
    if close.clipped_share > _MOST_CLIPPED:
        reason = f"clipped: {close.clipped_share:.0%} of the region has a colour at its end; a shorter exposure"
        return _but(told, Verdict.LOOK, reason)
    if level > _BRIGHT:
        return _but(told, Verdict.LOOK, "too bright: a shorter exposure, or less light")
    compared = _compared(told, "brightness", likeness)
    return compared if compared.verdict is not Verdict.NOT_JUDGED else _but(told, Verdict.OK, "neither dark nor white")


def _compared(told: Judged, kind: str, likeness: Likeness) -> Judged:
    """Against the reference, where that can be told."""
    if likeness.values is None:
        return _but(told, Verdict.NOT_JUDGED, likeness.why_not)
    if kind not in likeness.values:
        return _but(told, Verdict.NOT_JUDGED, "cannot be compared with the reference in this light or scene")
    value = likeness.values[kind]
    if beyond(kind, value, getattr(likeness.options, kind).warn):
        return _but(told, Verdict.LOOK, f"{sentence(kind, value)}: {REMEDIES[kind]}")
    return _but(told, Verdict.OK, f"as in the reference of {likeness.taken[:10]}")


def _but(told: Judged, verdict: Verdict, reason: str) -> Judged:
    return Judged(told.name, told.value, verdict, reason)
