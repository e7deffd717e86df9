"""A live camera whose driver runs in a capture process: what hangs or crashes there is killed and costs no item.

Who opens it again, when, and for how long is not decided here but in `appliance.intake`: a camera that is lost raises,
a silent one returns None.
"""

import logging
import time
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from appliance.camera import CameraCounters, CameraOptions
from appliance.camera.capture_process import CaptureProcess
from appliance.capture.messages import Job
from appliance.capture.ring import Shot
from appliance.clock import Clock, Deadline
from appliance.errors import CameraError, CameraStalled
from appliance.records import Frame

__all__ = ["CapturedCamera", "CapturedOptions"]

log = logging.getLogger(__name__)

_START_S = 15.0
"""Until the driver is being opened: loading Python, numpy and OpenCV from a slow card."""
_STEP_S = 0.05


class CapturedOptions(CameraOptions):
    """What every camera in a capture process has.

    `open_s`: how long opening may take, up to the first picture. `frozen_after`: so many pictures in a row that are
    the same are a frozen sensor; 0 is off. `stale_s`: a picture that is older when it comes is never looked at.
    """

    open_s: Annotated[float, Field(gt=0, le=60)] = 3.0
    frozen_after: Annotated[int, Field(ge=0, le=100_000)] = 60
    stale_s: Annotated[float, Field(gt=0, le=60)] = 1.0


class CapturedCamera:
    """The part that all kinds share. A kind names its reader and what the reader is told."""

    live: ClassVar[bool] = True
    reader: ClassVar[str]
    """ "module:Class" of a `appliance.capture.reader.Reader`, loaded in the capture process only."""

    def __init__(self, options: CapturedOptions, name: str, python: str = "", clock: Clock = time.monotonic_ns) -> None:
        """`python` is the interpreter that has the driver's library; empty means this one."""
        self._captured_options = options
        self._python = python
        self._clock = clock
        self._process: CaptureProcess | None = None
        self._deadline: Deadline | None = None
        self._opening = False
        self._seen_id = self._newest_ns = 0
        self._shown: tuple[int, int] | None = None
        self._frames = self._dropped = self._stale = self._corrupt = 0
        self.name = name

    def reader_options(self) -> Mapping[str, Any]:
        """What the reader is told, as JSON types."""
        return self._captured_options.model_dump(mode="json")

    def open(self) -> None:
        self.begin()
        while not self.ready():
            if self._process is not None:
                self._heard(self._process, _STEP_S)

    def begin(self) -> None:
        self.close()
        options = self._captured_options
        job = Job(self.reader, self.reader_options(), self._seen_id + 1, options.frozen_after > 0, self._shown)
        self._process = CaptureProcess(self.name, self._python, job)
        self._opening = True
        self._deadline = Deadline(_START_S, self._clock)

    def ready(self) -> bool:
        if self._process is None or self._deadline is None:
            raise CameraError(f"opening {self.name}", "nobody began to open it")
        self._heard(self._process, 0)
        if self._opening and self._process.started:
            self._opening = False
            self._deadline = Deadline(self._captured_options.open_s, self._clock)
        if not self._process.ready and self._deadline.expired:
            found = "its process does not start" if self._opening else "no picture came in time"
            self.close()
            remedy = "check the cable and its power, or allow more with camera.open_s"
            raise CameraStalled(f"opening the camera {self.name}", found, remedy)
        return self._process.ready

    @property
    def ended(self) -> bool:
        return False

    @property
    def found(self) -> Mapping[str, Any]:
        """What the driver said of itself when it was opened."""
        return (self._process.found if self._process is not None else None) or {}

    @property
    def pid(self) -> int | None:
        """The capture process, for whoever wants to look at it."""
        return self._process.pid if self._process is not None else None

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        process = self._process
        if process is None or not process.ready:
            raise CameraError(f"reading {self.name}", "the camera is not open")
        deadline = Deadline(timeout_s, self._clock)
        while True:
            shot = process.newest(max(after_id, self._seen_id))
            if shot is not None and self._is_new(shot):
                return self._frame(shot)
            left_s = deadline.left_s
            self._heard(process, left_s)
            if not left_s:
                return None

    def jpeg(self, frame_id: int, quality: int = 85, timeout_s: float = 0.5) -> bytes | None:
        """A frame of a moment ago as a JPEG, made in the capture process; None if it is gone, or took too long.

        Raises:
            CameraError: the camera is lost, or not open.
        """
        process = self._process
        if process is None or not process.ready:
            raise CameraError(f"reading {self.name}", "the camera is not open")
        process.ask_jpeg(frame_id, quality)
        deadline = Deadline(timeout_s, self._clock)
        while frame_id not in process.jpegs and not deadline.expired:
            self._heard(process, deadline.left_s)
        return process.jpegs.pop(frame_id, None)

    def counters(self) -> CameraCounters:
        process = self._process
        corrupt = self._corrupt + (process.corrupt if process is not None else 0)
        return CameraCounters(self._frames, self._dropped, stale=self._stale, corrupt=corrupt)

    def close(self) -> None:
        process, self._process = self._process, None
        self._deadline = None
        if process is None:
            return
        newest_id = process.newest_id
        self._dropped += max(0, newest_id - self._seen_id)
        self._seen_id = max(self._seen_id, newest_id)
        process.kill()
        self._corrupt += process.corrupt

    def _heard(self, process: CaptureProcess, timeout_s: float) -> None:
        """Wait for its next sign; a process that gave up is cleared away before its error goes on."""
        try:
            process.wait(timeout_s)
        except CameraError:
            self.close()
            raise

    def _is_new(self, shot: Shot) -> bool:
        """Does it show a moment that nobody has seen, and not one of long ago?

        Raises:
            CameraStalled: it shows the same as so many before.
        """
        self._dropped += shot.id - self._seen_id - 1
        self._seen_id = shot.id
        self._shown = shot.fingerprint, shot.stamp_ns
        options = self._captured_options
        age_s = (self._clock() - shot.stamp_ns) / 1e9
        if shot.stamp_ns > self._newest_ns and age_s <= options.stale_s:
            return True
        self._stale += 1
        if options.frozen_after and shot.repeats >= options.frozen_after:
            self.close()
            raise CameraStalled(
                f"reading {self.name}",
                f"frozen: the last {shot.repeats + 1} pictures are the same",
                "restart the camera; where the picture can really be so still, set camera.frozen_after: 0",
            )
        return False

    def _frame(self, shot: Shot) -> Frame:
        self._newest_ns = shot.stamp_ns
        self._frames += 1
        return Frame(shot.id, shot.stamp_ns, shot.clock, shot.pixels, f"{self.name}#{shot.id}")
