"""A video that is read as fast as possible tells how long things lasted: by its own stamps, wherever they advance."""

import itertools
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support import ROOT

from appliance.camera.opencv import OpenCVCamera, OpenCVOptions
from appliance.camera.recorded_time import RecordedTime
from appliance.records import Frame
from appliance.trigger.presence import Presence, PresenceOptions

CLIP = ROOT / "pictures" / "clip"
FPS, FRAMES = 10, 12
PERIOD_NS = 1_000_000_000 // FPS


def write(path: Path, pictures: list[Any], fps: float = FPS) -> Path:
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A real MJPEG video, ten pictures a second."""
    return write(tmp_path / "belt.avi", [np.full((48, 64, 3), 20 * number, np.uint8) for number in range(FRAMES)])


def opened(file: Path, **options: Any) -> OpenCVCamera:
    camera = OpenCVCamera(OpenCVOptions.model_validate({"kind": "opencv", "file": file, **options}))
    camera.open()
    return camera


def read(camera: OpenCVCamera, count: int = 10_000) -> list[Frame]:
    frames = [frame for _ in range(count) if not camera.ended and (frame := camera.latest(0, 0.2))]
    camera.close()
    return frames


def moments(frames: list[Frame]) -> list[int]:
    return [frame.moment_ns for frame in frames]


def test_a_frame_of_a_video_carries_the_files_own_time(video: Path) -> None:
    assert moments(read(opened(video))) == [number * PERIOD_NS for number in range(FRAMES)]


def test_a_rate_of_ones_own_replaces_the_files_time(video: Path) -> None:
    assert moments(read(opened(video, fps=4))) == [number * 250_000_000 for number in range(FRAMES)]


def test_what_is_damaged_leaves_its_time_open(video: Path) -> None:
    content = bytearray(video.read_bytes())
    sixth = content.index(b"movi")
    for _ in range(6):
        sixth = content.index(b"00dc", sixth + 4)
    content[sixth + 8 : sixth + 200] = bytes(192)
    video.write_bytes(content)

    assert moments(read(opened(video))) == [number * PERIOD_NS for number in range(FRAMES) if number != 5]


def test_time_goes_on_when_a_film_plays_again_and_when_it_is_opened_again(video: Path) -> None:
    camera = opened(video, loop=True)
    first = moments(read(camera, FRAMES + 3))
    camera.open()

    assert first == [number * PERIOD_NS for number in range(FRAMES + 3)]
    assert moments(read(camera, 2)) == [(FRAMES + 3) * PERIOD_NS, (FRAMES + 4) * PERIOD_NS]


def test_a_video_that_plays_at_its_speed_has_no_other_time(video: Path) -> None:
    assert {frame.recorded_ns for frame in read(opened(video, paced=True, fps=200))} == {None}


@pytest.mark.parametrize(
    ("stamps_ms", "moments_ms"),
    [
        ([0, 0, 0, 0], [0, 40, 80, 120]),
        ([0, 40, 40, 130, 170], [0, 40, 80, 130, 170]),
        ([5000, 5040, 20, 60], [5000, 5040, 5080, 5120]),
        ([0, 33.5, 1000], [0, 33.5, 1000]),
    ],
)
def test_moments_advance_whatever_the_stamps_say(stamps_ms: list[float], moments_ms: list[float]) -> None:
    time = RecordedTime(25)
    assert [time.moment_ns(stamp) / 1e6 for stamp in stamps_ms] == moments_ms


def seen_in(frames: list[Frame]) -> tuple[int, dict[str, int]]:
    """The frames that the trigger's items show, and what it counted."""
    ids = itertools.count()
    trigger = Presence(PresenceOptions(kind="presence"), lambda: str(next(ids)))
    offers = [item for frame in frames for item in trigger.feed(frame)] + trigger.flush()
    counters = dict(trigger.status().counters)
    return sum(item.last for item in offers), counters


def test_presence_finds_the_items_of_a_film_that_is_read_as_fast_as_possible(tmp_path: Path) -> None:
    rows = json.loads((CLIP / "frames.json").read_text())[:150]
    pictures = [cv2.imread(str(CLIP / row["file"])) for row in rows]
    shown = len({row["item"] for row in rows if row["item"] is not None})

    last, counters = seen_in(read(opened(write(tmp_path / "clip.avi", pictures))))
    assert (last, counters["items"], counters["jams"], counters["interrupted"]) == (shown, shown, 0, 0)


def test_a_jam_is_seen_in_a_film_that_is_read_as_fast_as_possible(tmp_path: Path) -> None:
    empty = np.full((96, 128, 3), 120, np.uint8)
    thing = empty.copy()
    cv2.circle(thing, (60, 50), 24, (30, 60, 220), -1)
    film = write(tmp_path / "jam.avi", [empty] * 10 + [thing] * 80 + [empty] * 5)

    _, counters = seen_in(read(opened(film)))
    assert (counters["items"], counters["jams"]) == (1, 1)
