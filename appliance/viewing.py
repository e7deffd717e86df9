"""Looking through an open camera for a while: how it delivers, what its picture is like, what it shows when empty."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from appliance.camera import Camera
from appliance.clock import Clock, Deadline
from appliance.errors import CameraError, FrameUnreadable
from appliance.optics import Measures, Stack, view_of
from appliance.preprocess import Region
from appliance.records import Frame
from appliance.reference import PICTURES, Reference, make_reference
from appliance.trigger import Trigger

__all__ = ["Emptiness", "Viewing", "frames_of", "look", "part_of", "take_reference"]

_WAIT_S = 0.2
_MEASURE_EVERY_NS = 200_000_000
_REFERENCE_PICTURES = 2 * PICTURES


@dataclass(frozen=True, slots=True, eq=False)
class Viewing:
    """What was seen in `seconds`. `rate_hz`: pictures that came, looked at or not, by their stamps; None of fewer than
    two. `jitter_ms`: the 95th percentile of how far the distance of two pictures is from its median. `stale_share`: of
    all that came. `measures`: the medians of single pictures."""

    seconds: float
    frames: int
    unreadable: int
    rate_hz: float | None
    jitter_ms: float | None
    stale_share: float
    measures: Measures | None
    newest: Frame | None


@dataclass(frozen=True, slots=True)
class Emptiness:
    """How far a reference has come: `taken` of the `wanted` pictures of the empty region, and whether the picture just
    seen is one; None from a trigger that cannot tell."""

    taken: int
    wanted: int
    empty: bool | None


def frames_of(camera: Camera, seconds: float, clock: Clock = time.monotonic_ns) -> Iterator[Frame | None]:
    """What comes in so many seconds, or until the source ends; None for a picture that cannot be read.

    Raises:
        CameraError: the source is gone.
    """
    deadline, last_id = Deadline(seconds, clock), 0
    while not deadline.expired and not camera.ended:
        try:
            frame = camera.latest(last_id, min(_WAIT_S, deadline.left_s))
        except FrameUnreadable:
            yield None
            continue
        if frame is not None:
            last_id = frame.id
            yield frame


def look(
    camera: Camera,
    seconds: float,
    region: Region | None = None,
    on_frame: Callable[[Frame, Measures], None] = lambda frame, measures: None,
    clock: Clock = time.monotonic_ns,
) -> Viewing:
    """Look for so many seconds; `on_frame` hears of five pictures a second.

    Raises:
        CameraError: the source is gone, or its pictures do not hold the region.
    """
    began_ns, before, measured_ns = clock(), camera.counters(), -_MEASURE_EVERY_NS
    stamps: list[tuple[int, int]] = []
    measures: list[Measures] = []
    newest, unreadable = None, 0
    for frame in frames_of(camera, seconds, clock):
        if frame is None:
            unreadable += 1
            continue
        newest = frame
        stamps.append((frame.id, frame.taken_at_ns))
        if clock() - measured_ns >= _MEASURE_EVERY_NS:
            measured_ns = clock()
            measures.append(view_of(part_of(frame, region)).measures)
            on_frame(frame, measures[-1])
    rate_hz, jitter_ms = _pace(stamps)
    after = camera.counters()
    stale = after.stale - before.stale
    share = stale / max(1, stale + len(stamps) + after.dropped - before.dropped)
    taken_s = (clock() - began_ns) / 1e9
    return Viewing(taken_s, len(stamps), unreadable, rate_hz, jitter_ms, share, _median(measures), newest)


def take_reference(
    camera: Camera,
    trigger: Trigger,
    region: Region | None,
    seconds: float,
    taken: str,
    on_picture: Callable[[Emptiness], None] = lambda emptiness: None,
) -> Reference:
    """The reference of the empty region, of 16 pictures in which the trigger sees nothing; `taken` is now, as ISO 8601.

    A trigger that cannot tell believes whoever asks: then all pictures count. `on_picture` hears of every picture.

    Raises:
        CameraError: the source is gone, or did not show the empty region often enough in so many seconds.
    """
    stack, size = Stack(), (0, 0)
    for frame in frames_of(camera, seconds):
        if frame is None:
            continue
        trigger.feed(frame)
        empty = trigger.status().empty
        if empty is not False:
            pixels = part_of(frame, region)
            size = (pixels.shape[1], pixels.shape[0])
            stack.add(pixels)
        on_picture(Emptiness(stack.count, _REFERENCE_PICTURES, empty))
        if stack.count == _REFERENCE_PICTURES:
            break
    if stack.count < PICTURES:
        found = f"{stack.count} pictures of the empty region in {seconds:g} s, {PICTURES} are needed"
        raise CameraError("taking the reference", found, "take everything out of the region and try again")
    return make_reference(stack, size, region, camera.name, taken)


def part_of(frame: Frame, region: Region | None) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The part of the picture that shows items.

    Raises:
        CameraError: the picture does not hold it.
    """
    if region is None:
        return frame.pixels
    try:
        return region.of(frame.pixels)
    except ValueError as error:
        remedy = "correct camera.roi, or set the camera's width and height"
        raise CameraError("cutting camera.roi out of the picture", str(error), remedy) from error


def _pace(stamps: list[tuple[int, int]]) -> tuple[float | None, float | None]:
    """The rate in Hz and the jitter in ms of pictures (id, stamp in ns), of which some may have been passed over."""
    if len(stamps) < 2:
        return None, None
    ids, moments = np.array(stamps, np.int64).T
    span_s = (moments[-1] - moments[0]) / 1e9
    rate_hz = float((ids[-1] - ids[0]) / span_s) if span_s > 0 else None
    gaps_ms = np.diff(moments)[np.diff(ids) == 1] / 1e6
    if not len(gaps_ms):
        return rate_hz, None
    return rate_hz, float(np.percentile(np.abs(gaps_ms - np.median(gaps_ms)), 95))


def _median(measures: list[Measures]) -> Measures | None:
    if not measures:
        return None
    rows = [(one.focus, one.brightness, one.blue, one.red) for one in measures]
    return Measures(*(float(value) for value in np.median(rows, axis=0)))
