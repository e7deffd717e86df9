"""What `appliance setup` asks about sections of config.yaml, and what it makes of the answers."""

from collections.abc import Sequence
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
    return {} if said == "keep" else {"port": said}


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
    """The keys of the decision section to change: every label of the model goes into a bin that is there, or never."""
    decision = config.decision
    bins: dict[str, dict[str, Any]] = {
        name: {**one.model_dump(mode="json", exclude_none=True, exclude_defaults=True), "labels": []}
        for name, one in decision.bins.items()
    }
    never = []
    for label in labels:
        now = next((name for name, one in decision.bins.items() if label in one.labels), "never")
        where = asking.ask(f"bins.{label}", f"Where does {label} go? {', '.join(bins)}, or never:", now)
        if where == "never":
            never.append(label)
        elif where in bins:
            bins[where]["labels"].append(label)
        else:
            known = f"one of: {', '.join(bins)}, never; other bins are written into config.yaml first"
            raise UsageError(f"choosing the bin of {label}", f"there is no {where!r}", known)
    used = {name: one if one["labels"] else {key: one[key] for key in one if key != "labels"}
            for name, one in bins.items() if one["labels"] or name == decision.reject_bin}  # fmt: skip
    same = {name: [*one.labels] for name, one in decision.bins.items()} == {n: b["labels"] for n, b in bins.items()}
    return {} if same and never == [*decision.never] else {"bins": used, "never": never}
