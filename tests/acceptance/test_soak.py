"""20,000 frames through the shipped model and a real pseudo-terminal: nothing grows. Prints what it measured."""

import os
import signal
from pathlib import Path

from support import ROOT, ConfigFile, TwinControl, running, wait_for

from appliance.control import ask
from appliance.machine import pss_kb

FRAMES = 20_000
WARM = 4_000
ALLOWED_GROWTH_KB = 2_000
"""SQLite's cache (2 MB at most) is full by then; the allocator's own noise is some hundred kB."""


def test_nothing_grows_over_20000_frames(config_file: ConfigFile, twin: TwinControl) -> None:
    twin.start("--delay", "0")
    pictures = str(ROOT / "pictures" / "chamber")
    config_file.change(camera={"kind": "folder", "path": pictures, "loop": True})
    control = config_file.state_dir / "control.sock"
    seen: list[tuple[int, int, int, int]] = []
    with running(config_file.path, "--items", str(FRAMES + 100)) as process:
        wait_for(control.is_socket, 30)
        for mark in range(WARM, FRAMES + 1, WARM):
            wait_for(lambda enough=mark: ask(control, "status")["items"] >= enough, 900)
            seen.append((mark, pss_kb(process.pid) or 0, _files(process.pid), _threads(process.pid)))
            print("{:6d} frames: PSS {} kB, {} files, {} threads".format(*seen[-1]), flush=True)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert process.returncode == 0
    assert seen[-1][1] - seen[0][1] <= ALLOWED_GROWTH_KB
    assert {row[2:] for row in seen[1:]} == {seen[0][2:]}


def _files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
