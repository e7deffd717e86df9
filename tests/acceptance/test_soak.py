"""20,000 frames through the shipped model and a real pseudo-terminal: nothing grows. Prints what it measured."""

import os
import signal
import time
from pathlib import Path

from support import ROOT, ConfigFile, TwinControl, running, wait_for

from appliance.control_client import ask
from appliance.machine import pss_kb

WARM = 12_000
"""SQLite's page cache (2 MB at most) has filled by then."""
FRAMES = 20_000
STEP = 4_000
ALLOWED_GROWTH_KB = 500
"""The index of the evidence pictures still fills (some 15 bytes a frame, until their budget is used), and the
allocator has its noise; a leak of 100 bytes a frame would be 2,000."""


def test_nothing_grows_over_20000_frames(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start("--delay", "0")
    pictures = str(ROOT / "pictures" / "chamber")
    config_file.change(camera={"kind": "folder", "path": pictures, "loop": True})
    control = config_file.state_dir / "control.sock"
    seen: list[tuple[int, int, int, int, int]] = []
    with running(config_file.path) as process:
        wait_for(control.is_socket, 30)
        for mark in range(WARM, WARM + FRAMES + 1, STEP):
            wait_for(lambda enough=mark: ask(control, "status")["items"] >= enough, 900)
            pid = process.pid
            seen.append((mark, _anonymous_kb(pid), pss_kb(pid) or 0, _files(pid), _threads(pid)))
            print("{:6d} frames: {} kB anonymous, PSS {} kB, {} files, {} threads".format(*seen[-1]), flush=True)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert process.returncode == 0
    assert seen[-1][1] - seen[0][1] <= ALLOWED_GROWTH_KB
    assert {row[3:] for row in seen[1:]} == {seen[0][3:]}


def _anonymous_kb(pid: int) -> int:
    """Memory that belongs to no file: unlike PSS, it does not change when another process maps the same libraries."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Anonymous:")))


def _files(pid: int) -> int:
    """The fewest of some looks: a picture or the journal may just be being written."""
    looks = []
    for _ in range(10):
        looks.append(len(os.listdir(f"/proc/{pid}/fd")))
        time.sleep(0.02)
    return min(looks)


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
