"""Opening a camera for a person to look through it, and saying who holds it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from appliance.camera import Camera
from appliance.camera.opencv import OpenCVOptions
from appliance.cli.build import make_camera
from appliance.config import Config
from appliance.control_client import ask, find_socket
from appliance.errors import CameraError, UsageError
from appliance.wording import counted

__all__ = ["opened"]

_SHARED = frozenset({"folder", "simulated", "simulated-device"})
"""Kinds that several programs may read at once."""
_NAME_ANOTHER = "name another camera with --device (`appliance camera list` shows what there is)"


@contextmanager
def opened(config: Config, device: str | None = None) -> Iterator[tuple[Camera, Any]]:
    """The configured camera, or the V4L2 `device` with the driver's own settings, open; and its options.

    Raises:
        CameraError: a running appliance holds it, it cannot be opened, or what the caller does with it fails.
        UsageError: `device` is no device.
    """
    options = config.camera if device is None else _options_of(device)
    if device is None and options.kind not in _SHARED:
        _refuse_if_held(config)
    camera = make_camera(replace(config, camera=options))
    try:
        camera.open()
        yield camera, options
    except CameraError as error:
        if device is None:
            raise
        raise type(error)(error.doing, error.found, _without_keys(error.remedy)) from error
    finally:
        camera.close()


def _without_keys(remedy: str) -> str:
    """Advice for a camera that the command line names: no key of the configuration would change anything."""
    parts = re.split(r", or |; ", remedy)
    kept = [part for part in parts if "camera." not in part]
    return ", or ".join([*kept, _NAME_ANOTHER] if len(kept) < len(parts) or not remedy else kept)


def _refuse_if_held(config: Config) -> None:
    try:
        status = ask(find_socket(config), "status")
    except UsageError:
        return
    if status.get("state") == "stopped":
        return
    found = f"the running appliance holds {status['camera']} ({status['state']}, {counted(status['frames'], 'frame')})"
    remedy = "ask it instead with `appliance status`, or stop it first: systemctl stop appliance"
    raise CameraError("opening the camera", found, remedy)


def _options_of(device: str) -> Any:
    try:
        return OpenCVOptions(kind="opencv", device=device)
    except ValueError as error:
        remedy = "name it as `appliance camera list` does: a number, or a path below /dev"
        raise UsageError("looking for the camera of --device", f"{device!r} is no device", remedy) from error
