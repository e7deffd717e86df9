"""What `appliance setup` sees through the camera: a meter to turn the lens by, and settings that have come to rest."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from appliance.camera import Describes
from appliance.cli.camera_open import opened
from appliance.clock import Deadline
from appliance.config import Config
from appliance.errors import CameraError
from appliance.live_view import LiveView, Sight
from appliance.local_page import HOST, LocalPage
from appliance.optics import Measures
from appliance.records import Frame
from appliance.viewing import Viewing, look

__all__ = ["settled_controls", "watch_live"]

_BAR = 20
_LOCKABLE = {"opencv": ("exposure", "white_balance_k")}
"""The options of a kind that lock what a driver else does by itself, under the names its driver tells them by."""


def watch_live(config: Config, seconds: float, page_port: int | None = None) -> Viewing:
    """Show focus and brightness while somebody turns the lens; what was seen.

    With `page_port` (0: a free one) also on a page of this computer, which ends with the step.

    Raises:
        CameraError: it gives no picture.
        UsageError: the port is taken.
    """
    region = config.camera.roi.region() if config.camera.roi else None
    with opened(config) as (camera, _):
        if not camera.live:
            print(f"{camera.name} is a recording: it goes by at its own speed, and no lens changes it")
        view, best, deadline = LiveView(camera.name), 0.0, Deadline(seconds)

        def show(frame: Frame, measures: Measures) -> None:
            nonlocal best
            best = max(best, measures.focus)
            view.show(Sight(frame, region, measures, best, deadline.left_s))
            _say(meter(measures, best))

        with _page(view, page_port) if page_port is not None else nullcontext():
            seen = look(camera, seconds, region, show)
    if sys.stdout.isatty():
        print()
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
    return f"focus {measures.focus:6.2f} % [{bar}] best {best:6.2f}  brightness {measures.brightness:5.1f} of 255"


def _say(line: str) -> None:
    """On a terminal each line takes the place of the one before."""
    print(f"\r{line}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)


@contextmanager
def _page(view: LiveView, port: int) -> Iterator[None]:
    with LocalPage(view.paths, port) as page:
        print(f"open in a browser of this computer:  {page.url}")
        tunnel = f"ssh -L {page.port}:{HOST}:{page.port} USER@{socket.gethostname()}"
        print(f"from another computer the same, after:  {tunnel}", flush=True)
        yield
