"""What every sorter on a serial port is configured with."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from appliance.config import Options

__all__ = ["PortOptions"]


def _port(name: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get("base")
    if base is None or "://" in name or name.startswith(("usb:", "/")):
        return name
    return str(Path(base) / name)


class PortOptions(Options):
    """`port`: a path, best below /dev/serial/by-id; a pattern; usb:VID:PID[:SERIAL]; or a pyserial URL.

    `ready_timeout_s`: so long the board may take to answer after the port was opened; opening resets many boards.
    `recovery_s`: so long a lost link is opened again before the loop gives up.
    """

    port: Annotated[str, Field(min_length=1), AfterValidator(_port)]
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 115_200
    ready_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    recovery_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
