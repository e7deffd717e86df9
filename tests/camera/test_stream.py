"""Network cameras: a real RTSP server and a real HTTP server, cut off and restored."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mjpeg_server import MjpegServer
from numpy.typing import NDArray
from pydantic import ValidationError
from support import ROOT

from appliance.camera.stream import StreamCamera, StreamOptions
from appliance.errors import CameraError
from appliance.records import Frame

SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_SERVER = ROOT / "tests" / "rtsp_server.py"
HEIGHT, WIDTH = 48, 64


def draw(number: int) -> NDArray[np.uint8]:
    return np.full((HEIGHT, WIDTH, 3), number * 7 % 251, np.uint8)


@contextmanager
def stream(url: str, **options: Any) -> Iterator[StreamCamera]:
    camera = StreamCamera(StreamOptions.model_validate({"kind": "stream", "url": url, "stall_s": 1.0, **options}))
    yield camera
    camera.close()


def take(camera: StreamCamera, count: int, timeout_s: float = 10.0) -> list[Frame]:
    frames: list[Frame] = []
    deadline = time.monotonic() + timeout_s
    while len(frames) < count and time.monotonic() < deadline:
        frame = camera.latest(frames[-1].id if frames else 0, 0.2)
        frames += [frame] if frame is not None else []
    assert len(frames) == count
    return frames


def back_after_s(camera: StreamCamera, limit_s: float = 15.0) -> float:
    """How long it takes until the camera opens again and gives a picture."""
    began = time.monotonic()
    while True:
        try:
            camera.open()
            take(camera, 1)
            return time.monotonic() - began
        except CameraError:
            assert time.monotonic() - began < limit_s
            time.sleep(0.1)


@pytest.fixture
def http() -> Iterator[MjpegServer]:
    server = MjpegServer(draw, 25)
    server.start()
    yield server
    server.cut()


def test_http_cut_off_is_an_error_at_once_and_it_comes_back(http: MjpegServer) -> None:
    with stream(http.url) as camera:
        camera.open()
        before = take(camera, 3)[-1]
        http.cut()
        began = time.monotonic()
        with pytest.raises(CameraError, match="the stream ended, or was silent"):
            take(camera, 1000)
        assert time.monotonic() - began < 4
        with pytest.raises(CameraError, match="nobody there"):
            camera.open()
        http.start()
        assert back_after_s(camera) < 5
        assert take(camera, 1)[0].id > before.id


def test_http_that_falls_silent_is_ended_by_the_read_time_out(http: MjpegServer) -> None:
    """FFmpeg by itself would wait for half a minute."""
    with stream(http.url) as camera:
        camera.open()
        take(camera, 3)
        http.silent = True
        began = time.monotonic()
        with pytest.raises(CameraError, match="the stream ended, or was silent for 1 s"):
            take(camera, 1000)
        assert time.monotonic() - began < 5
        http.silent = False
        assert back_after_s(camera) < 5


def test_the_newest_picture_is_handed_out_after_a_time_without_looking(http: MjpegServer) -> None:
    with stream(http.url) as camera:
        camera.open()
        take(camera, 1)
        time.sleep(1.5)
        frame = take(camera, 1)[0]
        assert time.monotonic_ns() - frame.taken_at_ns < 300_000_000
        assert camera.counters().dropped > 20


def test_a_password_is_shown_nowhere(http: MjpegServer, capfd: pytest.CaptureFixture[str]) -> None:
    with stream(http.url) as camera:
        camera.open()
        frame = take(camera, 1)[0]
        told = [camera.name, frame.source, Path(f"/proc/{camera.pid}/cmdline").read_text()]
        http.cut()
        with pytest.raises(CameraError) as lost:
            take(camera, 1000)
        with pytest.raises(CameraError) as refused:
            camera.open()
    assert not [text for text in (*told, str(lost.value), str(refused.value), *capfd.readouterr()) if "secret" in text]


@pytest.mark.parametrize("url", ["ftp://camera/1", "rtsp://", "camera", "/dev/video0", "http:// x/"])
def test_an_address_that_is_no_stream_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        StreamOptions.model_validate({"kind": "stream", "url": url})


# RTSP


class RtspServer:
    """GStreamer's server in a process of its own; always the same port."""

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/belt"

    def start(self) -> None:
        command = [SYSTEM_PYTHON, str(RTSP_SERVER), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def cut(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture
def rtsp() -> Iterator[RtspServer]:
    if not Path(SYSTEM_PYTHON).exists():
        pytest.skip(f"no {SYSTEM_PYTHON}")
    asked = subprocess.run([SYSTEM_PYTHON, str(RTSP_SERVER)], capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip(f"GStreamer's RTSP server is not installed: {asked.stderr.strip()}")
    server = RtspServer()
    server.start()
    yield server
    server.cut()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_rtsp_gives_fresh_pictures(rtsp: RtspServer, transport: str) -> None:
    with stream(rtsp.url, transport=transport) as camera:
        camera.open()
        frames = take(camera, 50)
        counters = camera.counters()
    assert {frame.pixels.shape for frame in frames} == {(240, 320, 3)}
    assert {frame.clock_source for frame in frames} == {"stream"}
    stamps = [frame.taken_at_ns for frame in frames]
    assert stamps == sorted(set(stamps))
    assert 49e9 / (stamps[-1] - stamps[0]) * 1.3 > 25
    assert counters.stale <= 2


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_rtsp_cut_off_is_noticed_and_comes_back(rtsp: RtspServer, how: str) -> None:
    with stream(rtsp.url) as camera:
        camera.open()
        before = take(camera, 5)[-1]
        assert rtsp.process is not None
        pid = rtsp.process.pid
        restore: Callable[[], object] = rtsp.start
        if how == "killed":
            rtsp.cut()
        else:
            os.kill(pid, signal.SIGSTOP)
            restore = lambda: os.kill(pid, signal.SIGCONT)  # noqa: E731
        began = time.monotonic()
        with pytest.raises(CameraError):
            take(camera, 1000)
        assert time.monotonic() - began < 5
        with pytest.raises(CameraError):
            camera.open()
        restore()
        assert back_after_s(camera) < 5
        assert take(camera, 1)[0].id > before.id
