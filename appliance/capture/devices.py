"""Which cameras the kernel and libcamera have, without opening one."""

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Device", "find_devices", "find_pi_cameras"]

_SYSFS = Path("/sys/class/video4linux")
_DEV = Path("/dev")
_ASK_S = 20.0
_PI_QUESTION = "import json; from picamera2 import Picamera2; print(json.dumps(Picamera2.global_camera_info()))"


@dataclass(frozen=True, slots=True)
class Device:
    """A camera. `device` is what config.yaml should say: the name that survives replugging, where there is one."""

    kind: str
    device: str
    node: str
    card: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def find_devices(sysfs: Path = _SYSFS, dev: Path = _DEV) -> list[Device]:
    """The V4L2 capture nodes by number. A camera's further nodes (metadata: index 1 and above) are left out."""
    names = _lasting_names(dev / "v4l" / "by-id")
    found = []
    for entry in sorted(sysfs.glob("video*"), key=lambda path: (len(path.name), path.name)):
        if _read(entry / "index") not in ("", "0"):
            continue
        node = dev / entry.name
        found.append(Device("opencv", names.get(entry.name, str(node)), str(node), _read(entry / "name") or "?"))
    return found


def find_pi_cameras(python: str = "/usr/bin/python3") -> tuple[list[Device], str]:
    """The cameras that libcamera has, by the Python for which picamera2 is installed; and why there are none.

    NOT RUN ON HARDWARE.
    """
    command = [python, "-c", _PI_QUESTION]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], f"{python} does not answer: {error}"
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return [], f"{python} has no picamera2 ({said})"
    try:
        rows = json.loads(done.stdout.splitlines()[-1])
        cameras = [(int(row["Num"]), str(row["Model"]), str(row["Id"])) for row in rows]
    except (ValueError, LookupError, TypeError) as error:
        return [], f"{python} gave no list of cameras ({error})"
    found = [Device("picamera2", str(number), name, model) for number, model, name in cameras]
    return found, "" if found else "libcamera sees no camera"


def _lasting_names(folder: Path) -> dict[str, str]:
    """The node's name -> its name below /dev/v4l/by-id."""
    if not folder.is_dir():
        return {}
    return {link.resolve().name: str(link) for link in sorted(folder.iterdir())}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
