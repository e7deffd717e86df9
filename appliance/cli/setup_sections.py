"""What `appliance setup` asks about the camera and the sorter, and what it makes of the answers."""

from pathlib import Path
from typing import Any

from appliance.capture.devices import find_devices, find_pi_cameras
from appliance.cli.setup_ask import Asking
from appliance.config import Config
from appliance.errors import UsageError
from appliance.sorter.serial_port import known_ports

__all__ = ["ask_camera", "ask_port", "ask_region"]


def ask_camera(asking: Asking, config: Config) -> dict[str, Any] | None:
    """The camera section to write; None keeps the one that is there."""
    found = find_devices() + find_pi_cameras(getattr(config.camera, "python", "/usr/bin/python3"))[0]
    for one in found:
        print(f"  {one.device:<50} {one.card}")
    if not found:
        print("  no camera is there beside the one that config.yaml names")
    said = asking.ask("camera", "Which camera? A name from the list, or keep:", "keep")
    if said == "keep":
        return None
    chosen = next((one for one in found if said in (one.device, one.node)), None)
    if chosen is None:
        raise UsageError("choosing the camera", f"{said!r} is not in the list", "plug it in and start again, or keep")
    if chosen.kind == "picamera2":
        return {"kind": "picamera2", "number": int(chosen.device)}
    return {"kind": "opencv", "device": chosen.device, "width": 640, "height": 480, "fps": 30, "fourcc": "MJPG"}


def ask_port(asking: Asking, config: Config) -> dict[str, Any]:
    """The keys of the sorter section to change; none of a kind that is on no port.

    Raises:
        UsageError: there is no such port, or a file of answers names one for a kind that has none.
    """
    if "port" not in type(config.sorter).model_fields:
        if asking.unasked("port"):
            found = f"`port` is answered, and the sorter is of the kind {config.sorter.kind}, which has none"
            raise UsageError("choosing the serial port", found, "leave it out, or set sorter.kind first")
        return {}
    for name, about in known_ports().items():
        print(f"  {name:<50} {about}")
    said = asking.ask("port", "Which serial port has the sorter? keep, or a name:", "keep")
    if said == "keep":
        return {}
    if said.startswith("/") and not Path(said).exists():
        raise UsageError("choosing the serial port", f"{said} does not exist", "plug the board in, or keep")
    return {"port": said}


def ask_region(asking: Asking, size: tuple[int, int]) -> dict[str, Any]:
    """The keys of the camera section to change, for pictures of (width, height)."""
    question = f"Which part of {size[0]}x{size[1]} shows items? keep, all, or: x y width height:"
    said = asking.ask("roi", question, "keep")
    if said == "keep":
        return {}
    if said == "all":
        return {"roi": None}
    try:
        x, y, width, height = (int(word) for word in said.replace(",", " ").split())
    except ValueError as error:
        raise UsageError(
            "choosing the region", f"{said!r} is not four whole numbers", "such as: 80 0 480 480"
        ) from error
    if min(x, y) < 0 or min(width, height) < 8 or x + width > size[0] or y + height > size[1]:
        raise UsageError("choosing the region", f"{said} leaves the picture of {size[0]}x{size[1]}", "a smaller one")
    return {"roi": {"x": x, "y": y, "width": width, "height": height}}
