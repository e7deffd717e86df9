"""The camera as the loop sees it: only new, usable pictures come through, and silence has an end."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from appliance.camera import Camera, CameraCounters, OpensSlowly
from appliance.clock import Clock
from appliance.errors import CameraError, CameraStalled, FrameUnreadable
from appliance.health import Health
from appliance.journal import Journal
from appliance.preprocess import Region
from appliance.records import Frame

__all__ = ["Intake", "Patience"]

log = logging.getLogger(__name__)

_REOPEN_EVERY_S = (0.1, 1.0)
"""From one attempt to open the camera again to the next: at first, and at most; it doubles."""
_STEP_S = 0.05
_SKIP_PAUSE_S = (0.05, 0.5)
"""After each unusable picture in a row the pause grows by the first, up to the second."""


@dataclass(frozen=True, slots=True)
class Patience:
    """After `stall_s` without a new picture a live camera is opened again; after `recovery_s` more it is given up.

    One that was opened again is well once it has given new pictures for `stall_s`: a camera that comes back for a
    moment again and again is given up too.
    """

    stall_s: float
    recovery_s: float


class Intake:
    """Skips what cannot be used and what is not new, opens a silent camera again, and stamps progress.

    `wait` is called with seconds to spend, so that the rest of the machine is heard meanwhile; `wait_lost` likewise
    while the camera is being opened again; `stopping` ends such a wait.
    """

    def __init__(
        self,
        camera: Camera,
        region: Region | None,
        patience: Patience,
        journal: Journal,
        health: Health,
        wait: Callable[[float], None],
        wait_lost: Callable[[float], None],
        stopping: Callable[[], bool],
        clock: Clock = time.monotonic_ns,
    ) -> None:
        self._camera, self._region, self._patience = camera, region, patience
        self._journal, self._health, self._clock = journal, health, clock
        self._wait, self._wait_lost, self._stopping = wait, wait_lost, stopping
        self._last_id = self._newest_ns = 0
        self._skipped_in_a_row = self._unfit = self._repeated = self._passed = 0
        self._stalls = self._restarts = 0
        self._last_skip: FrameUnreadable | None = None
        self._good_ns = self._opened_ns = self._well_ns = clock()
        self.ended = False

    def next(self, timeout_s: float) -> Frame | None:
        """The next new picture; None if there is none in time.

        Raises:
            CameraError: the camera is lost, or gives nothing usable, for longer than our patience.
        """
        try:
            frame = self._camera.latest(self._last_id, timeout_s)
            if frame is None:
                self.ended = self._camera.ended
            else:
                self._last_id = frame.id
                self._check_region(frame)
        except FrameUnreadable as error:
            frame = None
            self._skip(error)
        except CameraError as error:
            if not self._camera.live:
                raise
            self._reopen(error)
            return None
        new = frame is not None and self._is_new(frame)
        self._check_silence()
        return frame if new else None

    def watch(self) -> None:
        """The machine is paused: a live camera's pictures are let go, so that people see whether they come."""
        if not self._camera.live:
            return
        try:
            frame = self._camera.latest(self._last_id, 0.0)
        except CameraError as error:
            # Whoever resumes finds it so, and opens it again.
            log.debug("%s", error)
            return
        if frame is None:
            return
        self._last_id = frame.id
        if frame.taken_at_ns <= self._newest_ns:
            self._repeated += 1
            return
        self._newest_ns = frame.taken_at_ns
        self._passed += 1

    @property
    def picture_age_s(self) -> float | None:
        """How long ago the newest picture of a live camera was taken; None before the first, and of stored ones."""
        if not self._camera.live or not self._newest_ns:
            return None
        return (self._clock() - self._newest_ns) / 1e9

    def excuse(self) -> None:
        """Nobody reads now: the camera is not to blame for its silence."""
        self._good_ns = self._opened_ns = self._well_ns = self._clock()

    def complain(self) -> None:
        """At a finite source's end.

        Raises:
            CameraError: it had pictures, and none of them could be used.
        """
        if self.ended and self._last_skip is not None and not self._newest_ns:
            raise CameraError("reading the pictures", f"none of them could be used; the last: {self._last_skip}")

    def counters(self) -> CameraCounters:
        """The camera's own, with what was sorted out here."""
        counted = self._camera.counters()
        return replace(
            counted,
            frames=counted.frames - self._repeated - self._passed,
            dropped=counted.dropped + self._passed,
            skipped=counted.skipped + self._unfit,
            stale=counted.stale + self._repeated,
            stalls=self._stalls,
            restarts=self._restarts,
        )

    def _check_region(self, frame: Frame) -> None:
        if self._region is None or self._region.fits(frame.pixels):
            return
        height, width = frame.pixels.shape[:2]
        self._unfit += 1
        raise FrameUnreadable(
            f"cutting camera.roi out of {frame.source}",
            f"the picture is {width}x{height}, which does not hold it",
            "correct camera.roi, or the size of the pictures",
            source=frame.source,
        )

    def _is_new(self, frame: Frame) -> bool:
        """A new moment is progress; an old picture that a driver gives once more is none, and shows no new item."""
        self._skipped_in_a_row = 0
        if frame.taken_at_ns <= self._newest_ns:
            self._repeated += 1
            return False
        self._newest_ns = frame.taken_at_ns
        self._good_ns = self._clock()
        if not self._restarts or self._past(self._opened_ns, self._patience.stall_s):
            self._well_ns = self._good_ns
        self._health.progress()
        return True

    def _skip(self, error: FrameUnreadable) -> None:
        """Note an unusable picture and go on, ever more slowly while no other comes."""
        log.warning("%s", error)
        self._journal.event("frame-skipped", {"source": error.source, "found": error.found})
        self._last_skip = error
        step_s, longest_s = _SKIP_PAUSE_S
        self._wait(min(step_s * self._skipped_in_a_row, longest_s))
        self._skipped_in_a_row += 1

    def _check_silence(self) -> None:
        """Has the source given no new picture for too long?"""
        patience = self._patience
        if self.ended or not self._past(max(self._good_ns, self._opened_ns), patience.stall_s):
            return
        found = f"no new picture for {patience.stall_s:g} s"
        if self._skipped_in_a_row and self._last_skip is not None:
            found += f"; the last one: {self._last_skip.found}"
        error = CameraStalled(f"reading {self._camera.name}", found, "check the cable and its power")
        if self._camera.live:
            self._reopen(error)
        elif self._past(self._good_ns, patience.stall_s + patience.recovery_s):
            raise error

    def _reopen(self, error: CameraError) -> None:
        """Close and open until it works; raises `error`, which began it, when patience ends."""
        log.warning("%s", error)
        self._stalls += isinstance(error, CameraStalled)
        self._journal.event("camera-lost", {"found": error.found})
        self._camera.close()
        every_s, longest_s = _REOPEN_EVERY_S
        pause_s = every_s
        while not self._stopping():
            if self._past(self._well_ns, self._patience.stall_s + self._patience.recovery_s):
                raise error
            # A camera that opens and fails at once must not keep us spinning: the pause comes first.
            self._wait_lost(pause_s)
            began_ns = self._clock()
            if self._open():
                self._opened_ns = self._clock()
                self._restarts += 1
                self._journal.event("camera-back", {})
                return
            every_s = min(2 * every_s, longest_s)
            # An attempt that took long has been its own pause.
            pause_s = max(0.0, every_s - (self._clock() - began_ns) / 1e9)

    def _open(self) -> bool:
        """Try once to open the camera, and hear the rest of the machine as far as the camera's kind allows."""
        try:
            if not isinstance(self._camera, OpensSlowly):
                self._camera.open()
                return True
            self._camera.begin()
            while not self._camera.ready():
                if self._stopping():
                    return False
                self._wait_lost(_STEP_S)
        except CameraError as again:
            log.debug("%s", again)
            return False
        return True

    def _past(self, since_ns: int, limit_s: float) -> bool:
        return self._clock() - since_ns > limit_s * 1e9
