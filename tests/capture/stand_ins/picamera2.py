"""A stand-in for Raspberry Pi's picamera2, with the calls that the reader makes, as its manual describes them.

`PICAMERA2_STAND_IN` in the environment may ask for a fault: `none` (no camera), `busy`, or `queued` (every picture is
given twice, as an old one from the queue is).
"""

import os
import time
from typing import Any

import numpy as np

HEIGHT, WIDTH = 48, 64
_FAULT = os.environ.get("PICAMERA2_STAND_IN", "")
_KNOWN_CONTROLS = {"FrameRate", "AeEnable", "ExposureTime", "AnalogueGain", "AwbEnable", "ColourGains"}


class _Request:
    def __init__(self, pixels: Any, stamp_ns: int) -> None:
        self._pixels, self._stamp_ns = pixels, stamp_ns
        self._released = False

    def get_metadata(self) -> dict[str, Any]:
        assert not self._released
        return {"SensorTimestamp": self._stamp_ns, "ExposureTime": 9000}

    def make_array(self, name: str) -> Any:
        assert name == "main"
        assert not self._released
        return self._pixels.copy()

    def release(self) -> None:
        assert not self._released, "released twice"
        self._released = True


class Picamera2:
    """One camera that takes a picture in each frame time, with stamps of CLOCK_BOOTTIME."""

    def __init__(self, camera_num: int = 0) -> None:
        if _FAULT == "busy":
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self._config: dict[str, Any] = {}
        self._started = False
        self._number = 0
        self._queued: _Request | None = None

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [] if _FAULT == "none" else [{"Model": "imx708", "Num": 0}]

    def create_video_configuration(self, **asked: Any) -> dict[str, Any]:
        assert asked["main"]["format"] == "RGB888"
        assert set(asked["controls"]) <= _KNOWN_CONTROLS
        return asked

    def configure(self, config: dict[str, Any]) -> None:
        assert not self._started
        self._config = config
        self._period_s = 1 / config["controls"]["FrameRate"]

    def start(self) -> None:
        self._started = True
        self._next_s = time.monotonic()

    def capture_request(self) -> _Request:
        assert self._started
        if self._queued is not None:
            queued, self._queued = self._queued, None
            return queued
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        self._next_s += self._period_s
        self._number += 1
        width, height = self._config["main"]["size"]
        pixels = np.full((height, width, 3), 15 * (self._number % 17), np.uint8)
        pixels[0, 0] = self._number % 251
        # The exposure began some milliseconds before the picture was complete.
        stamp_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 9_000_000
        self._queued = _Request(pixels, stamp_ns) if _FAULT == "queued" else None
        return _Request(pixels, stamp_ns)

    def close(self) -> None:
        self._started = False
