"""The SIMULATED camera: each fault does what its name says, for as long as it was ordered."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

import appliance.camera.simulated
from appliance.camera.simulated import Fault, SimulatedCamera, SimulatedOptions
from appliance.errors import CameraError, FrameUnreadable

FPS = 10.0


class HandClock:
    """A clock that moves when told to, and when somebody sleeps."""

    def __init__(self) -> None:
        self.now_ns = 7_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now_ns += round(seconds * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """Time for the camera under test, so that stalls of seconds cost none."""
    one = HandClock()
    monkeypatch.setattr(appliance.camera.simulated.time, "sleep", one.sleep)
    return one


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((48, 64, 3), 50 * number, np.uint8))
    return tmp_path


def make(pictures: Path, clock: HandClock, *faults: tuple[int, str, float], frames: int | None = 30) -> SimulatedCamera:
    ordered = tuple(Fault.model_validate({"at": at, "kind": kind, "seconds": seconds}) for at, kind, seconds in faults)
    options = SimulatedOptions(kind="simulated", pictures=pictures, fps=FPS, frames=frames, faults=ordered)
    return SimulatedCamera(options, clock)


def play(camera: SimulatedCamera, passes: int = 200) -> list[Any]:
    """What a loop with a time-out of 200 ms meets: ids, None, or the kind of error; a lost camera is opened again."""
    met: list[Any] = []
    for _ in range(passes):
        if camera.ended:
            break
        try:
            frame = camera.latest(0, 0.2)
            met.append(None if frame is None else frame.id)
        except FrameUnreadable:
            met.append("corrupt")
        except CameraError:
            met.append("gone")
            camera.close()
            while True:
                try:
                    camera.open()
                except CameraError:
                    camera._clock.sleep(0.1)  # type: ignore[attr-defined]
                else:
                    break
    return met


def test_it_calls_itself_simulated(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock)
    assert camera.name.startswith("SIMULATED")
    camera.open()
    frame = camera.latest(0, 1.0)
    assert frame is not None
    assert frame.source == f"{camera.name}#0"


def test_without_faults_every_frame_comes_in_time(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock)
    camera.open()
    assert play(camera) == list(range(1, 31))
    counters = camera.counters()
    assert (counters.frames, counters.dropped, counters.skipped) == (30, 0, 0)
    assert clock.now_ns == pytest.approx(7_000_000_000 + 2_900_000_000)


def test_pictures_repeat_when_they_run_out(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock, frames=7)
    camera.open()
    shades = [int(frame.pixels[0, 0, 0]) for _ in range(7) if (frame := camera.latest(0, 1.0))]
    assert shades == [0, 50, 100, 0, 50, 100, 0]


def test_without_a_number_of_frames_it_never_ends(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock, frames=None)
    camera.open()
    assert play(camera, passes=100) == list(range(1, 101))
    assert not camera.ended


def test_what_nobody_took_is_dropped_and_counted(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock)
    camera.open()
    camera.latest(0, 0.0)
    clock.sleep(1.05)
    frame = camera.latest(1, 0.0)
    assert frame is not None
    assert (frame.id, frame.taken_at_ns) == (11, 8_000_000_000)
    assert camera.counters().dropped == 9


def test_a_stall_gives_no_frame_for_its_time_and_then_goes_on(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock, (10, "stall", 1.0))
    camera.open()
    met = play(camera)
    numbers = [one for one in met if one]
    assert numbers == [*range(1, 11), *range(21, 31)]
    assert None in met
    counters = camera.counters()
    assert (counters.frames, counters.dropped) == (20, 10)


def test_a_stall_until_the_end_comes_to_an_end(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock, (20, "stall", 60.0))
    camera.open()
    play(camera, passes=2000)
    assert camera.ended


def test_repeat_gives_an_old_frame_with_its_old_time(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock, (5, "repeat", 0.3))
    camera.open()
    frames = [frame for _ in range(10) if (frame := camera.latest(0, 1.0))]
    assert [frame.id for frame in frames] == list(range(1, 11))
    taken_ms = [frame.taken_at_ns // 1_000_000 - 7000 for frame in frames]
    assert taken_ms == [0, 100, 200, 300, 400, 400, 400, 400, 800, 900]
    assert [frame.source for frame in frames[4:8]] == [frames[4].source] * 4
    assert all(frame.pixels is frames[4].pixels for frame in frames[5:8])


def test_corrupt_costs_one_frame(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock, (3, "corrupt", 5.0))
    camera.open()
    assert play(camera)[:6] == [1, 2, 3, "corrupt", 5, 6]
    assert (camera.counters().frames, camera.counters().skipped) == (29, 1)


def test_a_camera_that_disappeared_comes_back_after_its_time(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock, (10, "disappear", 1.0))
    camera.open()
    met = play(camera)
    assert met[:11] == [*range(1, 11), "gone"]
    assert met[11:] == list(range(21, 31))
    assert camera.counters().dropped == 10


def test_while_it_is_gone_it_cannot_be_opened(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock, (0, "disappear", 1.0))
    with pytest.raises(CameraError, match="gone"):
        camera.open()
    clock.sleep(0.95)
    with pytest.raises(CameraError, match="gone"):
        camera.open()
    clock.sleep(0.1)
    camera.open()
    assert play(camera)[0] == 11


def test_faults_can_follow_each_other(pictures: Path, clock: HandClock) -> None:
    camera = make(pictures, clock, (2, "corrupt", 0), (4, "stall", 0.2), (8, "disappear", 0.2), (12, "repeat", 0.2))
    camera.open()
    assert [one for one in play(camera) if one] == [1, 2, "corrupt", 4, 7, 8, "gone", *range(11, 31)]


def test_a_bad_picture_in_the_folder_costs_its_frames_only(pictures: Path, clock: HandClock) -> None:
    (pictures / "1.png").write_bytes(b"not a picture")
    camera = make(pictures, clock, frames=6)
    camera.open()
    assert play(camera) == [1, "corrupt", 3, 4, "corrupt", 6]
    assert (camera.counters().frames, camera.counters().skipped) == (4, 2)


def test_a_folder_without_pictures_is_refused(tmp_path: Path, clock: HandClock) -> None:
    with pytest.raises(CameraError, match="no pictures") as refused:
        make(tmp_path / "absent", clock).open()
    assert "camera.pictures" in refused.value.remedy


@pytest.mark.parametrize(
    "wrong", [{"at": -1, "kind": "stall"}, {"at": 1, "kind": "explode"}, {"at": 1, "kind": "stall", "seconds": -1}]
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate(wrong)
