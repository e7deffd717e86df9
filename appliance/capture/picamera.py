"""Reads a camera of the Raspberry Pi through picamera2. NOT RUN ON HARDWARE: tested against a stand-in module only."""

import time
from collections.abc import Mapping
from typing import Any

from appliance.capture.reader import Picture
from appliance.errors import CameraError

__all__ = ["PicameraReader"]


class PicameraReader:
    """Options: number, width, height, fps, exposure_us, gain, colour_gains; None leaves a control automatic.

    Source: the Picamera2 manual, "Capture" and "Camera controls"; libcamera's SensorTimestamp.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._name = f"picamera2 {options['number']}"
        self._camera: Any = None
        self._last_ns = 0

    def open(self) -> Mapping[str, Any]:
        doing = f"opening the camera {self._name}"
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            remedy = "apt-get install python3-picamera2, and set camera.python to the system's Python"
            raise CameraError(doing, str(error), remedy) from error
        known = Picamera2.global_camera_info()
        if self._options["number"] >= len(known):
            found = f"libcamera sees {len(known)} cameras"
            raise CameraError(doing, found, "check the ribbon cable, and set camera.number")
        try:
            self._camera = Picamera2(self._options["number"])
            self._start()
        except (RuntimeError, IndexError, OSError) as error:
            raise CameraError(doing, str(error), "see who holds it: fuser -v /dev/media*") from error
        return {"rate": self._options["fps"], "controls": self._controls(), "warnings": []}

    def read(self) -> Picture:
        """The next picture whose exposure began after the last one's; an older one is passed over."""
        while True:
            request = self._camera.capture_request()
            try:
                metadata = request.get_metadata()
                stamp_ns = int(metadata["SensorTimestamp"])
                if stamp_ns <= self._last_ns:
                    continue
                pixels = request.make_array("main")
            finally:
                request.release()
            self._last_ns = stamp_ns
            return Picture(pixels, stamp_ns - _since_boot_ns() + time.monotonic_ns(), "sensor")

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _start(self) -> None:
        options, camera = self._options, self._camera
        # picamera2 calls RGB888 what lies in memory as blue, green, red. Without a queue a request is never older than
        # the call (picamera2 #849); three buffers, so that the sensor does not wait for us.
        configuration = camera.create_video_configuration(
            main={"size": (options["width"], options["height"]), "format": "RGB888"},
            controls={"FrameRate": options["fps"], **self._controls()},
            buffer_count=3,
            queue=False,
        )
        camera.configure(configuration)
        camera.start()

    def _controls(self) -> dict[str, Any]:
        controls: dict[str, Any] = {}
        if self._options.get("exposure_us") is not None:
            controls |= {"AeEnable": False, "ExposureTime": self._options["exposure_us"]}
        if self._options.get("gain") is not None:
            controls["AnalogueGain"] = self._options["gain"]
        if self._options.get("colour_gains") is not None:
            controls |= {"AwbEnable": False, "ColourGains": tuple(self._options["colour_gains"])}
        return controls


def _since_boot_ns() -> int:
    """The clock of SensorTimestamp: unlike the monotonic one it goes on while the machine sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
