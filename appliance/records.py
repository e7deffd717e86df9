"""What flows: Frame -> Item -> Prediction -> Decision -> SortCommand -> Ack -> Outcome.

All records are frozen. Times named `_ns` are nanoseconds of the host's monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Ack",
    "AckStatus",
    "Decision",
    "Frame",
    "Item",
    "LinkEvent",
    "Outcome",
    "OutcomeKind",
    "Pixels",
    "Prediction",
    "Rule",
    "SensorEvent",
    "SortCommand",
    "TriggerEvent",
]

Pixels = NDArray[np.uint8]
"""A picture, shape (height, width, 3), channels in OpenCV's order: blue, green, red."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a camera.

    `id` grows by at least one from frame to frame of one source. `taken_at_ns` is the moment of exposure,
    converted to the host's monotonic clock by the camera's file; `clock_source` says from which clock.
    `source` is what a person calls the picture: a path relative to its folder, or the camera and the frame's number.
    `recorded_ns` is its moment within a recording that is not played at its own speed; None for all others.
    """

    id: int
    taken_at_ns: int
    clock_source: str
    pixels: Pixels
    source: str
    recorded_ns: int | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(
                f"a frame's pixels are (height, width, 3) uint8, not {self.pixels.shape} {self.pixels.dtype}"
            )

    @property
    def moment_ns(self) -> int:
        """When the scene looked like this: for how long something lies there, whatever the speed of playing."""
        return self.taken_at_ns if self.recorded_ns is None else self.recorded_ns


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One thing to be sorted, on offer to be decided: frames that show it, oldest first.

    `id` is unique for all time on this machine. `position` is the encoder count at the sensor, None where the
    machine has none. An item may be offered several times under its id, until it is decided; with `last` no other
    offer follows.
    """

    id: str
    frames: tuple[Frame, ...]
    position: int | None = None
    last: bool = True

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("an item has at least one frame")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier says of one frame.

    `scores` is a distribution over the model's labels, in the order of labels.txt. A network that gave NaN or
    infinity has no distribution: then `label` is None, `confidence` 0 and `scores` empty.
    """

    label: str | None
    confidence: float
    scores: tuple[float, ...]
    runner_up: str | None = None


class Rule(StrEnum):
    """Why an item went where it went; the journal keeps the word."""

    LABEL = "label"
    """The label's own bin: confident enough, and the frames agree."""
    BELOW_THRESHOLD = "below-threshold"
    DISAGREEMENT = "disagreement"
    """Too few of the item's frames have the winning label."""
    NEVER = "never"
    """The label is listed in `decision.never`."""
    NO_SCORES = "no-scores"
    """The network gave NaN or infinity."""
    NO_BIN = "no-bin"
    """No bin lists the label."""
    STALE = "stale"
    """A live frame was older than `decision.max_age_ms` when the command should have gone out."""
    LINK_DOWN = "link-down"
    """A live item passed while the actuator was unreachable."""
    BUSY = "busy"
    """A live item passed while the actuator was still moving the one before."""
    PAUSED = "paused"
    """A live item was seen, and somebody paused the machine before its command went out."""
    ABANDONED = "abandoned"
    """The program had to end, or a part of it failed, before the item could be moved."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where one item goes and by which rule. `rejected` means: into the reject bin, for the rule's reason."""

    bin: str
    rule: Rule
    label: str | None
    confidence: float
    runner_up: str | None = None

    @property
    def rejected(self) -> bool:
        return self.rule is not Rule.LABEL


@dataclass(frozen=True, slots=True)
class SortCommand:
    """One movement for the actuator, valid from `not_before_ns` to `not_after_ns`; late is refused, not done.

    `seq` counts on from the last one in the journal: a late answer to an earlier run fits no command of this one.
    """

    seq: int
    bin: str
    channel: int
    not_before_ns: int
    not_after_ns: int


class AckStatus(StrEnum):
    DONE = "done"
    """The far end says that the movement is complete."""
    FAILED = "failed"
    """The far end refused, or the command never left this computer."""
    UNKNOWN = "unknown"
    """No answer, or the line broke: it may or may not have moved."""
    UNCONFIRMED = "unconfirmed"
    """The bytes went out on a line that never confirms."""


@dataclass(frozen=True, slots=True)
class Ack:
    """The one final answer to the command `seq`."""

    seq: int
    status: AckStatus
    done_at_ns: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """The line came up or went down, or something on it is worth the journal's attention."""

    kind: str
    at_ns: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SensorEvent:
    """What the machine's own sensors saw: `kind` item, clear or encoder, in the order of `number` (modulo 65,536).

    `position` is the belt's encoder count, 0 where the machine has none.
    """

    kind: str
    at_ns: int
    number: int
    position: int


@dataclass(frozen=True, slots=True)
class TriggerEvent:
    """Something about the stream that is worth the journal's attention; `at_ns` is the moment of the frame."""

    kind: str
    at_ns: int
    item_id: str | None = None
    detail: str = ""


class OutcomeKind(StrEnum):
    """How an item's movement ended: exactly one for every item."""

    SORTED = "sorted"
    """Confirmed in its bin, or its bin needs no movement."""
    REJECTED = "rejected"
    """Confirmed in the reject bin."""
    MISSED = "missed"
    """No command went out in time: the item went the default way."""
    FAILED = "failed"
    """The actuator said no."""
    UNCERTAIN = "uncertain"
    """Nobody can know whether it moved. Never repeated."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is kept of one item; one row in the journal.

    `latency_ms` is exposure of the deciding frame -> return of write(2) (or the decision, where nothing is
    written). `confirm_ms` is write(2) -> the far end's final answer; None without one.
    """

    item_id: str
    frame_id: int
    source: str
    taken_at_ns: int
    kind: OutcomeKind
    decision: Decision
    seq: int | None
    latency_ms: float
    confirm_ms: float | None = None
    detail: str = ""

    def ended(
        self, kind: OutcomeKind, latency_ms: float, confirm_ms: float | None = None, detail: str = ""
    ) -> "Outcome":
        """The same item, once its end is known. (Spelled out: replace() is slow, and this is the hot path.)"""
        return Outcome(
            self.item_id,
            self.frame_id,
            self.source,
            self.taken_at_ns,
            kind,
            self.decision,
            self.seq,
            latency_ms,
            confirm_ms,
            detail,
        )
