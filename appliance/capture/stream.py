"""Reads a network stream (RTSP, or MJPEG over HTTP) through OpenCV's FFmpeg."""

import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import cv2

from appliance.capture.reader import Picture
from appliance.capture.stream_clock import StreamClock
from appliance.errors import CameraError

__all__ = ["StreamReader", "without_secrets"]

_NO_BUFFER = "fflags;nobuffer|flags;low_delay"
"""Hand out every picture as it comes: FFmpeg would hold some back to smooth the rate."""


class StreamReader:
    """Options: url, transport (tcp or udp, for RTSP), open_s, read_s."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._name = without_secrets(options["url"])
        self._capture: Any = None
        # A stamp of MJPEG over HTTP is only a count at a guessed rate.
        self._clock = StreamClock() if urlsplit(options["url"]).scheme.startswith("rtsp") else None

    def open(self) -> Mapping[str, Any]:
        cv2.setNumThreads(1)
        # The only way to FFmpeg's options; this process has no other stream.
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"rtsp_transport;{self._options['transport']}|{_NO_BUFFER}"
        open_ms, read_ms = int(self._options["open_s"] * 1e3), int(self._options["read_s"] * 1e3)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, open_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, read_ms]
        self._capture = cv2.VideoCapture(self._options["url"], cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            found = "nobody there, refused, or no picture in it that FFmpeg can decode"
            remedy = "try the address in a player, and the other camera.transport"
            raise CameraError(f"opening the stream {self._name}", found, remedy)
        return {"rate": self._capture.get(cv2.CAP_PROP_FPS), "warnings": []}

    def read(self) -> Picture:
        grabbed, pixels = self._capture.read()
        arrival_ns = time.monotonic_ns()
        if not grabbed or pixels is None:
            found = f"the stream ended, or was silent for {self._options['read_s']:g} s"
            raise CameraError(f"reading {self._name}", found, "check the network and the camera's power")
        if self._clock is None:
            return Picture(pixels, arrival_ns, "arrival")
        presented_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return Picture(pixels, self._clock.taken_at(presented_ns, arrival_ns), "stream")

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def without_secrets(url: str) -> str:
    """The address as it may be shown: without user, password and query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"
