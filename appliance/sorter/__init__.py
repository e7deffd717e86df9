"""Where movements happen: one interface, one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from appliance.plugins import Table
from appliance.records import Ack, LinkEvent, SensorEvent, SortCommand

__all__ = ["SORTERS", "Capabilities", "Describes", "GoesHome", "Listens", "Passage", "Sorter"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the far end said, or the configuration says for it.

    `confirms`: every command gets an answer. Without it every moved item ends `uncertain`. `answer_s` is the
    longest that an answer takes. `simulated`: nothing real moves. `channels`: it has those from 0 to one less; None if
    it did not say. `last_seq`: the number (modulo 2^32) of the last command that moved it, None if it knows of none.
    """

    name: str
    confirms: bool
    answer_s: float
    simulated: bool = False
    channels: int | None = None
    last_seq: int | None = None


class Sorter(Protocol):
    """An actuator. Every submitted command gets exactly one Ack from `events`, whatever happens to the line."""

    recovery_s: float
    """How long the loop waits for a lost link before it gives up."""

    def open(self) -> Capabilities:
        """Connect and shake hands.

        Raises:
            LinkError: not there, not permitted, held by another program, or silent.
        """

    @property
    def ready(self) -> bool:
        """Can a command be submitted now?"""

    def submit(self, command: SortCommand) -> None:
        """Hand the bytes over; never waits for the machine, never raises for a broken line: that is an Ack."""

    def events(self, timeout_s: float) -> list[Ack | LinkEvent | SensorEvent]:
        """What happened since the last call; waits at most `timeout_s` for the first.

        That the loop calls it is also its sign of life: a far end with a lease rests when the calls stay away.
        """

    def stop(self) -> None:
        """Ask the actuator to come to rest; no command is sent after it until `open`."""

    def close(self) -> None:
        """Let go of the line. What was still unanswered gets its Ack first. Closing twice is fine."""


@runtime_checkable
class GoesHome(Protocol):
    """A sorter whose far end can be sent to rest and goes on taking commands afterwards."""

    def home(self, command: SortCommand) -> None:
        """As `submit`, but every output goes to its rest position; the command's bin and channel say nothing."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Something that went over the link, numbered from 1: in words; `trouble` says what was wrong with it."""

    number: int
    at_ns: int
    outgoing: bool
    text: str
    trouble: str = ""


@runtime_checkable
class Describes(Protocol):
    """A sorter that tells how its link stands. Any thread may ask; neither answer waits for the line."""

    def link(self) -> Mapping[str, Any]:
        """As JSON types: `state` in a word and `why`, and what there is of `device` (the port as the kernel calls it),
        `board` (what the far end said of itself), `quality` (round trip and the like) and `counters`
        {"host": {name: count}, "board": {name: count}}."""

    def passages(self, after: int) -> list[Passage]:
        """What went over the link with a number above `after`: the newest few hundred, oldest first."""


@runtime_checkable
class Listens(Protocol):
    """A sorter that can be looked at while its far end stays at rest."""

    def listen(self) -> Capabilities:
        """As `open`, but nothing is armed and no command is taken.

        Raises:
            LinkError: as `open`; a line that is open but silent goes on being listened to, until `close`.
        """

    def refresh(self, timeout_s: float) -> None:
        """Have the far end tell its counters now, for `link`; waits at most so long."""


SORTERS = Table(
    "appliance.sorter",
    {
        "framed": "appliance.sorter.framed:FramedSorter",
        "line": "appliance.sorter.line:LineSorter",
        "simulated": "appliance.sorter.simulated:SimulatedSorter",
    },
)
