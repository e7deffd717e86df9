"""A driver that does not exist, behind the real reader of V4L2 devices: loaded in the capture process only."""

import time
from typing import Any

import cv2
import numpy as np

import appliance.capture.v4l2
from appliance.capture.v4l2 import V4L2Reader

__all__ = ["V4L2Reader"]

HEIGHT, WIDTH, FPS = 48, 64, 40


class Driver:
    """The far end of a USB camera: a picture every 25 ms, for as long as it is open."""

    def __init__(self, *_: object) -> None:
        self._number = 0
        self._next_s = time.monotonic()

    def isOpened(self) -> bool:
        return True

    def set(self, *_: float) -> bool:
        return True

    def get(self, prop: int) -> float:
        """The stamp of the last picture in ms, as V4L2 gives it: taken 3 ms before it arrived."""
        return time.monotonic_ns() / 1e6 - 3 if prop == cv2.CAP_PROP_POS_MSEC else 0.0

    def grab(self) -> bool:
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        self._next_s += 1 / FPS
        self._number += 1
        return True

    def retrieve(self) -> tuple[bool, Any]:
        pixels = np.full((HEIGHT, WIDTH, 3), 15 * (self._number % 17), np.uint8)
        pixels[0, 0] = self._number % 251
        return True, pixels

    def release(self) -> None:
        pass


appliance.capture.v4l2.cv2.VideoCapture = Driver  # type: ignore[misc, assignment]
