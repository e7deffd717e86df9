"""The thread that keeps the newest frame: bounded, carries errors, ends when asked, survives a read that hangs."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from support import wait_for

from appliance.camera.latest import LatestFrame
from appliance.errors import CameraError
from appliance.records import Frame

PIXELS = np.zeros((8, 8, 3), np.uint8)


class Source:
    """The far end: gives a frame whenever it is let go one step."""

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)
        self.given = 0
        self.error: Exception | None = None

    def __call__(self) -> Frame:
        self.steps.acquire()
        if self.error is not None:
            raise self.error
        self.given += 1
        return Frame(self.given, time.monotonic_ns(), "arrival", PIXELS, f"#{self.given}")

    def give(self, frames: int) -> None:
        for _ in range(frames):
            self.steps.release()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def latest(source: Source) -> Iterator[LatestFrame]:
    one = LatestFrame(source, "test")
    yield one
    one._stopping = True
    source.give(1)
    assert one.stop(5)


def test_a_frame_that_came_is_handed_out_once(source: Source, latest: LatestFrame) -> None:
    source.give(1)
    frame = latest.take(5)
    assert frame is not None
    assert frame.id == 1
    assert latest.take(0.02) is None


def test_only_the_newest_is_kept_and_the_others_are_counted(source: Source, latest: LatestFrame) -> None:
    source.give(5)
    wait_for(lambda: latest.frames == 5)
    frame = latest.take(5)
    assert frame is not None
    assert (frame.id, latest.frames, latest.taken, latest.dropped) == (5, 5, 1, 4)
    source.give(2)
    wait_for(lambda: latest.frames == 7)
    frame = latest.take(5)
    assert frame is not None
    assert (frame.id, latest.frames, latest.taken, latest.dropped) == (7, 7, 2, 5)


def test_what_nobody_took_before_the_end_counts_as_dropped(source: Source, latest: LatestFrame) -> None:
    source.give(3)
    wait_for(lambda: latest.frames == 3)
    assert (latest.taken, latest.dropped) == (0, 2)
    latest._stopping = True
    source.give(1)
    assert latest.stop(5)
    assert (latest.frames, latest.taken, latest.dropped) == (4, 0, 4)


def test_take_waits_for_a_frame_no_longer_than_it_was_told(source: Source, latest: LatestFrame) -> None:
    began = time.monotonic()
    assert latest.take(0.1) is None
    assert 0.09 <= time.monotonic() - began < 1
    threading.Timer(0.05, lambda: source.give(1)).start()
    frame = latest.take(5)
    assert frame is not None
    assert time.monotonic() - began < 3


def test_an_error_is_carried_to_every_caller(source: Source, latest: LatestFrame) -> None:
    source.error = CameraError("reading the camera", "it is gone")
    source.give(1)
    for _ in range(2):
        with pytest.raises(CameraError, match="it is gone"):
            latest.take(5)


def test_an_unexpected_error_is_carried_too(source: Source, latest: LatestFrame) -> None:
    source.error = RuntimeError("the driver is odd")
    source.give(1)
    with pytest.raises(RuntimeError, match="the driver is odd"):
        latest.take(5)


@pytest.mark.parametrize("prepare", [lambda source: None, lambda source: source.give(50)])
def test_stop_ends_the_thread(prepare: Callable[[Source], None]) -> None:
    source = Source()
    latest = LatestFrame(source, "test")
    prepare(source)
    latest._stopping = True
    source.give(1)
    assert latest.stop(5)
    assert [thread for thread in threading.enumerate() if thread.name == "camera test"] == []


def test_a_read_that_never_returns_is_told_and_holds_nobody_up(source: Source) -> None:
    latest = LatestFrame(source, "hanging")
    began = time.monotonic()
    assert latest.take(0.05) is None
    assert not latest.stop(0.1)
    assert time.monotonic() - began < 2
    source.give(1)  # the driver comes back after all: the thread ends by itself
    wait_for(lambda: not any(thread.name == "camera hanging" for thread in threading.enumerate()))


def test_a_source_that_never_blocks_leaves_time_for_the_others() -> None:
    count = 0

    def read() -> Frame:
        nonlocal count
        count += 1
        return Frame(count, 0, "arrival", PIXELS, "x")

    latest = LatestFrame(read, "busy")
    ids = [frame.id for _ in range(50) if (frame := latest.take(1))]
    assert latest.stop(5)
    assert len(ids) == 50
    assert ids == sorted(set(ids))
