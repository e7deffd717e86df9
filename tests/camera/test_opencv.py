"""OpenCV's cameras and videos: a real file, and a driver that a test plays."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from support import wait_for

import appliance.camera.opencv
from appliance.camera.opencv import OpenCVCamera, OpenCVOptions
from appliance.errors import CameraError
from appliance.records import Frame

HEIGHT, WIDTH, FRAMES = 48, 64, 12


def make(**options: Any) -> OpenCVCamera:
    return OpenCVCamera(OpenCVOptions.model_validate({"kind": "opencv", **options}))


def play(camera: OpenCVCamera) -> list[Frame]:
    frames: list[Frame] = []
    deadline = time.monotonic() + 20
    while not camera.ended and time.monotonic() < deadline:
        frame = camera.latest(frames[-1].id if frames else 0, 0.2)
        if frame is not None:
            frames.append(frame)
    return frames


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real MJPEG video of frames that become brighter, 25 a second."""
    path = tmp_path_factory.mktemp("video") / "belt.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for number in range(FRAMES):
        writer.write(np.full((HEIGHT, WIDTH, 3), 20 * number, np.uint8))
    writer.release()
    return path


class Driver:
    """The far end of OpenCV: what cv2.VideoCapture would be with a camera behind it."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, int]] = []
        self.settings: list[tuple[int, float]] = []
        self.refused: set[int] = set()
        self.answers: dict[int, float] = {}
        self.stamp_ms: Callable[[], float] = lambda: 0.0
        self.present = True
        self.period_s = 0.005
        self.pictures: NDArray[np.uint8] | None = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.hang = threading.Event()
        self.hang.set()
        self.released = 0

    def __call__(self, name: str, backend: int) -> "Driver":
        self.opened.append((name, backend))
        return self

    def isOpened(self) -> bool:
        return self.present

    def set(self, prop: int, value: float) -> bool:
        self.settings.append((prop, value))
        self.answers.setdefault(prop, value)
        return prop not in self.refused

    def get(self, prop: int) -> float:
        """The stamp of the last picture; else what was set, or what the driver made of it."""
        return self.stamp_ms() if prop == cv2.CAP_PROP_POS_MSEC else self.answers.get(prop, 0.0)

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        self.hang.wait(30)
        time.sleep(self.period_s)
        return self.pictures is not None, self.pictures

    def release(self) -> None:
        self.released += 1


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    one = Driver()
    monkeypatch.setattr(appliance.camera.opencv.cv2, "VideoCapture", one)
    yield one
    one.hang.set()
    wait_for(lambda: not any(thread.name.startswith("camera ") for thread in threading.enumerate()))


# A file


def test_every_frame_of_a_video_comes_once_and_in_order(video: Path) -> None:
    camera = make(file=video)
    camera.open()
    frames = play(camera)
    assert not camera.live
    assert [frame.id for frame in frames] == list(range(1, FRAMES + 1))
    assert all(frame.pixels.shape == (HEIGHT, WIDTH, 3) for frame in frames)
    for number, frame in enumerate(frames):
        assert abs(float(frame.pixels.mean()) - 20 * number) < 6
    counters = camera.counters()
    assert (counters.frames, counters.dropped, counters.skipped) == (FRAMES, 0, 0)
    assert camera.latest(FRAMES, 0.1) is None
    camera.close()


def test_a_loop_begins_again_with_new_ids(video: Path) -> None:
    camera = make(file=video, loop=True)
    camera.open()
    frames = [frame for _ in range(2 * FRAMES + 1) if (frame := camera.latest(0, 0.2))]
    assert [frame.id for frame in frames] == list(range(1, 2 * FRAMES + 2))
    assert abs(float(frames[FRAMES].pixels.mean()) - float(frames[0].pixels.mean())) < 2
    assert not camera.ended
    camera.close()


def test_at_its_own_rate_a_video_is_live_and_drops_what_is_late(video: Path) -> None:
    camera = make(file=video, paced=True)
    assert camera.live
    camera.open()
    assert camera.latest(0, 0.5) is not None
    time.sleep(0.2)
    frames = play(camera)
    counters = camera.counters()
    assert counters.dropped >= 3
    assert counters.frames == 1 + len(frames)
    assert counters.frames + counters.dropped == FRAMES
    camera.close()


def test_a_rate_of_ones_own_replaces_the_videos(video: Path) -> None:
    camera = make(file=video, paced=True, fps=200)
    camera.open()
    began = time.monotonic()
    play(camera)
    assert time.monotonic() - began < FRAMES / 25
    camera.close()


@pytest.mark.parametrize(
    ("content", "said"), [(None, "no such file"), (b"", "cannot read it"), (b"no video at all" * 100, "cannot read it")]
)
def test_a_file_that_is_no_video_is_refused_with_a_remedy(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "a.avi"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CameraError, match=said) as refused:
        make(file=path).open()
    assert refused.value.remedy


def test_a_video_that_was_cut_off_ends_at_its_last_whole_frame(video: Path, tmp_path: Path) -> None:
    content = video.read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: len(content) * 85 // 100])
    camera = make(file=tmp_path / "cut.avi")
    camera.open()
    frames = play(camera)
    assert 0 < len(frames) < FRAMES
    assert camera.ended
    camera.close()


def test_a_damaged_frame_of_a_video_is_counted_skipped_and_passed_over(video: Path, tmp_path: Path) -> None:
    content = bytearray(video.read_bytes())
    sixth = content.index(b"movi")
    for _ in range(6):
        sixth = content.index(b"00dc", sixth + 4)
    content[sixth + 8 : sixth + 200] = bytes(192)
    (tmp_path / "damaged.avi").write_bytes(content)
    camera = make(file=tmp_path / "damaged.avi")
    camera.open()
    shades = [round(float(frame.pixels.mean()) / 20) for frame in play(camera)]
    assert shades == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    counters = camera.counters()
    assert (counters.frames, counters.dropped, counters.skipped) == (FRAMES - 1, 0, 1)
    camera.close()


# A device


@pytest.mark.parametrize("device", ["/dev/v4l/by-id/usb-not-there-video-index0", 99, "99"])
def test_a_device_that_is_not_there_is_refused_with_a_remedy(device: Any) -> None:
    with pytest.raises(CameraError, match="does not exist") as refused:
        make(device=device).open()
    assert "plug the camera in" in refused.value.remedy
    assert refused.value.exit_code == 10


def test_a_device_that_is_no_camera_is_refused_with_a_remedy() -> None:
    with pytest.raises(CameraError, match="the driver refuses it") as refused:
        make(device="/dev/null").open()
    assert "fuser" in refused.value.remedy


def test_a_device_that_cannot_be_read_names_the_group_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appliance.camera.opencv.os, "access", lambda path, mode: False)
    with pytest.raises(CameraError, match="no permission for /dev/null") as refused:
        make(device="/dev/null").open()
    assert "usermod -aG video" in refused.value.remedy


def test_a_device_gives_its_newest_frame_and_counts_the_others(driver: Driver) -> None:
    camera = make(device="/dev/null")
    assert camera.live
    camera.open()
    first = camera.latest(0, 5)
    time.sleep(0.1)
    second = camera.latest(1, 5)
    camera.close()
    assert first is not None
    assert second is not None
    assert first.id < second.id - 2
    assert first.taken_at_ns < second.taken_at_ns <= time.monotonic_ns()
    assert second.source == f"/dev/null#{second.id}"
    counters = camera.counters()
    assert counters.frames == 2
    assert counters.dropped >= second.id - 2
    assert driver.released == 1
    assert driver.opened == [("/dev/null", cv2.CAP_V4L2)]


def test_the_format_is_set_before_the_size_and_manual_before_the_value(driver: Driver) -> None:
    camera = make(device="/dev/null", width=640, height=480, fps=30, fourcc="MJPG", exposure=150, white_balance_k=4600)
    camera.open()
    camera.close()
    assert driver.settings == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        (cv2.CAP_PROP_FRAME_WIDTH, 640),
        (cv2.CAP_PROP_FRAME_HEIGHT, 480),
        (cv2.CAP_PROP_FPS, 30),
        (cv2.CAP_PROP_AUTO_EXPOSURE, 1),
        (cv2.CAP_PROP_EXPOSURE, 150),
        (cv2.CAP_PROP_AUTO_WB, 0),
        (cv2.CAP_PROP_WB_TEMPERATURE, 4600),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]


def test_what_is_left_automatic_is_not_touched(driver: Driver) -> None:
    camera = make(device="/dev/null")
    camera.open()
    camera.close()
    assert driver.settings == [(cv2.CAP_PROP_BUFFERSIZE, 1)]


def test_a_setting_that_the_driver_does_not_take_is_a_warning(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    driver.refused = {cv2.CAP_PROP_EXPOSURE}
    camera = make(device="/dev/null", exposure=150)
    camera.open()
    camera.close()
    assert [record.getMessage() for record in caplog.records] == ["the camera /dev/null does not take exposure = 150.0"]


def test_a_format_that_the_driver_changes_is_a_warning(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    driver.answers = {cv2.CAP_PROP_FRAME_WIDTH: 1280}
    camera = make(device="/dev/null", width=1000, height=480)
    camera.open()
    camera.close()
    assert [record.getMessage() for record in caplog.records] == [
        "the camera /dev/null has width = 1280 instead of 1000"
    ]


def test_the_drivers_stamp_is_the_moment_of_exposure(driver: Driver) -> None:
    driver.stamp_ms = lambda: time.monotonic_ns() / 1e6 - 30
    camera = make(device="/dev/null")
    camera.open()
    frame = camera.latest(0, 5)
    now_ns = time.monotonic_ns()
    camera.close()
    assert frame is not None
    assert frame.clock_source == "v4l2"
    assert 30_000_000 <= now_ns - frame.taken_at_ns < 2_000_000_000


@pytest.mark.parametrize("uptime_s", [20.0, 90_000.0])
@pytest.mark.parametrize(
    "stamp_ms",
    [
        lambda now_ms: 0.0,
        lambda now_ms: -1.0,
        lambda now_ms: now_ms + 5,
        lambda now_ms: 1.8e12,
        lambda now_ms: now_ms - 1e6,
    ],
    ids=["none", "no support", "the future", "wall time", "long ago"],
)
def test_a_stamp_of_another_clock_is_replaced_by_the_arrival(
    driver: Driver, uptime_s: float, stamp_ms: Callable[[float], float]
) -> None:
    """Also shortly after the machine was switched on, when a stamp of nothing seems to be not long ago."""
    now_ns = int(uptime_s * 1e9)
    driver.stamp_ms = lambda: stamp_ms(uptime_s * 1e3)
    camera = OpenCVCamera(OpenCVOptions.model_validate({"kind": "opencv", "device": "/dev/null"}), lambda: now_ns)
    camera.open()
    frame = camera.latest(0, 5)
    camera.close()
    assert frame is not None
    assert (frame.taken_at_ns, frame.clock_source) == (now_ns, "arrival")


def test_a_driver_that_gives_no_picture_is_a_camera_error_with_a_remedy(driver: Driver) -> None:
    driver.pictures = None
    camera = make(device="/dev/null")
    camera.open()
    with pytest.raises(CameraError, match="gave no picture") as lost:
        camera.latest(0, 5)
    assert "cable" in lost.value.remedy
    camera.close()


def test_a_camera_that_came_back_gives_frames_again_with_new_ids(driver: Driver) -> None:
    camera = make(device="/dev/null")
    camera.open()
    before = camera.latest(0, 5)
    driver.pictures = None
    wait_for(lambda: not any(thread.name.startswith("camera ") for thread in threading.enumerate()))
    camera.close()
    driver.pictures = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    camera.open()
    after = camera.latest(0, 5)
    camera.close()
    assert before is not None
    assert after is not None
    assert after.id > before.id
    assert driver.released == 2


def test_a_read_that_hangs_costs_its_time_out_and_is_never_released_under(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(appliance.camera.opencv, "_CLOSE_PATIENCE_S", 0.1)
    driver.hang.clear()
    camera = make(device="/dev/null")
    camera.open()
    began = time.monotonic()
    assert camera.latest(0, 0.1) is None
    with caplog.at_level(logging.WARNING):
        camera.close()
    assert time.monotonic() - began < 3
    assert driver.released == 0
    assert "does not return" in caplog.text


# Options


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"device": 0, "file": Path("a.avi")},
        {"device": "video0"},
        {"device": -1},
        {"device": True},
        {"device": "/dev/"},
        {"device": 0, "fourcc": "MJPEG"},
        {"device": 0, "width": 0},
        {"device": 0, "fps": 0},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OpenCVOptions.model_validate({"kind": "opencv", **wrong})


@pytest.mark.parametrize("device", [0, 12, "0", "/dev/video0", "/dev/v4l/by-id/usb-x-video-index0"])
def test_a_device_is_an_index_or_a_path(device: Any) -> None:
    assert OpenCVOptions.model_validate({"kind": "opencv", "device": device}).device == str(device)
