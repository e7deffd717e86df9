"""Cameras and video files through OpenCV's VideoCapture."""

import logging
import os
import time
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import cv2
import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from appliance.camera import CameraCounters, CameraOptions
from appliance.camera.latest import LatestFrame
from appliance.camera.pacing import Pace
from appliance.clock import Clock
from appliance.config import ConfigPath
from appliance.errors import CameraError
from appliance.records import Frame

__all__ = ["OpenCVCamera", "OpenCVOptions"]

log = logging.getLogger(__name__)

_V4L2_MANUAL_EXPOSURE = 1
"""V4L2_CID_EXPOSURE_AUTO: 1 is V4L2_EXPOSURE_MANUAL."""
_CLOSE_PATIENCE_S = 1.0
_OLDEST_STAMP_NS = 60_000_000_000
"""A stamp older than this is of another clock."""
_DAMAGED_IN_A_ROW = 25
"""OpenCV says the same of a damaged frame and of the end: so many failures on end are the end."""


Device = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    Field(pattern=r"^(\d{1,3}|/dev/.+)$"),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^/dev/.+$"}]}),
]
"""An index, or a path below /dev."""


class OpenCVOptions(CameraOptions):
    """`device` is an index, a path such as /dev/v4l/by-id/...; `file` is a video. One of the two.

    Exposure is in the driver's own unit (V4L2: 100 µs), white balance in kelvin; null leaves them automatic.
    """

    kind: Literal["opencv"]
    device: Device | None = None
    file: ConfigPath | None = None
    width: Annotated[int, Field(ge=16, le=16384)] | None = None
    height: Annotated[int, Field(ge=16, le=16384)] | None = None
    fps: Annotated[float, Field(gt=0, le=1000)] | None = None
    fourcc: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ]{4}$")] | None = None
    exposure: float | None = None
    white_balance_k: Annotated[int, Field(ge=1000, le=20000)] | None = None
    paced: bool = False
    loop: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.device is None) == (self.file is None):
            raise ValueError("set either device or file, and only one of them")
        return self


class OpenCVCamera:
    """A device is live: a thread keeps its newest frame. A file waits for the loop, unless `paced`."""

    Options = OpenCVOptions

    def __init__(self, options: OpenCVOptions, clock: Clock = time.monotonic_ns) -> None:
        self._options = options
        self._clock = clock
        self._capture: Any = None
        self._latest: LatestFrame | None = None
        self._pace: Pace | None = None
        self._id = self._index = 0
        self._frames = self._dropped = self._skipped = 0
        self._ended = False
        self.live = options.device is not None or options.paced
        self.name = options.device if options.device is not None else str(options.file)

    def open(self) -> None:
        options = self._options
        self._capture = _open_device(options) if options.device is not None else _open_file(options)
        if options.device is not None:
            self._latest = LatestFrame(self._read_device, self.name)
        elif options.paced:
            fps = options.fps or self._capture.get(cv2.CAP_PROP_FPS) or 30.0
            self._pace = Pace(fps, self._clock())
            self._index = 0

    @property
    def ended(self) -> bool:
        return self._ended

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        if self._capture is None:
            raise CameraError(f"reading {self.name}", "the camera is not open")
        if self._latest is not None:
            return self._latest.take(timeout_s)
        return None if self._ended else self._read_file(timeout_s)

    def counters(self) -> CameraCounters:
        latest = self._latest  # another thread may ask while `close` takes it away
        if latest is None:
            return CameraCounters(self._frames, self._dropped, self._skipped)
        return CameraCounters(self._frames + latest.taken, self._dropped + latest.dropped)

    def close(self) -> None:
        hangs = self._latest is not None and not self._latest.stop(_CLOSE_PATIENCE_S)
        kept = self.counters()
        self._frames, self._dropped, self._latest = kept.frames, kept.dropped, None
        capture, self._capture = self._capture, None
        if hangs:
            # Releasing under a read that has not returned crashes the driver's user space; the process's end frees it.
            log.warning("the driver of %s does not return from a read; left to the end of the process", self.name)
        elif capture is not None:
            capture.release()

    def _read_device(self) -> Frame:
        grabbed, pixels = self._capture.read()
        if not grabbed or pixels is None:
            raise CameraError(f"reading {self.name}", "the camera gave no picture", "check the cable and its power")
        self._id += 1
        taken_at_ns, clock_source = self._exposure()
        return Frame(self._id, taken_at_ns, clock_source, np.asarray(pixels, np.uint8), f"{self.name}#{self._id}")

    def _exposure(self) -> tuple[int, str]:
        """When the picture was taken: V4L2's own stamp (CLOCK_MONOTONIC) where it is one, else the arrival.

        OpenCV gives struct v4l2_buffer's timestamp as CAP_PROP_POS_MSEC.
        """
        now_ns = self._clock()
        stamp_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        # A driver without stamps gives 0 or -1, which soon after power-on would look like a stamp of not long ago.
        real = stamp_ns > 0 and 0 <= now_ns - stamp_ns < _OLDEST_STAMP_NS
        return (stamp_ns, "v4l2") if real else (now_ns, "arrival")

    def _read_file(self, timeout_s: float) -> Frame | None:
        if self._pace and not self._skip_to_due(self._pace, timeout_s):
            return None
        pixels = self._next_whole()
        if pixels is None and self._options.loop and self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0):
            pixels = self._next_whole()
        if pixels is None:
            self._ended = True
            return None
        self._index += 1
        self._id += 1
        self._frames += 1
        return Frame(self._id, self._clock(), "arrival", np.asarray(pixels, np.uint8), f"{self.name}#{self._id}")

    def _next_whole(self) -> Any:
        """The next frame of the file that can be decoded; damaged ones are counted and passed over. None at the end."""
        for damaged in range(_DAMAGED_IN_A_ROW):
            grabbed, pixels = self._capture.read()
            if grabbed:
                if damaged:
                    log.warning("%s: %d damaged frames before frame %d", self.name, damaged, self._id + 1)
                self._skipped += damaged
                self._index += damaged
                return pixels
        return None

    def _skip_to_due(self, pace: Pace, timeout_s: float) -> bool:
        wait_s = (pace.moment_ns(self._index) - self._clock()) / 1e9
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
            if wait_s > timeout_s:
                return False
        while self._index < pace.due(self._clock()) and self._capture.grab():
            self._index += 1
            self._dropped += 1
        return True


