"""Raspberry Pi's camera through a STAND-IN for picamera2: NOT RUN ON HARDWARE."""

import itertools
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from support import ROOT

from appliance.camera.picamera2 import Picamera2Camera, Picamera2Options
from appliance.errors import CameraError

STAND_INS = ROOT / "tests" / "capture" / "stand_ins"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PYTHONPATH", str(STAND_INS))
    return monkeypatch


@pytest.fixture
def camera(stand_in: pytest.MonkeyPatch) -> Iterator[Picamera2Camera]:
    one = make(exposure_us=9000, gain=2.0, colour_gains=[1.5, 1.8])
    yield one
    one.close()


def make(**options: Any) -> Picamera2Camera:
    values = {"kind": "picamera2", "python": sys.executable, "width": 64, "height": 48, **options}
    return Picamera2Camera(Picamera2Options.model_validate(values, strict=False))


def test_the_stamp_is_the_sensors_on_our_clock(camera: Picamera2Camera) -> None:
    camera.open()
    frame = camera.latest(0, 5)
    age_ns = time.monotonic_ns() - (frame.taken_at_ns if frame else 0)
    assert frame is not None
    assert frame.clock_source == "sensor"
    assert 9_000_000 <= age_ns < 1_000_000_000


def test_a_picture_that_the_queue_gives_once_more_is_passed_over(stand_in: pytest.MonkeyPatch) -> None:
    stand_in.setenv("PICAMERA2_STAND_IN", "queued")
    camera = make(fps=100)
    camera.open()
    stamps: list[int] = []
    while len(stamps) < 20:
        frame = camera.latest(0, 5)
        assert frame is not None
        stamps.append(frame.taken_at_ns)
    camera.close()
    # The same stamp again would differ by the microseconds between the two clocks being read.
    assert all(later - earlier > 1_000_000 for earlier, later in itertools.pairwise(stamps))
    assert camera.counters().stale == 0


@pytest.mark.parametrize(
    ("fault", "found", "remedy"),
    [("none", "libcamera sees 0 cameras", "ribbon cable"), ("busy", "did not complete", "fuser")],
)
def test_a_camera_that_cannot_be_opened_is_refused_with_a_remedy(
    stand_in: pytest.MonkeyPatch, fault: str, found: str, remedy: str
) -> None:
    stand_in.setenv("PICAMERA2_STAND_IN", fault)
    camera = make()
    with pytest.raises(CameraError, match=found) as refused:
        camera.open()
    assert remedy in refused.value.remedy


def test_without_picamera2_the_remedy_names_the_package() -> None:
    camera = make()
    with pytest.raises(CameraError, match="No module named 'picamera2'") as refused:
        camera.open()
    assert "apt-get install python3-picamera2" in refused.value.remedy


@pytest.mark.parametrize("wrong", [{"number": -1}, {"gain": 0}, {"colour_gains": [1.0]}, {"exposure_us": 0}])
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(**wrong)
