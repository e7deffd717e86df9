"""The folder camera: order, labels, frames.json, playing at a rate, and pictures that are none."""

import json
import os
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from appliance.camera.folder import FolderCamera, FolderOptions
from appliance.errors import CameraError, FrameUnreadable
from appliance.pictures import read_picture
from appliance.records import Frame

TRUNCATED = [".jpg", ".png", ".bmp", ".webp", ".tif"]


class HandClock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now_ns = 7_000_000_000

    def __call__(self) -> int:
        return self.now_ns


def picture(path: Path, shade: int = 100, height: int = 48, width: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), shade, np.uint8))
    return path


def camera(folder: Path, clock: Any = time.monotonic_ns, **options: Any) -> FolderCamera:
    one = FolderCamera(FolderOptions(kind="folder", path=folder, **options), clock)
    one.open()
    return one


def play(one: FolderCamera) -> tuple[list[Frame], list[str]]:
    """All frames, and the sources of what could not be read."""
    frames: list[Frame] = []
    unreadable = []
    while not one.ended:
        try:
            frame = one.latest(frames[-1].id if frames else 0, 1.0)
        except FrameUnreadable as error:
            unreadable.append(error.source)
            continue
        if frame is not None:
            frames.append(frame)
    return frames, unreadable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(["pet/b.png", "can/a.jpg", "can/c.png", "top.PNG"]):
        picture(tmp_path / name, 20 * number)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_pictures_come_in_the_order_of_their_names_once(folder: Path) -> None:
    one = camera(folder)
    frames, unreadable = play(one)
    assert [(frame.id, frame.source) for frame in frames] == [
        (1, "can/a.jpg"), (2, "can/c.png"), (3, "pet/b.png"), (4, "top.PNG"),
    ]  # fmt: skip
    assert unreadable == []
    assert one.latest(4, 0.1) is None


def test_the_folder_of_a_picture_is_its_label(folder: Path) -> None:
    one = camera(folder)
    truths = {source: one.truth(source) for source in ("can/a.jpg", "pet/b.png", "top.PNG", "absent.png")}
    assert truths == {"can/a.jpg": "can", "pet/b.png": "pet", "top.PNG": None, "absent.png": None}


def test_frames_json_gives_order_and_labels(folder: Path) -> None:
    rows = [
        {"file": "top.PNG", "label": "", "item": 1},
        {"file": "can/a.jpg", "label": "glass", "item": 2},
        {"file": "pet/b.png", "item": 3},
        {"file": "can/c.png", "label": None},
    ]
    (folder / "frames.json").write_text(json.dumps(rows))
    one = camera(folder)
    frames, _ = play(one)
    assert [frame.source for frame in frames] == ["top.PNG", "can/a.jpg", "pet/b.png", "can/c.png"]
    assert [one.truth(frame.source) for frame in frames] == ["", "glass", None, None]


def test_a_loop_begins_again_with_new_ids(folder: Path) -> None:
    one = camera(folder, loop=True)
    frames = [one.latest(0, 1.0) for _ in range(9)]
    assert not one.ended
    assert [frame.id for frame in frames if frame] == list(range(1, 10))
    assert [frame.source for frame in frames if frame][::4] == ["can/a.jpg"] * 3


def test_pixels_are_bgr(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :, 2] = 255
    cv2.imwrite(str(tmp_path / "red.png"), pixels)
    (frames, _) = play(camera(tmp_path))
    np.testing.assert_array_equal(frames[0].pixels, pixels)


@pytest.mark.parametrize("mode", ["grey", "with alpha", "16 bits"])
def test_a_picture_of_another_kind_becomes_three_channels_of_bytes(tmp_path: Path, mode: str) -> None:
    shape, dtype = {"grey": ((8, 8), "uint8"), "with alpha": ((8, 8, 4), "uint8"), "16 bits": ((8, 8, 3), "uint16")}[
        mode
    ]
    cv2.imwrite(str(tmp_path / "a.png"), np.ones(shape, dtype))
    ((frame,), _) = play(camera(tmp_path))
    assert (frame.pixels.shape, frame.pixels.dtype) == ((8, 8, 3), np.uint8)


# Pictures that are none


def test_bad_pictures_are_counted_skipped_and_passed_over(folder: Path) -> None:
    (folder / "can" / "b.jpg").write_bytes(b"")
    (folder / "pet" / "c.png").write_bytes(b"not a picture" * 100)
    (folder / "zz.jpg").symlink_to(folder / "absent.jpg")
    one = camera(folder)
    frames, unreadable = play(one)
    assert [frame.source for frame in frames] == ["can/a.jpg", "can/c.png", "pet/b.png", "top.PNG"]
    assert [frame.id for frame in frames] == [1, 3, 4, 6]
    assert unreadable == ["can/b.jpg", "pet/c.png"]  # what a dead link points to was never a picture
    counters = one.counters()
    assert (counters.frames, counters.dropped, counters.skipped) == (4, 0, 2)


@pytest.mark.parametrize("suffix", TRUNCATED)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_part_of_a_picture_is_not_a_picture(tmp_path: Path, suffix: str, share: float) -> None:
    """A camera card that was pulled out: half a picture must not become a grey item."""
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="truncated|decode|empty"):
        read_picture(path)


