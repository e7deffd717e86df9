"""Pictures from a folder: in order or by frames.json, at the loop's speed or at a camera's, once or for ever."""

import time
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from appliance.camera import CameraCounters, CameraOptions
from appliance.camera.pacing import Pace
from appliance.clock import Clock
from appliance.config import ConfigPath
from appliance.errors import CameraError, FrameUnreadable
from appliance.pictures import picture_files, read_frames, read_picture
from appliance.records import Frame

__all__ = ["FolderCamera", "FolderOptions"]


class FolderOptions(CameraOptions):
    """`fps: null` waits for the loop and drops nothing; a number plays like a camera, dropping what is too late.

    With `paced: false` the number only says how far apart in time the pictures were taken: nothing waits, nothing is
    dropped, and whatever is a matter of time (a trigger's patience) comes out the same at any speed.
    """

    kind: Literal["folder"]
    path: ConfigPath
    fps: Annotated[float, Field(gt=0, le=1000)] | None = None
    paced: bool = True
    loop: bool = False

    @property
    def live(self) -> bool:
        return self.fps is not None and self.paced

    @property
    def tells_time(self) -> bool:
        """Can one see from the frames how long something lasted?"""
        return self.fps is not None


class FolderCamera:
    """The pictures of a folder and its sub-folders by name, or in the order of its frames.json."""

    Options = FolderOptions

    def __init__(self, options: FolderOptions, clock: Clock = time.monotonic_ns) -> None:
        self._options = options
        self._clock = clock
        self._files: list[str] = []
        self._labels: dict[str, str] = {}
        self._items: dict[str, int | None] = {}
        self._next = 0
        self._pace: Pace | None = None
        self._frames = self._dropped = self._skipped = 0
        self.live = options.live
        self.name = str(options.path)

    def open(self) -> None:
        folder = self._options.path
        doing = f"opening the folder of pictures {folder}"
        if not folder.is_dir():
            raise CameraError(doing, "no such folder", "set camera.path to a folder of pictures")
        try:
            if (folder / "frames.json").is_file():
                rows = read_frames(folder / "frames.json")
                self._files = [row["file"] for row in rows]
                self._labels = {row["file"]: row["label"] for row in rows if row.get("label") is not None}
                self._items = {row["file"]: row["item"] for row in rows if "item" in row}
            else:
                self._files = picture_files(folder)
                self._labels = {file: file.split("/")[0] for file in self._files if "/" in file}
        except OSError as error:
            raise CameraError(doing, error.strerror or str(error), "check the folder's permissions") from error
        if not self._files:
            raise CameraError(doing, "no pictures in it", "put .jpg or .png files there, or into sub-folders")
        if self._options.live and self._options.fps is not None and self._pace is None:
            self._pace = Pace(self._options.fps, self._clock() - int(self._next * 1e9 / self._options.fps))

    @property
    def ended(self) -> bool:
        return not self._options.loop and bool(self._files) and self._next >= len(self._files)

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        if not self._files:
            raise CameraError(f"reading {self.name}", "the folder is not open")
        if self.ended or not self._advance(timeout_s):
            return None
        index, self._next = self._next, self._next + 1
        taken_at_ns = self._pace.moment_ns(index) if self._pace else self._clock()
        file = self._files[index % len(self._files)]
        try:
            pixels = read_picture(self._options.path / file)
        except (OSError, ValueError) as error:
            self._skipped += 1
            raise FrameUnreadable(
                f"reading the picture {self.name}/{file}", str(error), "replace or remove the file", source=file
            ) from error
        self._frames += 1
        return Frame(index + 1, taken_at_ns, "monotonic", pixels, file, self._recorded_ns(index))

    def truth(self, source: str) -> str | None:
        return self._labels.get(source)

    def items(self) -> Mapping[str, int | None]:
        return {} if self._options.loop else self._items

    def counters(self) -> CameraCounters:
        return CameraCounters(self._frames, self._dropped, self._skipped)

    def close(self) -> None:
        self._files = []

    def _recorded_ns(self, index: int) -> int | None:
        """When the picture was taken, in the time of an unpaced recording."""
        fps = self._options.fps
        return None if fps is None or self._options.live else int(index * 1e9 / fps)

    def _advance(self, timeout_s: float) -> bool:
        """Move to the picture that is due, waiting for it at most `timeout_s`; False if none is due in that time."""
        if self._pace is None:
            return True
        wait_s = (self._pace.moment_ns(self._next) - self._clock()) / 1e9
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
            if wait_s > timeout_s:
                return False
        newest = self._pace.due(self._clock())
        if not self._options.loop:
            newest = min(newest, len(self._files) - 1)
        self._dropped += max(0, newest - self._next)
        self._next = max(self._next, newest)
        return True
