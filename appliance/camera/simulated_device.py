"""A SIMULATED device in a real capture process, with the faults of real drivers on order: for rehearsing them."""

import time
from typing import Annotated, Literal

from pydantic import Field

from appliance.camera.captured import CapturedCamera, CapturedOptions
from appliance.clock import Clock
from appliance.config import ConfigPath

__all__ = ["SimulatedDevice", "SimulatedDeviceOptions"]


class SimulatedDeviceOptions(CapturedOptions):
    """`orders` is a file with one word: hang, stall, frozen, old, corrupt, gone, crash; without it all is well."""

    kind: Literal["simulated-device"]
    width: Annotated[int, Field(ge=32, le=4096)] = 640
    height: Annotated[int, Field(ge=32, le=4096)] = 480
    fps: Annotated[float, Field(gt=0, le=1000)] = 30.0
    orders: ConfigPath | None = None


class SimulatedDevice(CapturedCamera):
    """Draws its pictures; everything behind them is as with a real camera."""

    Options = SimulatedDeviceOptions
    reader = "appliance.capture.simulated:SimulatedReader"

    def __init__(self, options: SimulatedDeviceOptions, clock: Clock = time.monotonic_ns) -> None:
        super().__init__(options, f"SIMULATED device {options.width}x{options.height}", clock=clock)
