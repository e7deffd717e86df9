"""The capture process: opens a reader, writes every picture into shared memory, says what goes wrong, and ends.

`python -m appliance.capture.child` with a job (messages.py) as the first line of standard input. It never recovers by
itself: whoever started it kills it and starts another.
"""

import importlib
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from appliance.capture.lifeline import die_with_parent
from appliance.capture.messages import Job, Voice
from appliance.capture.reader import Picture, Reader
from appliance.capture.requests import Requests
from appliance.capture.ring import RingWriter, Shot
from appliance.capture.sameness import Sameness
from appliance.errors import ApplianceError, CameraError, FrameUnreadable

__all__ = ["main"]

_DAMAGED_PAUSE_S = 0.005
_ONE = (1).to_bytes(8, sys.byteorder)
"""What an eventfd counts up by: eventfd(2)."""


def main() -> NoReturn:
    """Exit code 0 never comes: a capture process ends by an error or by a signal.

    It leaves with _exit: an orderly end of the interpreter would wait for the thread that reads standard input.
    """
    job = Job.from_line(sys.stdin.buffer.readline())
    voice = Voice(job.voice)
    die_with_parent(job.parent, sys.stdin.buffer, Requests(job.memory, voice).hear)
    try:
        _capture(job, voice)
    except ApplianceError as error:
        voice.say_error(error)
        os._exit(error.exit_code)
    except Exception as error:  # noqa: BLE001  # the process's edge: told to the owner
        voice.say_error(CameraError("reading the camera", f"{type(error).__name__}: {error}", "report this"))
        os._exit(ApplianceError.exit_code)


def _capture(job: Job, voice: Voice) -> NoReturn:
    reader = _load(job.reader, job.options)
    voice.say(started=True)
    try:
        voice.say(found=dict(reader.open()))
        _Pump(job, voice, reader).run()
    finally:
        reader.close()


def _load(name: str, options: Mapping[str, Any]) -> Reader:
    module, _, cls = name.partition(":")
    try:
        made: Reader = getattr(importlib.import_module(module), cls)(options)
    except ImportError as error:
        found = f"{error} (in {sys.executable})"
        raise CameraError("loading the camera's driver", found, "install it for that Python, or set another") from error
    return made


class _Pump:
    """From the reader into the ring, for ever."""

    def __init__(self, job: Job, voice: Voice, reader: Reader) -> None:
        self._job, self._voice, self._reader = job, voice, reader
        self._sameness = Sameness(job.shown) if job.same_is_old else None
        self._id = job.first_id - 1
        self._corrupt = 0

    def run(self) -> NoReturn:
        picture = self._next()
        ring = RingWriter(self._job.memory, picture.pixels.nbytes)
        self._write(ring, picture)
        height, width = picture.pixels.shape[:2]
        self._voice.say(ready={"width": width, "height": height})
        while True:
            self._write(ring, self._next())

    def _next(self) -> Picture:
        """The next picture that can be decoded; the others are counted."""
        while True:
            try:
                return self._reader.read()
            except FrameUnreadable as error:
                self._corrupt += 1
                if self._corrupt & (self._corrupt - 1) == 0:  # 1, 2, 4, 8, ...: must not flood anybody
                    self._voice.say(corrupt=self._corrupt, last=error.found)
                time.sleep(_DAMAGED_PAUSE_S)

    def _write(self, ring: RingWriter, picture: Picture) -> None:
        arrival_ns = time.monotonic_ns()
        stamp_ns, repeats = picture.stamp_ns, 0
        if self._sameness is not None:
            stamp_ns = self._sameness.since(picture.pixels, stamp_ns)
            repeats = self._sameness.repeats
        self._id += 1
        shot = Shot(self._id, stamp_ns, arrival_ns, picture.clock, picture.pixels, repeats, self._corrupt)
        try:
            ring.write(shot)
        except ValueError as error:
            raise CameraError("reading the camera", f"its pictures have become larger: {error}") from error
        # After the picture: the system call also orders our stores before the reader's loads.
        os.write(self._job.bell, _ONE)


if __name__ == "__main__":
    main()
