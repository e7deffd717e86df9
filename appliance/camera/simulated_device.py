"""A SIMULATED device in a real capture process, with the faults of real drivers on order: for rehearsing them."""

import time
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from appliance.camera.captured import CapturedCamera, CapturedOptions
from appliance.clock import Clock
from appliance.config import ConfigPath

__all__ = ["SimulatedDevice", "SimulatedDeviceOptions"]


class SimulatedDeviceOptions(CapturedOptions):
    """`pictures` is a folder whose pictures it shows, in the order of frames.json or by name, again and again; without
    it they are drawn, `width` by `height`. `orders` is a file with one word: hang, stall, frozen, old, corrupt, gone,
    crash; without it all is well."""

    kind: Literal["simulated-device"]
    pictures: ConfigPath | None = None
    width: Annotated[int, Field(ge=32, le=4096)] = 640
    height: Annotated[int, Field(ge=32, le=4096)] = 480
    fps: Annotated[float, Field(gt=0, le=1000)] = 30.0
    orders: ConfigPath | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.pictures is not None and self.model_fields_set & {"width", "height"}:
            raise ValueError("pictures have their own size; remove width and height, or pictures")
        return self


class SimulatedDevice(CapturedCamera):
    """Everything behind its pictures is as with a real camera."""

    Options = SimulatedDeviceOptions
    reader = "appliance.capture.simulated:SimulatedReader"

    def __init__(self, options: SimulatedDeviceOptions, clock: Clock = time.monotonic_ns) -> None:
        shown = f"of {options.pictures}" if options.pictures is not None else f"{options.width}x{options.height}"
        super().__init__(options, f"SIMULATED device {shown}", clock=clock)
