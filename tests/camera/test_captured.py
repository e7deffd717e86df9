"""A camera in a capture process: what it promises whatever the process does, and that nothing outlives anybody."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from support import ROOT, wait_for

from appliance.camera.captured import CapturedCamera, CapturedOptions
from appliance.camera.simulated_device import SimulatedDevice, SimulatedDeviceOptions
from appliance.errors import CameraError, CameraStalled
from appliance.records import Frame

STAND_INS = ROOT / "tests" / "capture" / "stand_ins"


class Options(CapturedOptions):
    kind: Literal["test"] = "test"


@pytest.fixture(autouse=True)
def readers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(STAND_INS))


@pytest.fixture
def closing() -> Iterator[list[CapturedCamera]]:
    cameras: list[CapturedCamera] = []
    yield cameras
    for camera in cameras:
        camera.close()


def camera_with(closing: list[CapturedCamera], reader: str, **options: Any) -> CapturedCamera:
    class One(CapturedCamera):
        pass

    One.reader = f"odd_readers:{reader}"
    closing.append(One(Options.model_validate(options), f"test {reader}"))
    return closing[-1]


def take(camera: CapturedCamera, count: int, timeout_s: float = 5.0) -> list[Frame]:
    frames: list[Frame] = []
    deadline = time.monotonic() + timeout_s
    while len(frames) < count and time.monotonic() < deadline:
        frame = camera.latest(frames[-1].id if frames else 0, 0.1)
        frames += [frame] if frame is not None else []
    return frames


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def is_running(pid: int) -> bool:
    """Does the process exist, other than as a zombie that waits to be buried?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


Closing = list[CapturedCamera]


def test_it_reads_in_another_process_and_tells_of_it(closing: Closing, caplog: pytest.LogCaptureFixture) -> None:
    camera = camera_with(closing, "Noisy")
    with caplog.at_level(logging.WARNING):
        camera.open()
    (frame,) = take(camera, 1)
    assert camera.pid not in (None, os.getpid())
    assert int(frame.pixels[0, 0, 0]) == camera.pid % 251
    assert "it is a test" in caplog.text


def test_a_sensor_that_shows_one_picture_for_ever_is_frozen_also_after_it_was_opened_again(closing: Closing) -> None:
    camera = camera_with(closing, "Still", frozen_after=5)
    camera.open()
    assert len(take(camera, 1)) == 1
    for _ in range(2):
        with pytest.raises(CameraStalled, match="frozen: the last") as frozen:
            take(camera, 1)
        assert "frozen_after: 0" in frozen.value.remedy
        camera.open()
    assert camera.counters().frames == 1
    assert camera.counters().stale >= 2


def test_a_picture_that_stays_the_same_is_let_through_where_that_is_no_fault(closing: Closing) -> None:
    camera = camera_with(closing, "Still", frozen_after=0)
    camera.open()
    assert len(take(camera, 20)) == 20


def test_darkness_is_no_frozen_sensor(closing: Closing) -> None:
    camera = camera_with(closing, "Dark", frozen_after=2)
    camera.open()
    assert len(take(camera, 20)) == 20


def test_pictures_of_long_ago_are_counted_and_never_handed_out(closing: Closing) -> None:
    camera = camera_with(closing, "Late", stale_s=1.0)
    camera.open()
    assert take(camera, 1, 0.5) == []
    counters = camera.counters()
    assert counters.stale > 5
    assert counters.frames == 0


def test_pictures_that_cannot_be_decoded_are_counted_and_passed_over(closing: Closing) -> None:
    camera = camera_with(closing, "HalfCorrupt")
    camera.open()
    assert len(take(camera, 10)) == 10
    camera.close()
    assert camera.counters().corrupt >= 9


def test_pictures_that_become_larger_need_a_new_process_and_get_one(closing: Closing) -> None:
    camera = camera_with(closing, "Growing")
    camera.open()
    with pytest.raises(CameraError, match="become larger"):
        take(camera, 10)
    camera.open()
    assert len(take(camera, 2)) == 2


def test_a_defect_of_a_reader_is_a_camera_error(closing: Closing) -> None:
    with pytest.raises(CameraError, match="ZeroDivisionError: a defect"):
        camera_with(closing, "Raising").open()


