"""Does the camera give pictures, and can each be read?"""

from collections.abc import Mapping
from typing import Any

from appliance.camera import Camera
from appliance.clock import Deadline
from appliance.config import Config
from appliance.diagnose import Finding, Verdict
from appliance.errors import CameraError, FrameUnreadable
from appliance.health import arrivals
from appliance.records import Frame
from appliance.wording import counted

__all__ = ["check"]

_LIVE_S = 3.0
_STORED_S = 5.0
_NAMED = 3


def check(config: Config, camera: Camera) -> list[Finding]:
    """Open it and look at what comes for a few seconds.

    Raises:
        CameraError: it is not there, or gives nothing.
    """
    camera.open()
    try:
        frames, newest, unreadable = _look(camera)
    finally:
        camera.close()
    if newest is None:
        found = f"{counted(len(unreadable), 'picture')}, none readable" if unreadable else "no picture in time"
        raise CameraError(f"looking through {camera.name}", found, "check the cable, or camera.path")
    height, width = newest.pixels.shape[:2]
    evidence = f"{camera.name}: {counted(frames, 'picture')} looked at, {width}x{height}"
    roi = config.camera.roi
    if roi is not None and (roi.x + roi.width > width or roi.y + roi.height > height):
        remedy = "correct camera.roi, or set the camera's width and height"
        return [Finding("camera", Verdict.FAIL, f"{evidence}; camera.roi leaves the picture", remedy, 10)]
    if unreadable:
        names = ", ".join(unreadable[:_NAMED]) + (" ..." if len(unreadable) > _NAMED else "")
        remedy = "replace or remove them; a run counts and skips them"
        return [Finding("camera", Verdict.WARN, f"{evidence}; {len(unreadable)} unreadable: {names}", remedy)]
    return [Finding("camera", Verdict.OK, evidence)]


def from_daemon(status: Mapping[str, Any]) -> list[Finding]:
    """What a running daemon says of its camera, which it alone may open."""
    evidence = f"in use by the running appliance: {status['camera']}, {counted(status['frames'], 'frame')}"
    if status["state"] == "camera lost":
        return [Finding("camera", Verdict.FAIL, f"{evidence}; lost now", "check its cable and its power", 10)]
    if silent := arrivals("sorting", status.get("picture_age_s")):
        remedy = "check its cable and its power; while the machine is paused nothing opens the camera again"
        return [Finding("camera", Verdict.WARN, f"{evidence}; {silent}", remedy)]
    return [Finding("camera", Verdict.OK, evidence)]


def _look(camera: Camera) -> tuple[int, Frame | None, list[str]]:
    deadline = Deadline(_LIVE_S if camera.live else _STORED_S)
    frames, newest, unreadable = 0, None, []
    while not deadline.expired and not camera.ended:
        try:
            frame = camera.latest(newest.id if newest else 0, min(0.5, deadline.left_s))
        except FrameUnreadable as error:
            unreadable.append(error.source)
            continue
        if frame is not None:
            frames, newest = frames + 1, frame
    return frames, newest, unreadable
