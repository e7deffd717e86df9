"""What every camera promises. A new kind in the table fails here until it has an example of its own."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mjpeg_server import MjpegServer
from numpy.typing import NDArray
from support import ROOT, wait_for

from appliance.camera import CAMERAS, Camera, CameraCounters
from appliance.camera.opencv import DeviceCamera
from appliance.errors import CameraError, FrameUnreadable
from appliance.records import Frame

HEIGHT, WIDTH, COUNT = 48, 64, 16
FPS = 40.0
STAND_INS = ROOT / "tests" / "capture" / "stand_ins"


def draw(number: int) -> NDArray[np.uint8]:
    return np.full((HEIGHT, WIDTH, 3), 15 * number, np.uint8)


def folder_of_pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    if not folder.exists():
        folder.mkdir()
        for number in range(COUNT):
            cv2.imwrite(str(folder / f"{number:03}.png"), draw(number))
    return folder


def video(tmp_path: Path) -> Path:
    path = tmp_path / "belt.avi"
    if not path.exists():
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (WIDTH, HEIGHT))
        for number in range(COUNT):
            writer.write(draw(number))
        writer.release()
    return path


@contextmanager
def no_far_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    yield {}


@contextmanager
def a_played_driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The real reader of V4L2 devices in a real capture process; behind OpenCV stands a driver that does not exist."""
    monkeypatch.setenv("PYTHONPATH", str(STAND_INS))
    monkeypatch.setattr(DeviceCamera, "reader", "v4l2_stand_in:V4L2Reader")
    yield {"device": "/dev/null"}