@pytest.mark.parametrize("reader", ["Silent", "NeverOpens"])
def test_what_never_gives_a_picture_is_given_up_in_time_and_killed(closing: Closing, reader: str) -> None:
    camera = camera_with(closing, reader, open_s=0.3)
    children = _children()
    began = time.monotonic()
    with pytest.raises(CameraStalled, match="no picture came in time"):
        camera.open()
    assert time.monotonic() - began < 10
    assert _children() == children


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_process_that_dies_is_a_camera_error_that_says_how(closing: Closing, number: signal.Signals) -> None:
    camera = camera_with(closing, "Noisy")
    camera.open()
    before = take(camera, 2)[-1]
    assert camera.pid is not None
    os.kill(camera.pid, number)
    with pytest.raises(CameraError, match=f"ended by {number.name}"):
        take(camera, 1000)
    camera.open()
    assert take(camera, 1)[0].id > before.id


def test_a_python_that_lacks_the_drivers_library_is_told_with_its_name(closing: Closing) -> None:
    class One(CapturedCamera):
        reader = "library_that_is_not_there:Reader"

    closing.append(One(Options(), "test", sys.executable))
    with pytest.raises(CameraError, match=r"No module named .* \(in /"):
        closing[0].open()


def test_a_python_that_is_not_there_is_told(closing: Closing) -> None:
    class One(CapturedCamera):
        reader = "odd_readers:Noisy"

    closing.append(One(Options(), "test", "/absent/python3"))
    with pytest.raises(CameraError, match="cannot start /absent/python3") as refused:
        closing[0].open()
    assert "camera.python" in refused.value.remedy


def test_what_a_driver_prints_does_not_reach_standard_output(
    closing: Closing, capfd: pytest.CaptureFixture[str]
) -> None:
    camera = camera_with(closing, "Chatty")
    camera.open()
    assert len(take(camera, 3)) == 3
    camera.close()
    out, errors = capfd.readouterr()
    assert out == ""
    assert "frame" in errors


def test_a_frame_of_a_moment_ago_comes_as_a_jpeg_and_an_old_one_does_not(closing: Closing) -> None:
    """Three pictures are kept: at 2 a second there is a second to ask for one."""
    camera = SimulatedDevice(SimulatedDeviceOptions(kind="simulated-device", width=64, height=48, fps=2))
    closing.append(camera)
    camera.open()
    frame = take(camera, 1)[0]
    content = camera.jpeg(frame.id, quality=100, timeout_s=5)
    assert content is not None
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert np.abs(pixels.astype(int) - frame.pixels).mean() < 5
    while take(camera, 1)[0].id < frame.id + 3:
        pass
    assert camera.jpeg(frame.id, timeout_s=5) is None
    assert take(camera, 1)


def test_a_simulated_device_shows_the_pictures_of_a_folder_in_their_order_for_ever(
    closing: Closing, tmp_path: Path
) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((40, 60, 3), 50 * number, np.uint8))
    (tmp_path / "frames.json").write_text('[{"file": "2.png"}, {"file": "0.png"}, {"file": "1.png"}]')
    camera = SimulatedDevice(SimulatedDeviceOptions(kind="simulated-device", pictures=tmp_path, fps=20))
    closing.append(camera)
    camera.open()
    shown = {frame.id: int(frame.pixels[0, 0, 0]) for frame in take(camera, 7)}

    assert shown == {number: (100, 0, 50)[(number - 1) % 3] for number in shown}
    assert camera.live
    assert "SIMULATED" in camera.name


def test_a_simulated_device_with_a_folder_has_no_size_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="their own size"):
        SimulatedDeviceOptions(kind="simulated-device", pictures=tmp_path, width=320)
    camera = SimulatedDevice(SimulatedDeviceOptions(kind="simulated-device", pictures=tmp_path))
    with pytest.raises(CameraError, match="no pictures in it"):
        camera.open()


_OWNER = """
import sys, time
from appliance.camera.simulated_device import SimulatedDevice, SimulatedDeviceOptions
camera = SimulatedDevice(SimulatedDeviceOptions(kind="simulated-device", orders=None))
camera.open()
print(camera.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_nothing_outlives_an_owner_that_was_killed(stopped: bool) -> None:
    """No process, also if it was stopped, and no shared memory."""
    names = set(os.listdir("/dev/shm"))
    with subprocess.Popen([sys.executable, "-c", _OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_running(pid)
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        owner.kill()
    wait_for(lambda: not is_running(pid), 5)
    assert set(os.listdir("/dev/shm")) <= names
