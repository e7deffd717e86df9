"""Reads a camera of the kernel (USB, or any other V4L2 device) through OpenCV."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2

from appliance.capture.jpeg import decode
from appliance.capture.reader import Picture
from appliance.errors import CameraError, FrameUnreadable

__all__ = ["V4L2Reader"]

_MANUAL_EXPOSURE = 1
"""V4L2_CID_EXPOSURE_AUTO: 1 is V4L2_EXPOSURE_MANUAL."""
_OLDEST_STAMP_NS = 60_000_000_000
"""A stamp older than this is of another clock."""
_CONTROLS = {
    "auto_exposure": cv2.CAP_PROP_AUTO_EXPOSURE,
    "exposure": cv2.CAP_PROP_EXPOSURE,
    "auto_white_balance": cv2.CAP_PROP_AUTO_WB,
    "white_balance_k": cv2.CAP_PROP_WB_TEMPERATURE,
    "gain": cv2.CAP_PROP_GAIN,
    "brightness": cv2.CAP_PROP_BRIGHTNESS,
    "contrast": cv2.CAP_PROP_CONTRAST,
    "saturation": cv2.CAP_PROP_SATURATION,
    "sharpness": cv2.CAP_PROP_SHARPNESS,
    "autofocus": cv2.CAP_PROP_AUTOFOCUS,
    "focus": cv2.CAP_PROP_FOCUS,
}
_MJPG = cv2.VideoWriter.fourcc(*"MJPG")


class V4L2Reader:
    """Options: device, width, height, fps, fourcc, exposure, white_balance_k, reduce; None leaves the driver's own."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._device = str(options["device"])
        self._reduce = int(options.get("reduce", 1))
        self._capture: Any = None

    def open(self) -> Mapping[str, Any]:
        # OpenCV's own threads would compete with the interpreter's for the same few cores.
        cv2.setNumThreads(1)
        path = _path(self._device)
        self._capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            doing = f"opening the camera {self._device}"
            raise CameraError(doing, "the driver refuses it", "see who holds it: fuser -v " + str(path))
        warnings = self._set_up()
        if self._reduce > 1 and int(self._capture.get(cv2.CAP_PROP_FOURCC)) != _MJPG:
            doing = f"opening the camera {self._device}"
            raise CameraError(doing, "it does not give MJPG, which camera.reduce needs", "set camera.reduce: 1")
        told = {"format": _format(self._capture), "controls": _controls(self._capture)}
        return {"rate": self._capture.get(cv2.CAP_PROP_FPS), "warnings": warnings} | told

    def read(self) -> Picture:
        doing = f"reading {self._device}"
        if not self._capture.grab():
            raise CameraError(doing, "the camera gave no picture", "check the cable and its power")
        stamp_ns, clock = self._exposure()
        decoded, pixels = self._capture.retrieve()
        if not decoded or pixels is None:
            raise FrameUnreadable(doing, "the picture cannot be decoded", source=self._device)
        if self._reduce == 1:
            return Picture(pixels, stamp_ns, clock)
        try:
            return Picture(decode(pixels, self._reduce), stamp_ns, clock)
        except ValueError as error:
            raise FrameUnreadable(doing, str(error), source=self._device) from error

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _set_up(self) -> list[str]:
        """Order what the options say; a sentence for each thing that the driver does otherwise."""
        capture, warnings = self._capture, []
        for name, prop, value in _settings(self._options):
            if not capture.set(prop, value):
                warnings.append(f"the camera {self._device} does not take {name} = {value}")
            elif name in ("width", "height", "fps", "fourcc") and capture.get(prop) != value:
                warnings.append(f"the camera {self._device} has {name} = {capture.get(prop):g} instead of {value}")
        return warnings

    def _exposure(self) -> tuple[int, str]:
        """When the picture was taken: V4L2's own stamp (CLOCK_MONOTONIC) where it is one, else the arrival.

        OpenCV gives struct v4l2_buffer's timestamp as CAP_PROP_POS_MSEC.
        """
        now_ns = time.monotonic_ns()
        stamp_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        # A driver without stamps gives 0 or -1, which soon after power-on would look like a stamp of not long ago.
        real = stamp_ns > 0 and 0 <= now_ns - stamp_ns < _OLDEST_STAMP_NS
        return (stamp_ns, "v4l2") if real else (now_ns, "arrival")


def _format(capture: Any) -> dict[str, Any]:
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = "".join(chr(code >> shift & 0xFF) for shift in (0, 8, 16, 24)) if code > 0 else ""
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return {"width": int(width), "height": int(height), "fourcc": letters}


def _controls(capture: Any) -> dict[str, float]:
    """The driver's controls as they stand; OpenCV says 0 or -1 of one that the camera does not have."""
    values = {name: float(capture.get(prop)) for name, prop in _CONTROLS.items()}
    return {name: value for name, value in values.items() if value > 0}


def _path(device: str) -> Path:
    """The device's path.

    Raises:
        CameraError: not there, or not permitted.
    """
    doing = f"opening the camera {device}"
    path = Path(f"/dev/video{device}" if device.isdigit() else device)
    if not path.exists():
        others = sorted(str(one) for one in Path("/dev").glob("video*"))
        found = f"{path} does not exist; there is {', '.join(others)}" if others else f"{path} does not exist"
        raise CameraError(doing, found, "plug the camera in, or set camera.device to another one")
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraError(doing, f"no permission for {path}", "join its group: sudo usermod -aG video $USER")
    return path


def _settings(options: Mapping[str, Any]) -> list[tuple[str, int, float]]:
    """The properties to set, in the order that V4L2 needs: the format before the size, manual before the value."""
    wanted: list[tuple[str, int, float]] = []
    if options.get("fourcc") is not None:
        wanted.append(("fourcc", cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*options["fourcc"])))
    for name, prop in (
        ("width", cv2.CAP_PROP_FRAME_WIDTH),
        ("height", cv2.CAP_PROP_FRAME_HEIGHT),
        ("fps", cv2.CAP_PROP_FPS),
    ):
        if options.get(name) is not None:
            wanted.append((name, prop, options[name]))
    if options.get("exposure") is not None:
        wanted.append(("manual exposure", cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL_EXPOSURE))
        wanted.append(("exposure", cv2.CAP_PROP_EXPOSURE, options["exposure"]))
    if options.get("white_balance_k") is not None:
        wanted.append(("manual white balance", cv2.CAP_PROP_AUTO_WB, 0))
        wanted.append(("white_balance_k", cv2.CAP_PROP_WB_TEMPERATURE, options["white_balance_k"]))
    # One buffer: an old picture in the driver's queue is worse than none.
    wanted.append(("buffer size", cv2.CAP_PROP_BUFFERSIZE, 1))
    if options.get("reduce", 1) > 1:
        # The JPEG itself, one row of bytes, for a decoder that reduces.
        wanted.append(("undecoded pictures", cv2.CAP_PROP_CONVERT_RGB, 0))
    return wanted
