"""Opening a camera for a person to look through it, and saying who holds it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from appliance.camera import Camera
from appliance.camera.opencv import OpenCVOptions
from appliance.cli.build import make_camera
from appliance.config import Config
from appliance.control import ask, find_socket
from appliance.errors import CameraError, ConfigError, UsageError
from appliance.wording import counted

__all__ = ["opened"]

_SHARED = frozenset({"folder", "simulated", "simulated-device"})
"""Kinds that several programs may read at once."""


@contextmanager
def opened(config: Config, device: str | None = None) -> Iterator[tuple[Camera, Any]]:
    """The configured camera, or the V4L2 `device` with the driver's own settings, open; and its options.

    Raises:
        CameraError: a running appliance holds it, or it cannot be opened.
        ConfigError: `device` is no device.
    """
    options = config.camera if device is None else _options_of(device)
    if device is None and options.kind not in _SHARED:
        _refuse_if_held(config)
    camera = make_camera(replace(config, camera=options))
    camera.open()
    try:
        yield camera, options
    finally:
        camera.close()


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
        raise ConfigError("looking for the camera", f"{device!r} is no device", remedy) from error
