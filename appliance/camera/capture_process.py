"""The capture process as its owner sees it: started, heard, read, and killed."""

import base64
import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance.capture.messages import Job, Lines, said_error
from appliance.capture.ring import RingReader, Shot, make_memory
from appliance.errors import CameraError

__all__ = ["CaptureProcess"]

log = logging.getLogger(__name__)

_PACKAGES = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.append(sys.argv[1]); from appliance.capture.child import main; main()"
"""The system's Python must find its own numpy first and our package last; PYTHONPATH would do the opposite."""
_END_S = 5.0
"""SIGKILL takes effect at once, unless the driver holds the process in the kernel."""


class CaptureProcess:
    """One life of a capture process. It is not started again: make another."""

    def __init__(self, name: str, python: str, job: Job) -> None:
        """Start it; does not wait. The descriptors and the parent of the job are filled in here.

        Raises:
            CameraError: there is no such Python.
        """
        self._name = name
        self.started = False
        self.found: Mapping[str, Any] | None = None
        self.jpegs: dict[int, bytes | None] = {}
        self._damaged = self._corrupt = 0
        self._ring: RingReader | None = None
        self._lines = Lines()
        self._memory, self._bell = make_memory(), os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._voice, voice = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(voice, True)
        job = replace(job, memory=self._memory, bell=self._bell, voice=voice, parent=os.getpid())
        try:
            self._process = _start(python, job)
        except OSError as error:
            self._close_descriptors()
            found = f"cannot start {python}: {error.strerror or error}"
            raise CameraError(f"opening the camera {name}", found, "correct camera.python") from error
        finally:
            os.close(voice)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ready(self) -> bool:
        """Is there a picture in the memory?"""
        return self._ring is not None

    @property
    def corrupt(self) -> int:
        """How many pictures were refused by the decoder, or damaged on the way."""
        return self._corrupt + (self._ring.damaged if self._ring is not None else self._damaged)

    def wait(self, timeout_s: float) -> None:
        """Wait for a picture or a word, and hear what it says.

        Raises:
            CameraError: it says that it gives up, or has ended.
        """
        heard, _, _ = select.select([self._bell, self._voice], [], [], timeout_s)
        if self._bell in heard:
            os.eventfd_read(self._bell)
        if self._voice in heard:
            self._hear()

    def newest(self, after_id: int) -> Shot | None:
        """The newest whole picture with an id above `after_id`; does not wait."""
        shot = self._ring.newest(after_id) if self._ring is not None else None
        if shot is not None:
            self._corrupt = max(self._corrupt, shot.corrupt)
        return shot

    def ask_jpeg(self, number: int, quality: int) -> None:
        """Ask for a picture as a JPEG; the answer comes into `jpegs`, None if it is gone by then."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"jpeg": number, "quality": quality}).encode() + b"\n")

    @property
    def newest_id(self) -> int:
        return self._ring.newest_id if self._ring is not None else 0

    def kill(self) -> None:
        """End it, whatever it is doing, and let go of everything. Twice is fine."""
        if self._process.stdin is None or self._process.stdin.closed:
            return
        self._process.kill()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            log.error("the capture process %d of %s hangs in the kernel; only a restart frees it", self.pid, self._name)
        self._process.stdin.close()
        if self._ring is not None:
            self._damaged = self._ring.damaged
            self._ring.close()
            self._ring = None
        self._close_descriptors()

    def _hear(self) -> None:
        try:
            content = os.read(self._voice, 65_536)
        except BlockingIOError:
            return
        for message in self._lines.feed(content):
            self._take(message)
        if not content:
            remedy = "see its last words in the log"
            if not self.started:
                remedy += "; the Python that runs it needs numpy and the camera's library"
            raise CameraError(f"reading {self._name}", self._end(), remedy)

    def _take(self, message: Mapping[str, Any]) -> None:
        if (error := said_error(message)) is not None:
            raise error
        if "started" in message:
            self.started = True
        elif "found" in message:
            self.found = message["found"]
            for warning in message["found"].get("warnings", ()):
                log.warning("%s", warning)
        elif "ready" in message:
            self._ring = RingReader(self._memory)
        elif "jpeg" in message:
            content = message["content"]
            self.jpegs[message["jpeg"]] = None if content is None else base64.b64decode(content)
        elif "corrupt" in message:
            self._corrupt = max(self._corrupt, int(message["corrupt"]))
            log.warning("%s: corrupt pictures so far: %d; the last: %s", self._name, self._corrupt, message.get("last"))

    def _end(self) -> str:
        """How a process that has closed its voice ended."""
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "the capture process fell silent"
        if code < 0:
            return f"the capture process was ended by {signal.Signals(-code).name}"
        return f"the capture process ended with exit code {code}"

    def _close_descriptors(self) -> None:
        for descriptor in (self._memory, self._bell, self._voice):
            os.close(descriptor)


def _start(python: str, job: Job) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [python or sys.executable, "-P", "-c", _START, str(_PACKAGES)],
        stdin=subprocess.PIPE,
        # Drivers print what they like; our standard output belongs to the summary.
        stdout=2,
        pass_fds=(job.memory, job.bell, job.voice),
        # One thread: the interpreter needs the cores, and each of BLAS's threads costs memory.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        # Ctrl-C is for the daemon, which still wants to finish the item.
        process_group=0,
        bufsize=0,
    )
    assert process.stdin is not None
    # One that has ended already is told by the end of its voice.
    with suppress(BrokenPipeError):
        process.stdin.write(job.line())
    return process