def test_a_picture_that_vanished_is_skipped(folder: Path) -> None:
    one = camera(folder)
    (folder / "can" / "a.jpg").unlink()
    frames, unreadable = play(one)
    assert (len(frames), unreadable) == (3, ["can/a.jpg"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root is never refused by permissions")
def test_a_picture_without_permission_is_skipped(folder: Path) -> None:
    (folder / "can" / "a.jpg").chmod(0)
    assert play(camera(folder))[1] == ["can/a.jpg"]


def test_only_bad_pictures_still_come_to_an_end(tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(b"x")
    frames, unreadable = play(camera(tmp_path))
    assert (frames, len(unreadable)) == ([], 3)


# Folders that are none


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda place: None, "no such folder"),
        (lambda place: place.write_text("a file"), "no such folder"),
        (lambda place: place.mkdir(), "no pictures in it"),
        (lambda place: (place.mkdir(), (place / "notes.txt").touch()), "no pictures in it"),
    ],
)
def test_a_folder_without_pictures_is_refused_with_a_remedy(tmp_path: Path, prepare: Any, said: str) -> None:
    prepare(tmp_path / "pictures")
    with pytest.raises(CameraError, match=said) as refused:
        camera(tmp_path / "pictures")
    assert refused.value.remedy
    assert refused.value.exit_code == 10


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "not a list"),
        (b"[1]", "entry 0 names no file"),
        (b'[{"file": "top.PNG"}, {"label": "x"}]', "entry 1 names no file"),
        (b'[{"file": 7}]', "entry 0 names no file"),
        (b'[{"file": "top.PNG", "label": 7}]', "entry 0: the label is not a word"),
        (b'[{"file": "../secret.png"}]', "leaves the folder"),
        (b'[{"file": "can/../../secret.png"}]', "leaves the folder"),
        (b'[{"file": "/etc/passwd"}]', "leaves the folder"),
        (b"[]", "no pictures in it"),
    ],
)
def test_a_frames_json_that_makes_no_sense_is_refused(folder: Path, content: bytes, said: str) -> None:
    (folder / "frames.json").write_bytes(content)
    with pytest.raises(CameraError, match=said):
        camera(folder)


@pytest.mark.parametrize("name", ["absent.png", "", "can", "a\0b"])
def test_a_file_that_frames_json_names_and_that_is_no_picture_is_skipped(folder: Path, name: str) -> None:
    (folder / "frames.json").write_text(json.dumps([{"file": name}, {"file": "top.PNG"}]))
    frames, unreadable = play(camera(folder))
    assert ([frame.source for frame in frames], unreadable) == (["top.PNG"], [name])


# At a rate


def test_unpaced_pictures_are_taken_when_they_are_asked_for(folder: Path) -> None:
    clock = HandClock()
    one = camera(folder, clock)
    assert not one.live
    first = one.latest(0, 0.0)
    clock.now_ns += 3_600 * 10**9
    second = one.latest(1, 0.0)
    assert first is not None
    assert second is not None
    assert (first.taken_at_ns, second.taken_at_ns) == (7_000_000_000, 3_607_000_000_000)


def test_at_a_rate_a_picture_has_the_time_at_which_it_was_due_and_late_ones_are_dropped(folder: Path) -> None:
    clock = HandClock()
    one = camera(folder, clock, fps=10)
    assert one.live
    taken = []
    for now_ms in (0, 30, 130, 350):
        clock.now_ns = 7_000_000_000 + now_ms * 1_000_000
        frame = one.latest(0, 0.0)
        taken.append(None if frame is None else (frame.id, frame.taken_at_ns // 1_000_000 - 7000))
    assert taken == [(1, 0), None, (2, 100), (4, 300)]
    assert one.ended
    counters = one.counters()
    assert (counters.frames, counters.dropped) == (3, 1)


def test_at_a_rate_the_last_picture_comes_even_if_it_is_late(folder: Path) -> None:
    clock = HandClock()
    one = camera(folder, clock, fps=10)
    clock.now_ns += 60 * 10**9
    frame = one.latest(0, 0.0)
    assert frame is not None
    assert frame.id == 4
    assert one.ended
    assert one.counters().dropped == 3


def test_a_loop_at_a_rate_goes_on_in_time(folder: Path) -> None:
    clock = HandClock()
    one = camera(folder, clock, fps=10, loop=True)
    clock.now_ns += 950_000_000
    frame = one.latest(0, 0.0)
    assert frame is not None
    assert (frame.id, frame.source) == (10, "can/c.png")
    assert one.counters().dropped == 9


def test_without_pace_the_rate_says_when_the_pictures_were_taken_and_nothing_waits(folder: Path) -> None:
    one = camera(folder, fps=0.1, paced=False)
    before_s = time.monotonic()
    frames, _ = play(one)
    assert [frame.recorded_ns for frame in frames] == [0, 10_000_000_000, 20_000_000_000, 30_000_000_000]
    assert [frame.moment_ns for frame in frames] == [frame.recorded_ns for frame in frames]
    assert time.monotonic() - before_s < 5
    assert (one.live, one.counters().dropped) == (False, 0)


@pytest.mark.parametrize("options", [{}, {"fps": 500.0}])
def test_elsewhere_the_clock_says_it(folder: Path, options: dict[str, float]) -> None:
    frame = camera(folder, **options).latest(0, 1.0)
    assert frame is not None
    assert (frame.recorded_ns, frame.moment_ns) == (None, frame.taken_at_ns)


def test_frames_json_names_the_items(folder: Path) -> None:
    rows = [
        {"file": "can/a.jpg", "label": "", "item": None}, {"file": "pet/b.png", "label": "pet", "item": 3},
        {"file": "can/c.png", "label": "pet", "item": 3},
    ]  # fmt: skip
    (folder / "frames.json").write_text(json.dumps(rows))
    assert camera(folder).items() == {"can/a.jpg": None, "pet/b.png": 3, "can/c.png": 3}
    # Shown again and again, an item is decided again and again.
    assert camera(folder, loop=True).items() == {}


def test_a_folder_without_frames_json_knows_no_items(folder: Path) -> None:
    assert camera(folder).items() == {}
