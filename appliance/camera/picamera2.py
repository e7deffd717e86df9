"""A camera of the Raspberry Pi, read by the system's Python. NOT RUN ON HARDWARE: tested with a stand-in only."""

import time
from typing import Annotated, Literal

from pydantic import Field

from appliance.camera.captured import CapturedCamera, CapturedOptions
from appliance.clock import Clock

__all__ = ["Picamera2Camera", "Picamera2Options"]

Gain = Annotated[float, Field(gt=0, le=64)]


class Picamera2Options(CapturedOptions):
    """`number` as `rpicam-hello --list-cameras` counts. `python` is the interpreter for which apt installed picamera2.

    Exposure is in µs, `colour_gains` are red and blue; null leaves them automatic.
    """

    kind: Literal["picamera2"]
    python: str = "/usr/bin/python3"
    number: Annotated[int, Field(ge=0, le=15)] = 0
    width: Annotated[int, Field(ge=16, le=16384)] = 640
    height: Annotated[int, Field(ge=16, le=16384)] = 480
    fps: Annotated[float, Field(gt=0, le=1000)] = 30.0
    exposure_us: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    gain: Gain | None = None
    colour_gains: tuple[Gain, Gain] | None = None
    open_s: Annotated[float, Field(gt=0, le=60)] = 5.0


class Picamera2Camera(CapturedCamera):
    """Its stamps are the sensor's: the beginning of the exposure."""

    Options = Picamera2Options
    reader = "appliance.capture.picamera:PicameraReader"

    def __init__(self, options: Picamera2Options, clock: Clock = time.monotonic_ns) -> None:
        super().__init__(options, f"picamera2 {options.number}", options.python, clock)
