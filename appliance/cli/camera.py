"""`appliance camera list|show|snapshot|check|reference`: look through a camera before, or beside, sorting."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.camera import Describes
from appliance.capture.devices import find_devices, find_pi_cameras
from appliance.cli.build import make_camera
from appliance.cli.camera_check import check
from appliance.cli.camera_open import opened
from appliance.cli.camera_picture import save_picture
from appliance.cli.camera_reference import take
from appliance.cli.camera_text import shown
from appliance.cli.common import add_config_option, load, parser
from appliance.config import Config
from appliance.errors import ConfigError
from appliance.viewing import look

__all__ = ["main"]

_EPILOG = """list           the cameras of this computer, and the configured one
show           what the configured camera (or --device) says of itself: format, rate, controls
snapshot FILE  one picture into a file (.png, .jpg)
check          look for some seconds: rate, jitter, old pictures, focus, light; each with a verdict. With the region
               empty it also tells whether the picture is that of the reference
reference      take the picture of the empty region that drift is measured against

A camera that a running appliance holds cannot be opened a second time; `appliance status` tells how it does.

exit codes: 0 ok, 2 usage, 10 no camera or it does not deliver, 13 the file cannot be written, 78 configuration"""

_SHOW_S = 1.5
_SNAPSHOT_S = 3.0


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 ok, 2 usage, 10 camera, 13 storage, 78 configuration."""
    arguments = _parse(command, argv)
    if arguments.action == "list":
        return _list(arguments)
    config = load(arguments.config)
    if arguments.action == "reference":
        return take(config, arguments)
    if arguments.action == "check":
        return check(config, arguments)
    if arguments.action == "snapshot":
        return _snapshot(config, arguments)
    return _show(config, arguments)


def _parse(command: str, argv: Sequence[str]) -> argparse.Namespace:
    options = parser(command, "Look through a camera.", _EPILOG)
    actions = options.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name in ("list", "show", "snapshot", "check", "reference"):
        action = actions.add_parser(name)
        add_config_option(action)
        action.add_argument("--json", action="store_true", help="one JSON object")
        if name in ("show", "snapshot", "check"):
            action.add_argument("--device", metavar="D", help="a V4L2 camera instead of the configured one")
        if name in ("check", "reference"):
            default = 5.0 if name == "check" else 30.0
            action.add_argument("--seconds", type=_seconds, default=default, help=f"look so long ({default:g})")
        if name in ("snapshot", "reference"):
            action.add_argument("--force", action="store_true", help="replace what is there")
        if name == "snapshot":
            action.add_argument("file", type=Path, metavar="FILE")
    return options.parse_args(argv)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError("must be above 0 and at most 3600")
    return seconds


def _list(arguments: argparse.Namespace) -> int:
    configured, python = _configured(arguments.config)
    devices = find_devices()
    pi_cameras, why_none = find_pi_cameras(python)
    found = devices + pi_cameras
    if arguments.json:
        print(json.dumps({"cameras": [one.as_dict() for one in found], "configured": configured, "pi": why_none}))
        return 0
    for one in found:
        key = "device" if one.kind == "opencv" else "number"
        print(f"{one.card}\n  camera: {{kind: {one.kind}, {key}: {one.device}}}   # {one.node}")
    if not devices:
        print("no V4L2 camera. Plug one in, see `dmesg | tail`, and join its group: sudo usermod -aG video $USER")
    if why_none:
        print(f"no Raspberry Pi camera: {why_none}")
    print(f"configured: {configured}")
    return 0


def _configured(path: Path) -> tuple[str, str]:
    """What config.yaml has for a camera, in words, and the Python that picamera2 is asked with."""
    try:
        config = load(path)
    except ConfigError as error:
        return f"nothing ({error.found})", "/usr/bin/python3"
    return f"{config.camera.kind} {make_camera(config).name}", getattr(config.camera, "python", "/usr/bin/python3")


def _show(config: Config, arguments: argparse.Namespace) -> int:
    with opened(config, arguments.device) as (camera, options):
        seen = look(camera, _SHOW_S)
        said: dict[str, Any] = dict(camera.found) if isinstance(camera, Describes) else {}
    told: dict[str, Any] = {"camera": camera.name, "kind": options.kind}
    if seen.newest is not None:
        height, width = seen.newest.pixels.shape[:2]
        told |= {"size": [width, height], "clock": seen.newest.clock_source}
    rate_hz = said.pop("rate", None) or seen.rate_hz
    told |= {"rate_hz": rate_hz and round(rate_hz, 3), "live": camera.live} | said
    # A stream's url holds its password; the camera's name is the url without it.
    told["options"] = options.model_dump(mode="json", exclude={"kind", "url"})
    if arguments.json:
        print(json.dumps(told))
        return 0
    print("\n".join(f"{name:<24} {value}" for name, value in shown(told)))
    return 0


def _snapshot(config: Config, arguments: argparse.Namespace) -> int:
    with save_picture(arguments.file, arguments.force) as keep, opened(config, arguments.device) as (camera, _):
        # The first pictures of a camera are still finding their exposure.
        seen = look(camera, _SNAPSHOT_S if camera.live else 0.2)
        keep(seen.newest)
    height, width = seen.newest.pixels.shape[:2] if seen.newest is not None else (0, 0)
    told = {"file": str(arguments.file), "size": [width, height], "camera": camera.name}
    print(json.dumps(told) if arguments.json else f"{arguments.file}: {width}x{height} from {camera.name}")
    return 0
