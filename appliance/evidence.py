"""Pictures of decided items on disk, within a budget, so that a person can see why.

Best effort by design: a full queue or a full disk costs a picture, never an item.
"""

import logging
import queue
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import cv2

from appliance.config import EvidenceOptions
from appliance.preprocess import Region
from appliance.records import Outcome, OutcomeKind, Pixels

__all__ = ["Evidence"]

log = logging.getLogger(__name__)

_WAITING = 16
"""Pictures that may wait for the disk; when there are more, the newest is not kept."""


@dataclass(frozen=True, slots=True)
class _Picture:
    name: str
    pixels: Pixels


class Evidence:
    """A ring of JPEG files, `ITEM.jpg`, oldest out first. One thread encodes and writes."""

    def __init__(self, folder: Path, options: EvidenceOptions, region: Region | None = None) -> None:
        self._folder = folder
        self._options = options
        self._region = region
        self._sorted = 0
        self.not_kept = 0
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._queue: queue.Queue[_Picture | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        if options.keep != "none":
            self._thread = threading.Thread(target=self._write_all, name="evidence", daemon=True)
            self._thread.start()

    def offer(self, outcome: Outcome, pixels: Pixels) -> None:
        """Keep the picture if the options want it and there is room; never waits."""
        if self._thread is None or not self._wanted(outcome):
            return
        try:
            self._queue.put_nowait(_Picture(f"{outcome.item_id}.jpg", pixels))
        except queue.Full:
            self.not_kept += 1

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits and end."""
        if self._thread is None:
            return
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            log.warning("the disk is too slow for the last pictures; they are not kept")
            return
        self._thread.join(timeout_s)

    def _wanted(self, outcome: Outcome) -> bool:
        if self._options.keep == "all" or outcome.kind is not OutcomeKind.SORTED:
            return True
        self._sorted += 1
        return self._options.every > 0 and self._sorted % self._options.every == 0

    def _write_all(self) -> None:
        self._scan()
        while (picture := self._queue.get()) is not None:
            try:
                self._write(picture)
            except (OSError, ValueError, cv2.error) as error:
                self.not_kept += 1
                if self.not_kept & (self.not_kept - 1) == 0:  # 1, 2, 4, 8, ...: a full disk must not flood the log
                    log.warning("a picture could not be kept (%d so far): %s", self.not_kept, error)

    def _scan(self) -> None:
        """Take over what earlier runs left, oldest first."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            found = [(path.stat(), path.name) for path in self._folder.glob("*.jpg")]
            for leftover in self._folder.glob("*.part"):
                leftover.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the evidence folder %s cannot be read: %s", self._folder, error)
            return
        for stat, name in sorted(found, key=lambda pair: pair[0].st_mtime_ns):
            self._sizes[name] = stat.st_size

    def _write(self, picture: _Picture) -> None:
        pixels = self._region.of(picture.pixels) if self._region else picture.pixels
        encoded, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, self._options.quality])
        if not encoded:
            raise ValueError("the picture cannot be encoded")
        self._make_room(len(content))
        partial = self._folder / f"{picture.name}.part"
        try:
            partial.write_bytes(content.tobytes())
            partial.replace(self._folder / picture.name)
        except OSError:
            # On a full disk the pieces would take what little becomes free, outside the budget.
            partial.unlink(missing_ok=True)
            raise
        self._sizes[picture.name] = len(content)

    def _make_room(self, size: int) -> None:
        budget = self._options.budget_mb * 1_000_000
        if size > budget:
            raise ValueError(f"{size} bytes are more than the whole budget of {budget}")
        used = sum(self._sizes.values())
        while self._sizes and used + size > budget:
            name, freed = self._sizes.popitem(last=False)
            used -= freed
            (self._folder / name).unlink(missing_ok=True)
