"""`appliance camera check`: does the camera deliver, and is its picture good enough?"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from appliance.camera import Camera, Describes
from appliance.cli.build import make_trigger
from appliance.cli.camera_open import opened
from appliance.close_look import CloseLook
from appliance.config import Config, DriftOptions
from appliance.delivery import Close, Judged, Likeness, Promise, Verdict, judge
from appliance.drift import trusted
from appliance.errors import StorageError
from appliance.reference import Reference, read_reference, reference_path
from appliance.viewing import Viewing, look

__all__ = ["check"]

_EXIT_CAMERA = 10
_OTHER = Likeness(DriftOptions(), why_not="the reference belongs to the configured camera")
_STYLES = {Verdict.OK: "green", Verdict.LOOK: "yellow", Verdict.FAIL: "bold red", Verdict.NOT_JUDGED: "dim"}


def check(config: Config, arguments: argparse.Namespace) -> int:
    """Look for some seconds; 10 if the camera does not deliver."""
    mine = arguments.device is None
    region = config.camera.roi.region() if config.camera.roi and mine else None
    reference, likeness = _reference(config) if mine else (None, _OTHER)
    close = CloseLook(region, reference, make_trigger(config, region) if reference is not None else None)
    with opened(config, arguments.device) as (camera, options):
        seen = look(camera, arguments.seconds, region, close.hear)
        # What a capture process could not decode never became a picture of the viewing.
        seen = replace(seen, unreadable=seen.unreadable + camera.counters().corrupt)
        promise = _promise(camera, options)
    if reference is not None:
        likeness = _likeness(config, close, reference, live=camera.live)
    rows = judge(seen, Close(close.alike, close.clipped_share), promise, likeness)
    faults = [f"{row.name}: {row.reason}" for row in rows if row.verdict is Verdict.FAIL]
    if arguments.json:
        told = _figures(seen, promise) | {"clipped_share": round(close.clipped_share, 3), "camera": camera.name}
        told |= {"live": camera.live, "rows": [row.as_dict() for row in rows]}
        print(json.dumps(told | {"faults": faults, "delivers": not faults}))
    else:
        _print(camera.name, rows, faults)
    return _EXIT_CAMERA if faults else 0


def _promise(camera: Camera, options: Any) -> Promise:
    found = camera.found if isinstance(camera, Describes) else {}
    # A driver that does not know its rate says 0 or -1.
    driver_hz = rate if isinstance(rate := found.get("rate"), float | int) and rate > 0 else None
    return Promise(camera.live, getattr(options, "fps", None), driver_hz, getattr(options, "frozen_after", 1) == 0)


def _reference(config: Config) -> tuple[Reference | None, Likeness]:
    """The reference, or why there is nothing to compare with: a damaged one is no fault of the camera."""
    try:
        return read_reference(reference_path(config)), Likeness(config.drift)
    except StorageError as error:
        return None, Likeness(config.drift, why_not=str(error))


def _likeness(config: Config, close: CloseLook, reference: Reference, *, live: bool) -> Likeness:
    values = close.against_reference()
    if values is None:
        why_not = close.why_not if live or close.misfit else "stored pictures go by too fast to be compared"
        return Likeness(config.drift, why_not=why_not)
    return Likeness(config.drift, reference.taken, trusted(values, empty=True, options=config.drift))


def _figures(seen: Viewing, promise: Promise) -> dict[str, Any]:
    """The figures for scripts; stored pictures have no rate but the computer's."""
    measures = seen.measures.as_dict() if seen.measures is not None else {}
    pace = {"rate_hz": seen.rate_hz, "jitter_ms": seen.jitter_ms} if promise.live else {}
    told = {"seconds": seen.seconds, "rate_hz": None, "jitter_ms": None, "stale_share": seen.stale_share}
    rounded = {name: value and round(value, 3) for name, value in (told | pace | measures).items()}
    return {"frames": seen.frames, "unreadable": seen.unreadable, **rounded}


def _print(name: str, rows: Sequence[Judged], faults: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("what", "seen", "verdict"):
        table.add_column(column, no_wrap=True)
    table.add_column("why, and what to do", overflow="fold")
    for row in rows:
        table.add_row(row.name, row.value, Text(row.verdict.value, style=_STYLES[row.verdict]), Text(row.reason))
    console = Console(highlight=False, soft_wrap=False)
    console.print(Text(name))
    console.print(table)
    console.print("does NOT deliver" if faults else "delivers")