@contextmanager
def a_stand_in_for_picamera2(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setenv("PYTHONPATH", str(STAND_INS))
    yield {"python": sys.executable}


@contextmanager
def a_network_camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    server = MjpegServer(lambda number: draw(number % 17), FPS)
    server.start()
    yield {"url": server.url}
    server.cut()


@dataclass(frozen=True)
class Example:
    """One way to configure a kind. `frames` is None where it never ends; `repeats`: old frames are on order."""

    name: str
    options: Callable[[Path], dict[str, Any]]
    live: bool
    frames: int | None = COUNT
    unreadable: int = 0
    repeats: bool = False
    far_end: Callable[[pytest.MonkeyPatch], AbstractContextManager[dict[str, Any]]] = no_far_end
    """What has to stand behind it; gives the options that lead there."""
    absent: Callable[[Path], dict[str, Any]] | None = None


def order(tmp_path: Path, word: str) -> Path:
    path = tmp_path / "orders"
    path.write_text(word)
    return path


def _with_a_bad_picture(tmp_path: Path) -> Path:
    folder = folder_of_pictures(tmp_path)
    (folder / "005.png").write_bytes(b"not a picture")
    return folder


EXAMPLES: dict[str, list[Example]] = {
    "folder": [
        Example("unpaced", lambda tmp: {"path": folder_of_pictures(tmp)}, live=False,
                absent=lambda tmp: {"path": tmp / "absent"}),
        Example("with a bad picture", lambda tmp: {"path": _with_a_bad_picture(tmp)}, live=False, unreadable=1),
        Example("at a rate", lambda tmp: {"path": folder_of_pictures(tmp), "fps": FPS}, live=True),
        Example("for ever", lambda tmp: {"path": folder_of_pictures(tmp), "fps": FPS, "loop": True}, live=True,
                frames=None),
    ],
    "opencv": [
        Example("file", lambda tmp: {"file": video(tmp)}, live=False, absent=lambda tmp: {"file": tmp / "absent.avi"}),
        Example("file at its rate", lambda tmp: {"file": video(tmp), "paced": True}, live=True),
        Example("device", lambda tmp: {}, live=True, frames=None, far_end=a_played_driver,
                absent=lambda tmp: {"device": "/dev/absent-camera"}),
    ],
    "picamera2": [
        Example("stand-in", lambda tmp: {"width": WIDTH, "height": HEIGHT, "fps": FPS}, live=True, frames=None,
                far_end=a_stand_in_for_picamera2, absent=lambda tmp: {"python": "/absent/python3"}),
    ],
    "simulated": [
        Example("finite", lambda tmp: {"pictures": folder_of_pictures(tmp), "fps": FPS, "frames": COUNT}, live=True,
                absent=lambda tmp: {"pictures": tmp / "absent"}),
        Example("for ever", lambda tmp: {"pictures": folder_of_pictures(tmp), "fps": FPS}, live=True, frames=None),
        Example("with a bad picture", lambda tmp: {"pictures": _with_a_bad_picture(tmp), "fps": FPS, "frames": COUNT},
                live=True, unreadable=1),
        Example("repeating", lambda tmp: {"pictures": folder_of_pictures(tmp), "fps": FPS, "frames": COUNT,
                                          "faults": ({"at": 4, "kind": "repeat", "seconds": 0.08},)},
                live=True, repeats=True),
        Example("with a corrupt frame", lambda tmp: {"pictures": folder_of_pictures(tmp), "fps": FPS, "frames": COUNT,
                                                     "faults": ({"at": 3, "kind": "corrupt"},)},
                live=True, unreadable=1),
    ],
    "simulated-device": [
        Example("healthy", lambda tmp: {"width": WIDTH, "height": HEIGHT, "fps": FPS}, live=True, frames=None,
                absent=lambda tmp: {"orders": order(tmp, "gone")}),
        Example("pictures of a folder", lambda tmp: {"pictures": folder_of_pictures(tmp), "fps": FPS}, live=True,
                frames=None, absent=lambda tmp: {"pictures": tmp / "absent"}),
    ],
    "stream": [
        Example("MJPEG over HTTP", lambda tmp: {}, live=True, frames=None, far_end=a_network_camera,
                absent=lambda tmp: {"url": "http://127.0.0.1:9/nobody.mjpg"}),
    ],
}  # fmt: skip
EVERY = [
    pytest.param(kind, example, id=f"{kind}: {example.name}")
    for kind in CAMERAS.kinds()
    for example in EXAMPLES.get(kind, [])
]


def some(condition: Callable[[Example], bool]) -> Any:
    """The examples that a promise applies to."""
    return pytest.mark.parametrize(
        ("kind", "example"),
        [one for one in EVERY if condition(one.values[1])],  # type: ignore[arg-type]
    )


every_camera = some(lambda example: True)
Make = Callable[..., Camera]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes cameras from their kind and an example, and closes them at the end."""
    far_ends: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:

        def camera_of(kind: str, example: Example, options: dict[str, Any] | None = None) -> Camera:
            if example.name not in far_ends:
                far_ends[example.name] = stack.enter_context(example.far_end(monkeypatch))
            camera_class = CAMERAS.load(kind)
            values = {"kind": kind, **far_ends[example.name]}
            values |= example.options(tmp_path) if options is None else options
            camera: Camera = camera_class(camera_class.Options.model_validate(values))
            stack.callback(camera.close)
            return camera

        yield camera_of


@dataclass
class Played:
    """What came out of a camera."""

    frames: list[Frame]
    unreadable: int = 0


def play(camera: Camera, most: int = COUNT, after_id: int = 0) -> Played:
    """Take frames until the end, or until there are enough."""
    played = Played([])
    deadline = time.monotonic() + 20
    while not camera.ended and len(played.frames) + played.unreadable < most:
        assert time.monotonic() < deadline, "no frame and no end"
        try:
            frame = camera.latest(played.frames[-1].id if played.frames else after_id, 0.2)
        except FrameUnreadable:
            played.unreadable += 1
            continue
        if frame is not None:
            played.frames.append(frame)
    return played


def test_every_kind_of_the_table_has_an_example() -> None:
    assert set(EXAMPLES) == set(CAMERAS.kinds())
    assert all(EXAMPLES.values())


@every_camera
def test_it_says_whether_it_is_live_and_what_it_is_called(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    assert camera.live is example.live
    assert camera.name


@every_camera
def test_ids_grow_and_every_frame_is_above_the_one_asked_after(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    camera.open()
    ids = [frame.id for frame in play(camera).frames]
    assert len(ids) > 3
    assert all(earlier < later for earlier, later in zip([0, *ids], ids, strict=False))


@every_camera
def test_no_frame_is_from_the_future_and_time_never_goes_back(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    camera.open()
    taken_ns = []
    for _ in range(COUNT):
        for frame in play(camera, most=1, after_id=0).frames:
            assert frame.taken_at_ns <= time.monotonic_ns()
            taken_ns.append(frame.taken_at_ns)
    assert len(taken_ns) > 3
    assert taken_ns == sorted(taken_ns)
    assert len(set(taken_ns)) == len(taken_ns) or example.repeats


@every_camera
def test_pixels_are_pictures_of_three_bytes_a_pixel(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    camera.open()
    for frame in play(camera).frames:
        assert (frame.pixels.shape, frame.pixels.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        assert frame.clock_source
        assert frame.source


@every_camera
def test_a_frame_keeps_its_pixels_while_the_next_ones_come(kind: str, example: Example, make: Make) -> None:
    """Evidence and a belt's tracking hold frames for a while: a buffer that is used again would change them."""
    camera = make(kind, example)
    camera.open()
    (first,) = play(camera, most=1).frames
    before = first.pixels.copy()
    play(camera, most=5, after_id=first.id)
    np.testing.assert_array_equal(first.pixels, before)


@some(lambda example: not example.live)
def test_a_source_that_waits_gives_every_picture_once_in_order(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    camera.open()
    time.sleep(0.1)
    played = play(camera, most=1000)
    assert len(played.frames) == COUNT - example.unreadable
    assert played.unreadable == example.unreadable
    shades = [round(float(frame.pixels.mean()) / 15) for frame in played.frames]
    assert shades == sorted(set(shades))
    assert len({frame.source for frame in played.frames}) == len(played.frames)
    assert camera.counters() == CameraCounters(COUNT - example.unreadable, 0, example.unreadable)


@some(lambda example: example.live and not example.repeats)
def test_a_live_source_goes_on_without_us_and_counts_what_was_dropped(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    camera.open()
    first = play(camera, most=1).frames
    time.sleep(6 / FPS)
    after = play(camera, most=1, after_id=first[-1].id if first else 0).frames
    assert after[0].taken_at_ns - first[0].taken_at_ns >= 4 / FPS * 1e9
    assert camera.counters().dropped >= 4


@every_camera
def test_counters_add_up(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    assert camera.counters() == CameraCounters(0, 0, 0)
    camera.open()
    played = play(camera, most=3)
    time.sleep(3 / FPS)
    more = play(camera, most=1000 if example.frames else 3, after_id=played.frames[-1].id)
    camera.close()
    counters = camera.counters()
    assert counters.frames == len(played.frames) + len(more.frames)
    assert counters.skipped == played.unreadable + more.unreadable
    if example.frames is not None:
        assert counters.frames + counters.dropped + counters.skipped == example.frames


@some(lambda example: example.frames is not None)
def test_a_finite_source_says_that_it_has_ended_and_gives_nothing_more(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    camera.open()
    assert not camera.ended
    last_id = play(camera, most=1000).frames[-1].id
    assert camera.ended
    began = time.monotonic()
    assert camera.latest(last_id, 5.0) is None
    assert time.monotonic() - began < 1


@some(lambda example: example.frames is None)
def test_an_endless_source_never_ends(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    camera.open()
    play(camera, most=COUNT + 5)
    assert not camera.ended


@some(lambda example: example.live and not example.unreadable)
@pytest.mark.parametrize("timeout_s", [0.0, 0.01])
def test_latest_waits_no_longer_than_it_was_told(kind: str, example: Example, make: Make, timeout_s: float) -> None:
    camera = make(kind, example)
    camera.open()
    last_id, waits = 0, 0
    deadline = time.monotonic() + 10
    while waits < 3 and time.monotonic() < deadline:
        began = time.monotonic()
        frame = camera.latest(last_id, timeout_s)
        waited_s = time.monotonic() - began
        if frame is None:
            waits += 1
            assert waited_s < timeout_s + 0.5
        else:
            last_id = frame.id
    assert waits == 3


@every_camera
def test_before_it_is_open_and_after_it_was_closed_it_says_so(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    with pytest.raises(CameraError, match="open"):
        camera.latest(0, 0.1)
    camera.open()
    play(camera, most=1)
    camera.close()
    with pytest.raises(CameraError, match="open"):
        camera.latest(0, 0.1)


@every_camera
def test_closing_twice_and_closing_what_was_never_open_is_fine(kind: str, example: Example, make: Make) -> None:
    never_open = make(kind, example)
    never_open.close()
    camera = make(kind, example)
    camera.open()
    play(camera, most=2)
    camera.close()
    counters = camera.counters()
    camera.close()
    assert camera.counters() == counters


@every_camera
def test_after_closing_it_can_be_opened_again_and_ids_go_on(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    last_id = 0
    for _ in range(3):
        camera.open()
        (frame,) = play(camera, most=1, after_id=last_id).frames
        assert frame.id > last_id
        last_id = frame.id
        camera.close()
    assert camera.counters().frames == 3


@every_camera
def test_nothing_stays_open(kind: str, example: Example, make: Make) -> None:
    camera = make(kind, example)
    threads, files = set(threading.enumerate()), set(os.listdir("/proc/self/fd"))
    for _ in range(2):
        camera.open()
        play(camera, most=2)
        camera.close()
    wait_for(lambda: set(threading.enumerate()) <= threads)
    assert set(os.listdir("/proc/self/fd")) <= files


@some(lambda example: example.absent is not None)
def test_what_is_not_there_is_a_camera_error_with_a_remedy_and_nothing_stays_open(
    kind: str, example: Example, make: Make, tmp_path: Path
) -> None:
    assert example.absent is not None
    camera = make(kind, example, example.absent(tmp_path))
    threads, files = set(threading.enumerate()), set(os.listdir("/proc/self/fd"))
    for _ in range(2):
        with pytest.raises(CameraError) as refused:
            camera.open()
        assert refused.value.exit_code == 10
        assert refused.value.remedy
    camera.close()
    assert set(threading.enumerate()) <= threads
    assert set(os.listdir("/proc/self/fd")) <= files
