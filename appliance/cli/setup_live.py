"""What `appliance setup` sees through the camera: a meter to turn the lens by, and settings that have come to rest."""

from typing import Any

from appliance.camera import Describes
from appliance.cli.camera_open import opened
from appliance.config import Config
from appliance.errors import CameraError
from appliance.optics import Measures
from appliance.records import Frame
from appliance.viewing import Viewing, look

__all__ = ["settled_controls", "watch_live"]

_BAR = 30
_LOCKABLE = {"opencv": ("exposure", "white_balance_k")}
"""The options of a kind that lock what a driver else does by itself, under the names its driver tells them by."""


def watch_live(config: Config, seconds: float) -> Viewing:
    """Show focus and brightness while somebody turns the lens; what was seen.

    Raises:
        CameraError: it gives no picture.
    """
    best = 0.0

    def show(_: Frame, measures: Measures) -> None:
        nonlocal best
        best = max(best, measures.focus)
        print(meter(measures, best), flush=True)

    region = config.camera.roi.region() if config.camera.roi else None
    with opened(config) as (camera, _):
        seen = look(camera, seconds, region, show)
    if seen.newest is None:
        raise CameraError(f"looking through {camera.name}", "no picture in time", "appliance camera check")
    return seen


def settled_controls(config: Config) -> dict[str, Any]:
    """The exposure and white balance that the driver has come to, as options that keep them so; {} if it tells none."""
    names = _LOCKABLE.get(config.camera.kind, ())
    if not names:
        return {}
    with opened(config) as (camera, _):
        controls = camera.found.get("controls", {}) if isinstance(camera, Describes) else {}
    found = {name: controls[name] for name in names if name in controls}
    return {name: int(value) if name == "white_balance_k" else value for name, value in found.items()}


def meter(measures: Measures, best: float) -> str:
    """One line: the focus beside the best so far, and the brightness."""
    full = round(_BAR * measures.focus / best) if best else 0
    bar = "#" * full + "." * (_BAR - full)
    return f"focus {measures.focus:7.2f} % [{bar}] best {best:.2f}   brightness {measures.brightness:5.1f} of 255"
