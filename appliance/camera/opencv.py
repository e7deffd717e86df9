"""What OpenCV reads: a camera of the kernel, in a capture process, or a video file."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from appliance.camera import CameraCounters
from appliance.camera.captured import CapturedCamera, CapturedOptions
from appliance.camera.video import VideoFile
from appliance.clock import Clock
from appliance.config import ConfigPath
from appliance.records import Frame

__all__ = ["DeviceCamera", "OpenCVCamera", "OpenCVOptions"]

Device = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    Field(pattern=r"^(\d{1,3}|/dev/.+)$"),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^/dev/.+$"}]}),
]
"""An index, or a path below /dev."""


class OpenCVOptions(CapturedOptions):
    """`device` is an index, a path such as /dev/v4l/by-id/...; `file` is a video. One of the two.

    Exposure is in the driver's own unit (V4L2: 100 µs), white balance in kelvin; null leaves them automatic. `reduce`
    decodes the JPEGs of a camera with `fourcc: MJPG` at a half, a quarter or an eighth of width and height, which
    costs less time; camera.roi counts in the reduced picture.
    """

    kind: Literal["opencv"]
    device: Device | None = None
    file: ConfigPath | None = None
    width: Annotated[int, Field(ge=16, le=16384)] | None = None
    height: Annotated[int, Field(ge=16, le=16384)] | None = None
    fps: Annotated[float, Field(gt=0, le=1000)] | None = None
    fourcc: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ]{4}$")] | None = None
    reduce: Literal[1, 2, 4, 8] = 1
    exposure: float | None = None
    white_balance_k: Annotated[int, Field(ge=1000, le=20000)] | None = None
    paced: bool = False
    loop: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.device is None) == (self.file is None):
            raise ValueError("set either device or file, and only one of them")
        if self.reduce > 1 and self.fourcc != "MJPG":
            raise ValueError("reduce needs fourcc: MJPG")
        return self


class DeviceCamera(CapturedCamera):
    """A camera of the kernel."""

    reader = "appliance.capture.v4l2:V4L2Reader"


class OpenCVCamera:
    """One of the two, by what the options name."""

    Options = OpenCVOptions

    def __init__(self, options: OpenCVOptions, clock: Clock = time.monotonic_ns) -> None:
        self._source: DeviceCamera | VideoFile
        if options.file is not None:
            self._source = VideoFile(options.file, paced=options.paced, fps=options.fps, loop=options.loop, clock=clock)
        else:
            assert options.device is not None
            self._source = DeviceCamera(options, options.device, clock=clock)
        self.live = self._source.live
        self.name = self._source.name

    def open(self) -> None:
        self._source.open()

    @property
    def found(self) -> Mapping[str, Any]:
        """What the driver said of itself when it was opened; a video file says nothing."""
        return {} if isinstance(self._source, VideoFile) else self._source.found

    def begin(self) -> None:
        if isinstance(self._source, VideoFile):
            self._source.open()
        else:
            self._source.begin()

    def ready(self) -> bool:
        return isinstance(self._source, VideoFile) or self._source.ready()

    @property
    def ended(self) -> bool:
        return self._source.ended

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        return self._source.latest(after_id, timeout_s)

    def counters(self) -> CameraCounters:
        return self._source.counters()

    def close(self) -> None:
        self._source.close()
