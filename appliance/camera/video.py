"""A video file through OpenCV, in this process: it is finite, and what is wrong with it shows at once."""

import logging
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance.camera import CameraCounters
from appliance.camera.pacing import Pace
from appliance.camera.recorded_time import RecordedTime
from appliance.clock import Clock
from appliance.errors import CameraError
from appliance.records import Frame

__all__ = ["VideoFile"]

log = logging.getLogger(__name__)

_DAMAGED_IN_A_ROW = 25
"""OpenCV says the same of a damaged frame and of the end: so many failures on end are the end."""
_MOST_FPS = 1000.0
"""A higher rate is no rate but the container's time base."""


class VideoFile:
    """Waits for the loop, unless `paced`: then it plays at `fps`, or at the file's own rate, and drops what is late.

    A file that waits tells with each frame when it was recorded: whatever is a matter of time comes out the same at any
    speed of reading.
    """

    def __init__(
        self, path: Path, *, paced: bool, fps: float | None, loop: bool, clock: Clock = time.monotonic_ns
    ) -> None:
        self._path, self._paced, self._fps, self._loop = path, paced, fps, loop
        self._clock = clock
        self._capture: Any = None
        self._pace: Pace | None = None
        self._recorded: RecordedTime | None = None
        self._id = self._index = 0
        self._frames = self._dropped = self._skipped = 0
        self.ended = False
        self.live = paced
        self.name = str(path)

    def open(self) -> None:
        self._capture = _open(self._path)
        file_fps = _rate(self._capture)
        if self._paced:
            self._pace = Pace(self._fps or file_fps, self._clock())
            self._index = 0
        elif self._recorded is None:
            self._recorded = RecordedTime(file_fps, self._fps)
        else:
            self._recorded.begin_again()

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        if self._capture is None:
            raise CameraError(f"reading {self.name}", "the camera is not open")
        if self.ended or (self._pace and not self._skip_to_due(self._pace, timeout_s)):
            return None
        pixels = self._next_whole()
        if pixels is None and self._loop and self._rewind():
            pixels = self._next_whole()
        if pixels is None:
            self.ended = True
            return None
        self._index += 1
        self._id += 1
        self._frames += 1
        source = f"{self.name}#{self._id}"
        return Frame(self._id, self._clock(), "arrival", np.asarray(pixels, np.uint8), source, self._recorded_ns())

    def counters(self) -> CameraCounters:
        return CameraCounters(self._frames, self._dropped, self._skipped)

    def close(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _recorded_ns(self) -> int | None:
        """When the frame that was read last was recorded, where the file waits for the loop."""
        return None if self._recorded is None else self._recorded.moment_ns(self._capture.get(cv2.CAP_PROP_POS_MSEC))

    def _rewind(self) -> bool:
        if self._recorded is not None:
            self._recorded.begin_again()
        return bool(self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0))

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


def _rate(capture: Any) -> float:
    """The file's own rate in Hz; 30 where it says none."""
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if 0 < fps <= _MOST_FPS else 30.0


def _open(path: Path) -> Any:
    doing = f"opening the video file {path}"
    if not path.is_file():
        raise CameraError(doing, "no such file", "set camera.file to a video file")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise CameraError(doing, "OpenCV cannot read it as a video", "convert it, for example to MJPEG in an .avi")
    return capture
