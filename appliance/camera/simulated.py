"""A SIMULATED camera: the pictures of a folder as a live stream, with the faults of real cameras on order."""

import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from appliance.camera import CameraCounters, CameraOptions
from appliance.camera.pacing import Pace
from appliance.clock import Clock
from appliance.config import ConfigPath, Options
from appliance.errors import CameraError, FrameUnreadable
from appliance.pictures import picture_files, read_picture
from appliance.records import Frame

__all__ = ["Fault", "SimulatedCamera", "SimulatedOptions"]


class Fault(Options):
    """What goes wrong at frame `at` (from 0).

    `stall`: no frame comes for `seconds`. `repeat`: an old frame, with its old time stamp, comes for `seconds`.
    `corrupt`: that one picture cannot be decoded. `disappear`: the camera is gone for `seconds`, then comes back.
    """

    at: Annotated[int, Field(ge=0)]
    kind: Literal["stall", "repeat", "corrupt", "disappear"]
    seconds: Annotated[float, Field(ge=0, le=3600)] = 1.0


class SimulatedOptions(CameraOptions):
    """`frames: null` never ends. Pictures repeat from the first when they run out."""

    kind: Literal["simulated"]
    pictures: ConfigPath
    fps: Annotated[float, Field(gt=0, le=1000)] = 10.0
    frames: Annotated[int, Field(ge=1)] | None = None
    faults: tuple[Fault, ...] = ()


class SimulatedCamera:
    """Live: frames are taken at `fps` whether anybody looks or not; what nobody took is dropped and counted."""

    Options = SimulatedOptions
    live = True

    def __init__(self, options: SimulatedOptions, clock: Clock = time.monotonic_ns) -> None:
        self._options = options
        self._clock = clock
        self._files: list[Path] = []
        self._pace: Pace | None = None
        self._next = 0
        self._old: Frame | None = None
        self._frames = self._dropped = self._skipped = 0
        self.name = f"SIMULATED {options.pictures}"

    def open(self) -> None:
        folder = self._options.pictures
        files = [folder / file for file in picture_files(folder)] if folder.is_dir() else []
        if not files:
            raise CameraError(f"opening the camera {self.name}", "no pictures there", "set camera.pictures to a folder")
        self._pace = self._pace or Pace(self._options.fps, self._clock())
        if self._fault("disappear", self._pace.due(self._clock())):
            raise CameraError(f"opening the camera {self.name}", "it is gone (a fault on order)", "wait for it")
        self._files = files

    @property
    def ended(self) -> bool:
        return self._options.frames is not None and self._next >= self._options.frames

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        if self._pace is None or not self._files:
            raise CameraError(f"reading {self.name}", "the camera is not open")
        if self.ended or not self._wait(self._pace, timeout_s):
            return None
        due = self._pace.due(self._clock())
        if self._fault("disappear", due):
            raise CameraError(f"reading {self.name}", "it is gone (a fault on order)", "plug it in again")
        if self._fault("stall", due):
            time.sleep(min(timeout_s, 1 / self._options.fps))
            return None
        if self._options.frames is not None:
            due = min(due, self._options.frames - 1)
        self._dropped += due - self._next
        self._next = due + 1
        return self._frame(due, self._pace)

    def counters(self) -> CameraCounters:
        return CameraCounters(self._frames, self._dropped, self._skipped)

    def close(self) -> None:
        self._files = []

    def _frame(self, index: int, pace: Pace) -> Frame:
        source = f"{self.name}#{index}"
        if any(fault.kind == "corrupt" and fault.at == index for fault in self._options.faults):
            self._skipped += 1
            raise FrameUnreadable(f"reading {source}", "the picture is corrupt (a fault on order)", source=source)
        if self._old is not None and self._fault("repeat", index):
            self._frames += 1
            return Frame(index + 1, self._old.taken_at_ns, "monotonic", self._old.pixels, self._old.source)
        file = self._files[index % len(self._files)]
        try:
            pixels = read_picture(file)
        except (OSError, ValueError) as error:
            self._skipped += 1
            raise FrameUnreadable(
                f"reading the picture {file}", str(error), "replace or remove the file", source=source
            ) from error
        self._frames += 1
        frame = Frame(index + 1, pace.moment_ns(index), "monotonic", pixels, source)
        self._old = frame
        return frame

    def _wait(self, pace: Pace, timeout_s: float) -> bool:
        wait_s = (pace.moment_ns(self._next) - self._clock()) / 1e9
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
        return wait_s <= timeout_s

    def _fault(self, kind: str, index: int) -> bool:
        """Is a fault of this kind going on while the frame `index` is due?"""
        return any(
            fault.kind == kind and fault.at <= index < fault.at + max(1, round(fault.seconds * self._options.fps))
            for fault in self._options.faults
        )
