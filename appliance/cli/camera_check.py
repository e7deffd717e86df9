"""`appliance camera check` and `reference`: does it deliver, and is its picture what it was?"""

import argparse
import json
from typing import Any

from appliance.cli.camera_open import opened
from appliance.cli.reference_taking import reference_of
from appliance.config import Config
from appliance.drift import REMEDIES
from appliance.errors import UsageError
from appliance.reference import Reference, reference_path, write_reference
from appliance.viewing import Viewing, look

__all__ = ["check", "faults_of", "take"]

_LEAST_RATE = 0.7
"""A live camera that gives less than this share of its ordered rate does not deliver: items pass unseen."""
_MOST_STALE = 0.2
_EXIT_CAMERA = 10


def check(config: Config, arguments: argparse.Namespace) -> int:
    """Look for some seconds; 10 if the camera does not deliver."""
    region = config.camera.roi.region() if config.camera.roi and arguments.device is None else None
    with opened(config, arguments.device) as (camera, options):
        seen = look(camera, arguments.seconds, region)
        faults = faults_of(seen, getattr(options, "fps", None) if camera.live else None)
    told = _figures(seen) | {"camera": camera.name, "live": camera.live, "faults": faults, "delivers": not faults}
    if arguments.json:
        print(json.dumps(told))
    else:
        _print(told)
    return _EXIT_CAMERA if faults else 0


def take(config: Config, arguments: argparse.Namespace) -> int:
    """Take the reference of the empty region; the old one is replaced only with --force."""
    path = reference_path(config)
    if path.exists() and not arguments.force:
        raise UsageError(f"taking the reference {path}", "there is one", "add --force to replace it")
    reference = reference_of(config, arguments.seconds)
    write_reference(path, reference)
    told = {"reference": str(path), "watched": list(reference.watched), **reference.view.measures.as_dict()}
    print(json.dumps(told) if arguments.json else _said(path, reference))
    return 0


def faults_of(seen: Viewing, ordered_hz: float | None) -> list[str]:
    """Why this camera does not deliver what was ordered; empty if it does."""
    if not seen.frames:
        return [f"no picture in {seen.seconds:.1f} s ({seen.unreadable} unreadable)"]
    faults = []
    if ordered_hz is not None and seen.rate_hz is not None and seen.rate_hz < _LEAST_RATE * ordered_hz:
        faults.append(f"{seen.rate_hz:.1f} pictures/s instead of {ordered_hz:g}: more light, or a smaller picture")
    if seen.stale_share > _MOST_STALE:
        faults.append(f"{seen.stale_share:.0%} of the pictures are old ones: check the cable and camera.stale_s")
    if seen.unreadable > seen.frames:
        faults.append(f"{seen.unreadable} pictures cannot be read, {seen.frames} can")
    return faults


def _figures(seen: Viewing) -> dict[str, Any]:
    measures = seen.measures.as_dict() if seen.measures is not None else {}
    told = {"seconds": seen.seconds, "rate_hz": seen.rate_hz, "jitter_ms": seen.jitter_ms,
            "stale_share": seen.stale_share, **measures}  # fmt: skip
    rounded = {name: None if value is None else round(value, 3) for name, value in told.items()}
    return {"frames": seen.frames, "unreadable": seen.unreadable, **rounded}


def _said(path: object, reference: Reference) -> str:
    blind = [kind for kind in REMEDIES if kind not in reference.watched]
    told = f"{path}: taken, {reference.size[0]}x{reference.size[1]}; it can tell {', '.join(reference.watched)}"
    return told + (f". Nothing in the empty region shows {' or '.join(blind)}" if blind else "")


def _print(told: dict[str, Any]) -> None:
    rows = (
        ("pictures", "frames", ""), ("unreadable", "unreadable", ""), ("rate", "rate_hz", "1/s"),
        ("jitter (95 %)", "jitter_ms", "ms"), ("old ones", "stale_share", "of all"), ("focus", "focus", "%"),
        ("brightness", "brightness", "of 255"), ("blue", "blue", "ln"), ("red", "red", "ln"),
    )  # fmt: skip
    print(told["camera"])
    for name, key, unit in rows:
        if told.get(key) is not None:
            print(f"  {name:<14} {told[key]:>9g} {unit}")
    print("\n".join(f"does NOT deliver: {fault}" for fault in told["faults"]) or "delivers")