def _open_file(options: OpenCVOptions) -> Any:
    path = options.file
    assert path is not None
    doing = f"opening the video file {path}"
    if not path.is_file():
        raise CameraError(doing, "no such file", "set camera.file to a video file")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise CameraError(doing, "OpenCV cannot read it as a video", "convert it, for example to MJPEG in an .avi")
    return capture


def _open_device(options: OpenCVOptions) -> Any:
    device = options.device
    assert device is not None
    doing = f"opening the camera {device}"
    path = Path(f"/dev/video{device}" if device.isdigit() else device)
    if not path.exists():
        others = sorted(str(one) for one in Path("/dev").glob("video*"))
        found = f"{path} does not exist; there is {', '.join(others)}" if others else f"{path} does not exist"
        raise CameraError(doing, found, "plug the camera in, or set camera.device to another one")
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraError(doing, f"no permission for {path}", "join its group: sudo usermod -aG video $USER")
    capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_V4L2)
    if not capture.isOpened():
        raise CameraError(doing, "the driver refuses it", "see who holds it: fuser -v " + str(path))
    for name, prop, value in _settings(options):
        if not capture.set(prop, value):
            log.warning("the camera %s does not take %s = %s", device, name, value)
        elif name in ("width", "height", "fps", "fourcc") and capture.get(prop) != value:
            log.warning("the camera %s has %s = %g instead of %g", device, name, capture.get(prop), value)
    return capture


def _settings(options: OpenCVOptions) -> list[tuple[str, int, float]]:
    """The properties to set, in the order that V4L2 needs: the format before the size, manual before the value."""
    wanted: list[tuple[str, int, float]] = []
    if options.fourcc is not None:
        wanted.append(("fourcc", cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*options.fourcc)))
    for name, prop in (
        ("width", cv2.CAP_PROP_FRAME_WIDTH),
        ("height", cv2.CAP_PROP_FRAME_HEIGHT),
        ("fps", cv2.CAP_PROP_FPS),
    ):
        if (value := getattr(options, name)) is not None:
            wanted.append((name, prop, value))
    if options.exposure is not None:
        wanted.append(("manual exposure", cv2.CAP_PROP_AUTO_EXPOSURE, _V4L2_MANUAL_EXPOSURE))
        wanted.append(("exposure", cv2.CAP_PROP_EXPOSURE, options.exposure))
    if options.white_balance_k is not None:
        wanted.append(("manual white balance", cv2.CAP_PROP_AUTO_WB, 0))
        wanted.append(("white_balance_k", cv2.CAP_PROP_WB_TEMPERATURE, options.white_balance_k))
    # One buffer: an old picture in the driver's queue is worse than none.
    wanted.append(("buffer size", cv2.CAP_PROP_BUFFERSIZE, 1))
    return wanted
