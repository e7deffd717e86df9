"""In the virtual machine: the daemon on a real V4L2 device (the driver is vivid), which is disconnected and starved.

Prints a JSON object for each fault and a last one with `ok`. vivid's own controls make the faults: see
https://docs.kernel.org/admin-guide/media/vivid.html
"""

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from appliance.control_client import SOCKET_FILE, ask
from appliance.errors import ApplianceError

ROOT = Path(__file__).resolve().parents[2]
DEVICE = "/dev/video0"
STATE = Path("/tmp/state")
CONFIG = Path("/tmp/config.yaml")
QUERYCTRL, S_CTRL, NEXT = 0xC0445624, 0xC008561C, 0x80000000
"""VIDIOC_QUERYCTRL, VIDIOC_S_CTRL, V4L2_CTRL_FLAG_NEXT_CTRL, of videodev2.h."""
STALL_S, ROUNDS = 2.0, 3


def main() -> int:
    _write_config()
    daemon = subprocess.Popen(
        [sys.executable, "-m", "appliance", "run", "-c", str(CONFIG), "--json"], stdout=subprocess.PIPE
    )
    try:
        if _until(lambda status: status["frames"] >= 10, 300) is None:
            print(json.dumps({"ok": False, "found": "no ten frames in 300 s", "status": _status()}))
            return 1
        said = {"device": DEVICE, "driver": _driver(), "frames": _status()["frames"]}
        print(json.dumps(said), flush=True)
        results = [_fault(kind) for _ in range(ROUNDS) for kind in (_disconnect, _starve)]
    finally:
        daemon.send_signal(signal.SIGTERM)
        rest, _ = daemon.communicate(timeout=60)
    summary = json.loads(rest.splitlines()[-1])
    good = all(each["recovered"] and each["decided_on_it"] == 0 for each in results)
    kept = {
        name: summary.get(name) for name in ("items", "frames", "dropped", "stale", "corrupt", "stalls", "restarts")
    }
    print(json.dumps({"ok": good and daemon.returncode == 0, "exit": daemon.returncode, "faults": len(results)} | kept))
    return 0


def _write_config() -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    values["machine"]["state_dir"] = str(STATE)
    values["camera"] = {
        "kind": "opencv",
        "device": DEVICE,
        "width": 640,
        "height": 360,
        "stall_s": STALL_S,
        "recovery_s": 120,
    }
    values["trigger"] = {"kind": "every-frame"}
    values["classifier"]["model"] = str(ROOT / "models" / "chamber5")
    values["decision"] |= {"frames": 1, "agreement": 1}
    values["sorter"] = {"kind": "simulated"}
    CONFIG.write_text(yaml.safe_dump(values))


def _fault(kind: Any) -> dict[str, Any]:
    """Make one fault; how long after its cause ended were items decided again?"""
    before = _status()
    decided, seen, ended_ns = kind()
    after = _until(lambda status: status["frames"] > seen["frames"] + 2, 120)
    result = {
        "fault": kind.__name__.strip("_"),
        "recovered": after is not None,
        "again_after_s": round((time.monotonic_ns() - ended_ns) / 1e9, 2),
        "decided_on_it": decided,
        "stalls": (after or seen).get("stalls", 0) - before.get("stalls", 0),
        "restarts": (after or seen).get("restarts", 0) - before.get("restarts", 0),
    }
    print(json.dumps(result), flush=True)
    return result


def _disconnect() -> tuple[int, dict[str, Any], int]:
    """The device is unplugged; vivid plugs it in again once nobody has it open, so nothing can be decided on it."""
    _set("Disconnect", 1)
    return 0, _status(), time.monotonic_ns()


def _starve() -> tuple[int, dict[str, Any], int]:
    """The driver drops every picture for a while. The ones under way pass first: what is decided after them counts."""
    name = "Percentage of Dropped Buffers"
    _set(name, 100)
    time.sleep(1)
    settled = _status()
    time.sleep(3 * STALL_S)
    seen = _status()
    _set(name, 0)
    return seen["items"] - settled["items"], seen, time.monotonic_ns()


def _set(name: str, value: int) -> None:
    handle = os.open(DEVICE, os.O_RDWR)
    try:
        number = _controls(handle)[name]
        fcntl.ioctl(handle, S_CTRL, struct.pack("Ii", number, value))
    finally:
        os.close(handle)


def _controls(handle: int) -> dict[str, int]:
    """Every control of the device by its name."""
    found, number = {}, 0
    while True:
        query = bytearray(struct.pack("II32siiiiI8x", number | NEXT, 0, b"", 0, 0, 0, 0, 0))
        try:
            fcntl.ioctl(handle, QUERYCTRL, query)
        except OSError:
            return found
        number, _, name = struct.unpack_from("II32s", query)
        found[name.rstrip(b"\0").decode()] = number


def _driver() -> str:
    return Path("/sys/class/video4linux/video0/name").read_text().strip()


def _status() -> dict[str, Any]:
    """What the daemon says of itself; zeros while it does not answer yet."""
    try:
        return ask(STATE / SOCKET_FILE, "status", 10.0)
    except ApplianceError:
        return {"frames": 0, "items": 0}


def _until(true: Any, seconds: float) -> dict[str, Any] | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = _status()
        if true(status):
            return status
        time.sleep(0.5)
    return None


if __name__ == "__main__":
    sys.exit(main())
