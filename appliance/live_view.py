"""What a camera shows now, for whoever looks from another thread: a page, the newest picture, its meters as JSON."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from appliance.capture.jpeg import encode
from appliance.live_view_html import PAGE
from appliance.local_page import Content
from appliance.optics import Measures
from appliance.preprocess import Region
from appliance.records import Frame, Pixels

__all__ = ["LiveView", "Sight"]

_LONGEST = 640
"""The picture's longer side on the page: enough to judge sharpness by on a phone, some 60 kB."""
_QUALITY = 80
_MARK = (0, 200, 255)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A moment of the live step. `best` is the best focus so far, `left_s` what is left of the step."""

    frame: Frame
    region: Region | None
    measures: Measures
    best: float
    left_s: float


class LiveView:
    """Holds the newest sight. What is costly (drawing, the JPEG) is done by who asks, not by who shows."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._lock = threading.Lock()
        self._newest: Sight | None = None

    def show(self, sight: Sight) -> None:
        """Replace what was shown; its pixels must not change any more."""
        with self._lock:
            self._newest = sight

    @property
    def paths(self) -> Mapping[str, Callable[[], Content | None]]:
        """What `appliance.local_page` serves; None until there is a picture."""
        return {"": _page, "picture.jpg": self._picture, "meters.json": self._meters}

    def _picture(self) -> Content | None:
        sight = self._seen()
        return None if sight is None else Content("image/jpeg", encode(_drawn(sight), _QUALITY))

    def _meters(self) -> Content | None:
        sight = self._seen()
        if sight is None:
            return None
        height, width = sight.frame.pixels.shape[:2]
        region, measures = sight.region, sight.measures
        told = {
            "camera": self._camera,
            "picture": sight.frame.id,
            "size": [width, height],
            "region": None if region is None else [region.x, region.y, region.width, region.height],
            "focus": measures.focus,
            "best": sight.best,
            "brightness": measures.brightness,
            "left_s": sight.left_s,
        }
        return Content("application/json", json.dumps(told).encode())

    def _seen(self) -> Sight | None:
        with self._lock:
            return self._newest


def _page() -> Content:
    return Content("text/html; charset=utf-8", PAGE.encode())


def _drawn(sight: Sight) -> Pixels:
    """The picture, reduced, with the region that shows items outlined."""
    pixels, region = sight.frame.pixels, sight.region
    height, width = pixels.shape[:2]
    scale = min(1.0, _LONGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Also at full size a copy: the frame's own pixels are measured by others.
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels.copy()
    if region is not None:
        near = round(region.x * scale), round(region.y * scale)
        far = round((region.x + region.width) * scale) - 1, round((region.y + region.height) * scale) - 1
        cv2.rectangle(small, near, far, _MARK, 2)
    return np.asarray(small, np.uint8)
