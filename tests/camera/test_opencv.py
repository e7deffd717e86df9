"""What OpenCV reads: real video files, and devices that are none."""

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

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


# A device: what happens in the capture process is in tests/capture, what its owner promises in test_captured.py


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
        {"device": 0, "reduce": 2},
        {"device": 0, "reduce": 3, "fourcc": "MJPG"},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OpenCVOptions.model_validate({"kind": "opencv", **wrong})


@pytest.mark.parametrize("device", [0, 12, "0", "/dev/video0", "/dev/v4l/by-id/usb-x-video-index0"])
def test_a_device_is_an_index_or_a_path(device: Any) -> None:
    assert OpenCVOptions.model_validate({"kind": "opencv", "device": device}).device == str(device)
