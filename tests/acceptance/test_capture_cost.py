"""What the capture process costs: age at decision, CPU time and memory, beside the same reader in the daemon itself.

Prints a table. Both paths take turns, so that what else the machine does hits both.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from mjpeg_server import MjpegServer
from support import ROOT

from appliance.camera import CAMERAS, CameraCounters
from appliance.camera.stream import StreamCamera, StreamOptions
from appliance.capture.simulated import SimulatedReader
from appliance.classifier import CLASSIFIERS
from appliance.cli.build import limits_of, open_parts
from appliance.config import Config, load_config
from appliance.loop import SortingLoop
from appliance.machine import pss_kb
from appliance.records import Frame, Outcome
from appliance.sorter import SORTERS
from appliance.trigger import TRIGGERS

CAMERA = {"kind": "simulated-device", "width": 640, "height": 480, "fps": 30}
ROUNDS, ROUND_S = 4, 5.0
MOST_PSS_KB = 60_000
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class InProcess:
    """The same reader on a thread of the daemon: what a camera was before it had a process of its own."""

    live = True
    ended = False
    name = "in process"
    pid = None

    def __init__(self) -> None:
        self._reader = SimulatedReader(CAMERA)
        self._ready = threading.Condition()
        self._slot: Frame | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._read)

    def open(self) -> None:
        self._reader.open()
        self._thread.start()

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        with self._ready:
            self._ready.wait_for(lambda: self._slot is not None, timeout_s)
            frame, self._slot = self._slot, None
            return frame

    def counters(self) -> CameraCounters:
        return CameraCounters()

    def close(self) -> None:
        self._stopping = True
        self._thread.join()

    def _read(self) -> None:
        number = 0
        while not self._stopping:
            picture = self._reader.read()
            number += 1
            with self._ready:
                self._slot = Frame(number, picture.stamp_ns, picture.clock, picture.pixels, str(number))
                self._ready.notify_all()


@dataclass
class Cost:
    """`ages_ms`: from the exposure to the decision, of every picture. `cpu_s` is of both processes."""

    ages_ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    pss_kb: int = 0


def _config(tmp_path: Path) -> Config:
    values: dict[str, Any] = {
        "machine": {"state_dir": str(tmp_path / "state")},
        "camera": CAMERA,
        "trigger": {"kind": "every-frame"},
        "classifier": {"kind": "tflite", "model": str(ROOT / "models" / "chamber5")},
        "decision": yaml.safe_load((ROOT / "config.yaml").read_text())["decision"] | {"frames": 1},
        "sorter": {"kind": "simulated", "delay_ms": 0},
        "evidence": {"keep": "none"},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return load_config(path, {"camera": CAMERAS, "trigger": TRIGGERS, "classifier": CLASSIFIERS, "sorter": SORTERS})


@contextmanager
def _camera(captured: Any, in_process: bool) -> Iterator[Any]:
    if not in_process:
        yield captured
        return
    captured.close()
    camera = InProcess()
    camera.open()
    yield camera
    camera.close()


def _run(config: Config, cost: Cost, in_process: bool) -> None:
    """Sort for a round, and add what it took."""
    stop = threading.Event()

    def hear(outcome: Outcome) -> None:
        cost.ages_ms.append(outcome.latency_ms)

    with open_parts(config) as parts, _camera(parts.camera, in_process) as camera:
        loop = SortingLoop(replace(parts, camera=camera), limits_of(config, None), stop, on_outcome=hear)
        before = time.process_time() + _cpu_s(camera.pid)
        timer = threading.Timer(ROUND_S, stop.set)
        timer.start()
        loop.run()
        timer.join()
        cost.cpu_s += time.process_time() + _cpu_s(camera.pid) - before
        cost.pss_kb = max(cost.pss_kb, (pss_kb(camera.pid) or 0) if camera.pid else 0)


def _cpu_s(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def test_what_a_process_of_its_own_costs(tmp_path: Path) -> None:
    config = _config(tmp_path)
    captured, in_process = Cost(), Cost()
    for _ in range(ROUNDS):
        _run(config, captured, in_process=False)
        _run(config, in_process, in_process=True)
    print("\npath             pictures  age p50 ms  p99 ms  CPU ms a picture  capture PSS kB")
    for name, cost in (("capture process", captured), ("in the daemon", in_process)):
        p50, p99 = np.percentile(cost.ages_ms, (50, 99))
        each_ms = cost.cpu_s * 1e3 / len(cost.ages_ms)
        print(f"{name:16} {len(cost.ages_ms):8} {p50:11.2f} {p99:7.2f} {each_ms:17.2f} {cost.pss_kb or '':>15}")
    assert captured.pss_kb <= MOST_PSS_KB
    assert len(captured.ages_ms) > 0.9 * ROUNDS * ROUND_S * 30
    added_ms = float(np.percentile(captured.ages_ms, 50) - np.percentile(in_process.ages_ms, 50))
    assert added_ms < 10, "a third of the time between two pictures"


def test_ffmpeg_in_the_process_takes_no_more_than_it_may() -> None:
    """A network camera: MJPEG of the shipped film, 640 x 480 at 30 pictures/s."""
    film = [cv2.imread(str(path)) for path in sorted((ROOT / "pictures" / "clip").glob("*.jpg"))]
    pictures = [np.asarray(cv2.resize(picture, (640, 480)), np.uint8) for picture in film if picture is not None]
    server = MjpegServer(lambda number: pictures[number % len(pictures)], fps=30)
    server.start()
    camera = StreamCamera(StreamOptions.model_validate({"kind": "stream", "url": server.url}))
    try:
        camera.open()
        seen, newest, most_kb, ends = 0, 0, 0, time.monotonic() + ROUND_S
        while time.monotonic() < ends:
            frame = camera.latest(newest, 0.2)
            if frame is not None:
                seen, newest = seen + 1, frame.id
                most_kb = max(most_kb, pss_kb(camera.pid or 0) or 0)
    finally:
        camera.close()
        server.cut()
    print(f"\nFFmpeg, MJPEG over HTTP, 640 x 480: {seen} pictures in {ROUND_S:g} s, PSS at most {most_kb} kB")
    assert seen > 50
    assert 0 < most_kb <= MOST_PSS_KB
