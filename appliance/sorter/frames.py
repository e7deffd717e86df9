"""The frames of the framed protocol, version 1.0: a record a type, with the layout of its body.

docs/protocol.md says what the fields mean.
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Any, ClassVar, Protocol

__all__ = [
    "FRAMES",
    "MAJOR",
    "MINOR",
    "Accepted",
    "Arm",
    "Ask",
    "Beat",
    "Code",
    "Command",
    "Counters",
    "Done",
    "Event",
    "EventKind",
    "Failed",
    "Foreign",
    "Frame",
    "Hello",
    "Lease",
    "Pulse",
    "Refused",
    "Rest",
    "State",
    "StateTold",
    "Stop",
    "Welcome",
]

MAJOR, MINOR = 1, 0
"""The version of the protocol that this file speaks."""
_RESETS = {0: "power on", 1: "reset pin", 2: "brown-out: the supply dipped", 3: "watchdog: the program hung"}


class State(IntEnum):
    """What the board allows."""

    WAITING = 0
    SAFE = 1
    ARMED = 2


class Lease(IntEnum):
    """What a beat does to the board's lease."""

    KEEP = 0
    RENEW = 1
    END = 2


class Rest(IntEnum):
    """Why the board came to rest last."""

    BOOT = 0
    HELLO = 1
    LEASE = 2
    STOP = 3
    WATCHDOG = 4


class Code(IntEnum):
    """Why a command failed."""

    LATE = 1
    NOT_ARMED = 2
    CHANNEL = 3
    FULL = 4
    HORIZON = 5
    TOO_OLD = 6
    CANCELLED = 7
    INTERRUPTED = 8
    JAMMED = 9


class EventKind(IntEnum):
    """What the board's own sensors tell."""

    ITEM = 1
    CLEAR = 2
    ENCODER = 3


class Frame(Protocol):
    """A frame knows its type and the layout of its body; its fields are the body's, in order."""

    TYPE: ClassVar[int]
    LAYOUT: ClassVar[Struct]

    @property
    def session(self) -> int: ...


# Host to board


@dataclass(frozen=True, slots=True)
class Hello:
    """Begins a session: the board comes to rest and forgets what was."""

    TYPE: ClassVar = 0x01
    LAYOUT: ClassVar = Struct("<BBI")
    major: int
    minor: int
    session: int


@dataclass(frozen=True, slots=True)
class Arm:
    """Allows commands, if the board has not come to rest since `latch`."""

    TYPE: ClassVar = 0x02
    LAYOUT: ClassVar = Struct("<IB")
    session: int
    latch: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The host's heartbeat; `renew`, a Lease, says whether its sorting loop turns."""

    TYPE: ClassVar = 0x03
    LAYOUT: ClassVar = Struct("<IHB")
    session: int
    n: int
    renew: int


@dataclass(frozen=True, slots=True)
class Command:
    """A movement, to begin between two moments of board time. `action` 0 diverts, 1 sends every output to rest."""

    TYPE: ClassVar = 0x04
    LAYOUT: ClassVar = Struct("<IIBBBII")
    session: int
    seq: int
    latch: int
    action: int
    channel: int
    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Comes to rest at once, whatever is queued."""

    TYPE: ClassVar = 0x05
    LAYOUT: ClassVar = Struct("<I")
    session: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks for the counters."""

    TYPE: ClassVar = 0x06
    LAYOUT: ClassVar = Struct("<I")
    session: int


# Board to host


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to a Hello: who the board is and what it can do."""

    TYPE: ClassVar = 0x81
    LAYOUT: ClassVar = Struct("<BBIIBBBBBBHHHIIBBI")
    major: int
    minor: int
    session: int
    boot: int
    firmware_major: int
    firmware_minor: int
    firmware_patch: int
    flags: int
    channels: int
    queue: int
    lease_ms: int
    horizon_ms: int
    movement_ms: int
    last_session: int
    last_seq: int
    reset: int
    latch: int
    now: int

    @property
    def firmware(self) -> str:
        return f"{self.firmware_major}.{self.firmware_minor}.{self.firmware_patch}"

    @property
    def started_by(self) -> str:
        """What started the board last, in words."""
        return ", ".join(text for bit, text in _RESETS.items() if self.reset >> bit & 1) or "not told"

    @property
    def simulated(self) -> bool:
        return bool(self.flags & 1)

    @property
    def item_sensor(self) -> bool:
        return bool(self.flags & 2)

    @property
    def belt_encoder(self) -> bool:
        return bool(self.flags & 4)


@dataclass(frozen=True, slots=True)
class Refused:
    """The board speaks another major version: its own is given."""

    TYPE: ClassVar = 0x82
    LAYOUT: ClassVar = Struct("<BBIB")
    major: int
    minor: int
    session: int
    code: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command will be carried out, or will fail."""

    TYPE: ClassVar = 0x83
    LAYOUT: ClassVar = Struct("<III")
    session: int
    seq: int
    now: int


@dataclass(frozen=True, slots=True)
class Done:
    """The diverter has moved and is back."""

    TYPE: ClassVar = 0x84
    LAYOUT: ClassVar = Struct("<IIII")
    session: int
    seq: int
    started: int
    ended: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The command ended without a whole movement; `code` is a Code."""

    TYPE: ClassVar = 0x85
    LAYOUT: ClassVar = Struct("<IIBI")
    session: int
    seq: int
    code: int
    now: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """The answer to a Beat: when its last byte came, when this answer was queued, and how the board stands."""

    TYPE: ClassVar = 0x86
    LAYOUT: ClassVar = Struct("<IHIIBBBB")
    session: int
    n: int
    received: int
    sent: int
    state: int
    why: int
    latch: int
    queued: int


@dataclass(frozen=True, slots=True)
class StateTold:
    """The board's state, after it changed or was asked to."""

    TYPE: ClassVar = 0x87
    LAYOUT: ClassVar = Struct("<IBBBI")
    session: int
    state: int
    why: int
    latch: int
    now: int


@dataclass(frozen=True, slots=True)
class Event:
    """What a sensor saw; `number` counts the session's events from 0, modulo 65,536."""

    TYPE: ClassVar = 0x88
    LAYOUT: ClassVar = Struct("<IHBIi")
    session: int
    number: int
    kind: int
    at: int
    position: int


@dataclass(frozen=True, slots=True)
class Counters:
    """What the board has counted since it started."""

    TYPE: ClassVar = 0x89
    LAYOUT: ClassVar = Struct("<IIIHHHHHHHHHHB")
    session: int
    frames: int
    moved: int
    bad_crc: int
    bad_frame: int
    overrun: int
    unknown: int
    foreign: int
    repeated: int
    failed: int
    lapsed: int
    unsent: int
    events_lost: int
    watchdog: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """A frame of `session` came, which is not the board's."""

    TYPE: ClassVar = 0x8A
    LAYOUT: ClassVar = Struct("<II")
    boot: int
    session: int


FRAMES: tuple[type[Any], ...] = (
    *(Hello, Arm, Beat, Command, Stop, Ask),
    *(Welcome, Refused, Accepted, Done, Failed, Pulse, StateTold, Event, Counters, Foreign),
)
"""Every frame of version 1.0."""
