"""What `appliance setup` asks about sections of config.yaml, and what it makes of the answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.capture.devices import find_devices, find_pi_cameras
from appliance.cli.setup_ask import Asking
from appliance.config import Config
from appliance.errors import UsageError
from appliance.sorter.serial_port import known_ports

__all__ = ["ask_bins", "ask_camera", "ask_port", "ask_region"]


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
    """The keys of the sorter section to change."""
    if config.sorter.kind != "line":
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


def ask_bins(asking: Asking, config: Config, labels: Sequence[str]) -> dict[str, Any]:
    """The keys of the decision section to change: every label of the model goes into a bin that is there, or never.

    Raises:
        UsageError: no such bin, or no such label.
    """
    decision = config.decision
    bins = {name: [*one.labels] for name, one in decision.bins.items()}
    never = [*decision.never]
    for label in labels:
        now = "never" if label in never else next((name for name in bins if label in bins[name]), "nowhere")
        where = asking.ask(f"bins.{label}", f"Where does {label} go? {', '.join(bins)}, or never:", now)
        if where == now:
            continue
        if where != "never" and where not in bins:
            known = f"one of: {', '.join(bins)}, never; other bins are written into config.yaml first"
            raise UsageError(f"choosing the bin of {label}", f"there is no {where!r}", known)
        for kept in (never, *bins.values()):
            kept[:] = [each for each in kept if each != label]
        (never if where == "never" else bins[where]).append(label)
    if strange := asking.unasked("bins."):
        found = f"{', '.join(strange)}: no label of the model"
        raise UsageError("choosing the bins", found, f"its labels: {', '.join(labels)}")
    if bins == {name: [*one.labels] for name, one in decision.bins.items()}:
        return {} if never == [*decision.never] else {"never": never}
    empty = [name for name in bins if not bins[name] and name != decision.reject_bin]
    for name in empty:
        print(f"  nothing would go to {name} any more: the bin is taken out of {config.path.name}")
    return {"bins": {name: _bin(config, name, bins[name]) for name in bins if name not in empty}, "never": never}


def _bin(config: Config, name: str, labels: Sequence[str]) -> dict[str, Any]:
    """A bin's section with other labels."""
    kept = config.decision.bins[name].model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    kept.pop("labels", None)
    return {**kept, "labels": [*labels]} if labels else kept
