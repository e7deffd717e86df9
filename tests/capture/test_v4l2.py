"""The reader of V4L2 devices, with a driver that a test plays behind OpenCV. NOT RUN ON HARDWARE."""

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import appliance.capture.v4l2
from appliance.capture.v4l2 import V4L2Reader
from appliance.errors import CameraError, FrameUnreadable

HEIGHT, WIDTH = 48, 64
MJPG = cv2.VideoWriter.fourcc(*"MJPG")


class Driver:
    """The far end of OpenCV: what cv2.VideoCapture would be with a camera behind it."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, int]] = []
        self.settings: list[tuple[int, float]] = []
        self.refused: set[int] = set()
        self.answers: dict[int, float] = {}
        self.stamp_ms: Callable[[], float] = lambda: 0.0
        self.gives = True
        self.pictures: NDArray[np.uint8] | None = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        self.released = 0

    def __call__(self, name: str, backend: int) -> "Driver":
        self.opened.append((name, backend))
        return self

    def isOpened(self) -> bool:
        return True

    def set(self, prop: int, value: float) -> bool:
        self.settings.append((prop, value))
        self.answers.setdefault(prop, value)
        return prop not in self.refused

    def get(self, prop: int) -> float:
        """The stamp of the last picture; else what was set, or what the driver made of it."""
        return self.stamp_ms() if prop == cv2.CAP_PROP_POS_MSEC else self.answers.get(prop, 0.0)

    def grab(self) -> bool:
        return self.gives

    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
        return self.pictures is not None, self.pictures

    def release(self) -> None:
        self.released += 1


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    one = Driver()
    monkeypatch.setattr(appliance.capture.v4l2.cv2, "VideoCapture", one)
    return one


def opened(**options: Any) -> V4L2Reader:
    reader = V4L2Reader({"device": "/dev/null", **options})
    reader.open()
    return reader


def jpeg(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """A JPEG as V4L2 hands it over undecoded: one row of bytes, and what the buffer had behind them."""
    pixels = np.full((height, width, 3), (30, 90, 200), np.uint8)
    _, content = cv2.imencode(".jpg", pixels)
    return np.concatenate([content.reshape(-1), np.zeros(500, np.uint8)]).reshape(1, -1)


def test_a_device_that_cannot_be_read_names_the_group_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appliance.capture.v4l2.os, "access", lambda path, mode: False)
    with pytest.raises(CameraError, match="no permission for /dev/null") as refused:
        opened()
    assert "usermod -aG video" in refused.value.remedy


def test_the_format_is_set_before_the_size_and_manual_before_the_value(driver: Driver) -> None:
    opened(width=640, height=480, fps=30, fourcc="MJPG", exposure=150, white_balance_k=4600, reduce=2)
    assert driver.opened == [("/dev/null", cv2.CAP_V4L2)]
    assert driver.settings == [
        (cv2.CAP_PROP_FOURCC, MJPG),
        (cv2.CAP_PROP_FRAME_WIDTH, 640),
        (cv2.CAP_PROP_FRAME_HEIGHT, 480),
        (cv2.CAP_PROP_FPS, 30),
        (cv2.CAP_PROP_AUTO_EXPOSURE, 1),
        (cv2.CAP_PROP_EXPOSURE, 150),
        (cv2.CAP_PROP_AUTO_WB, 0),
        (cv2.CAP_PROP_WB_TEMPERATURE, 4600),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
        (cv2.CAP_PROP_CONVERT_RGB, 0),
    ]


def test_what_is_left_automatic_is_not_touched(driver: Driver) -> None:
    opened(width=None, exposure=None)
    assert driver.settings == [(cv2.CAP_PROP_BUFFERSIZE, 1)]


def test_what_the_driver_does_otherwise_is_told(driver: Driver) -> None:
    driver.refused = {cv2.CAP_PROP_EXPOSURE}
    driver.answers = {cv2.CAP_PROP_FRAME_WIDTH: 1280}
    found = V4L2Reader({"device": "/dev/null", "width": 1000, "height": 480, "exposure": 150.0}).open()
    assert found["warnings"] == [
        "the camera /dev/null has width = 1280 instead of 1000",
        "the camera /dev/null does not take exposure = 150.0",
    ]


def test_the_drivers_stamp_is_the_moment_of_exposure(driver: Driver) -> None:
    driver.stamp_ms = lambda: time.monotonic_ns() / 1e6 - 30
    picture = opened().read()
    assert picture.clock == "v4l2"
    assert 30_000_000 <= time.monotonic_ns() - picture.stamp_ns < 2_000_000_000


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
    driver: Driver, monkeypatch: pytest.MonkeyPatch, uptime_s: float, stamp_ms: Callable[[float], float]
) -> None:
    """Also shortly after the machine was switched on, when a stamp of nothing seems to be not long ago."""
    reader = opened()
    driver.stamp_ms = lambda: stamp_ms(uptime_s * 1e3)
    monkeypatch.setattr(appliance.capture.v4l2.time, "monotonic_ns", lambda: int(uptime_s * 1e9))
    picture = reader.read()
    monkeypatch.undo()
    assert (picture.stamp_ns, picture.clock) == (int(uptime_s * 1e9), "arrival")


def test_a_driver_that_gives_no_picture_is_a_camera_error_with_a_remedy(driver: Driver) -> None:
    reader = opened()
    driver.gives = False
    with pytest.raises(CameraError, match="gave no picture") as lost:
        reader.read()
    assert "cable" in lost.value.remedy
    assert not isinstance(lost.value, FrameUnreadable)


def test_a_picture_that_cannot_be_decoded_is_only_that_one(driver: Driver) -> None:
    reader = opened()
    driver.pictures = None
    with pytest.raises(FrameUnreadable):
        reader.read()
    driver.pictures = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    assert reader.read().pixels.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("reduce", [2, 4, 8])
def test_a_jpeg_is_decoded_at_reduced_size(driver: Driver, reduce: int) -> None:
    reader = opened(fourcc="MJPG", reduce=reduce)
    driver.pictures = jpeg()
    pixels = reader.read().pixels
    assert (pixels.shape, pixels.dtype) == ((HEIGHT // reduce, WIDTH // reduce, 3), np.uint8)
    assert np.abs(pixels.reshape(-1, 3).mean(axis=0) - (30, 90, 200)).max() < 6


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_part_of_a_jpeg_is_one_corrupt_picture(driver: Driver, share: float) -> None:
    reader = opened(fourcc="MJPG", reduce=2)
    whole = jpeg()
    driver.pictures = whole[:, : max(1, int((whole.shape[1] - 500) * share))]
    with pytest.raises(FrameUnreadable):
        reader.read()


def test_reducing_needs_a_camera_that_gives_jpegs(driver: Driver) -> None:
    driver.answers = {cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"YUYV")}
    with pytest.raises(CameraError, match="does not give MJPG") as refused:
        opened(fourcc="MJPG", reduce=2)
    assert "camera.reduce: 1" in refused.value.remedy


def test_closing_lets_the_driver_go_once(driver: Driver) -> None:
    reader = opened()
    reader.close()
    reader.close()
    assert driver.released == 1


def test_the_driver_tells_its_format_and_the_controls_that_it_has(driver: Driver) -> None:
    driver.answers |= {
        cv2.CAP_PROP_FOURCC: float(MJPG), cv2.CAP_PROP_FRAME_WIDTH: 64.0, cv2.CAP_PROP_FRAME_HEIGHT: 48.0,
        cv2.CAP_PROP_EXPOSURE: 157.0, cv2.CAP_PROP_WB_TEMPERATURE: 4600.0, cv2.CAP_PROP_GAIN: -1.0,
    }  # fmt: skip
    found = V4L2Reader({"device": "/dev/null"}).open()

    assert found["format"] == {"width": 64, "height": 48, "fourcc": "MJPG"}
    assert found["controls"] == {"exposure": 157.0, "white_balance_k": 4600.0}
