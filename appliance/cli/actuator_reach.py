"""How `appliance actuator` reaches the sorter: through the running appliance, or by the port itself."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from appliance import __version__
from appliance.by_hand import ByHand
from appliance.cli.build import make_sorter
from appliance.clock import Deadline
from appliance.config import Config
from appliance.control_client import ask, ask_link, find_running, order
from appliance.errors import LinkError, UsageError
from appliance.journal import Journal, RunInfo
from appliance.numbering import first_seq
from appliance.orders import VALID_S, Order, Orders
from appliance.records import Ack
from appliance.sorter import Capabilities, Describes, GoesHome, Listens, Sorter
from appliance.state import hold_state_dir

__all__ = ["Look", "Mover", "Viewer", "looking", "moving"]

_SETTLE_S = 0.5
"""Some heartbeats, so that the round trip and the clock are known."""
_REFRESH_S = 1.0
_TURN_S = 0.05
_FRAMED_ANSWER_S = 15.0
"""More than a board of the framed protocol may take for a movement and its last word."""


@dataclass(frozen=True, slots=True)
class Look:
    """What can be said of the sorter now. `said` and `passages` are those of `appliance.sorter.Describes`, as JSON
    types; empty of a kind that tells nothing."""

    sorter: str
    simulated: bool
    machine: str
    trouble: str
    holder: str
    held_here: bool
    said: Mapping[str, Any]
    passages: Sequence[Mapping[str, Any]]


class Viewer(Protocol):
    def look(self, after: int = 0) -> Look:
        """How the link stands, and what went over it above a number.

        Raises:
            UsageError: the appliance that was asked is gone.
        """


class Mover(Viewer, Protocol):
    def order(self, what: Order) -> dict[str, Any]:
        """Carry out one order; how the movement ended.

        Raises:
            UsageError, LinkError: it was refused: nothing was moved.
        """


@contextmanager
def looking(config: Config, on_silence: Callable[[LinkError], None] | None = None) -> Iterator[Viewer]:
    """The sorter, to look at: nothing moves, nothing is armed.

    With `on_silence` a far end that does not answer is told there, and looked at all the same, where the sorter can.

    Raises:
        UsageError: an appliance runs, and does not answer.
        LinkError: no appliance runs, and the port cannot be opened or nobody answers.
    """
    path = find_running(config)
    if path is not None:
        yield _Running(path, config)
        return
    sorter = make_sorter(config)
    try:
        yield _Opened(sorter, _listened_to(sorter, on_silence) if isinstance(sorter, Listens) else sorter.open())
    finally:
        sorter.close()


def _listened_to(sorter: Listens, on_silence: Callable[[LinkError], None] | None) -> Capabilities:
    try:
        return sorter.listen()
    except LinkError as error:
        is_open = isinstance(sorter, Describes) and bool(sorter.link()["device"])
        if on_silence is None or not is_open:
            raise
        on_silence(error)
        return Capabilities("nobody that answers", False, 0.0)


@contextmanager
def moving(config: Config) -> Iterator[Mover]:
    """The sorter, to move. Where no appliance runs, none can start before the end; the journal gets it all the same.

    Raises:
        UsageError: an appliance runs, and is not paused, or does not answer.
        LinkError: no appliance runs, and the port cannot be opened or nobody answers.
        StorageError: the state directory is held or cannot be written.
    """
    path = find_running(config)
    if path is not None:
        if not ask(path, "status")["paused"]:
            raise UsageError("moving by hand", "the appliance is not paused; nothing was moved", "appliance pause")
        yield _Running(path, config)
        return
    with ExitStack() as stack:
        state_dir = stack.enter_context(hold_state_dir(config.machine.state_dir))
        journal = Journal(state_dir, config.journal, RunInfo(__version__, config.digest, "by hand"))
        stack.callback(journal.close)
        stack.callback(journal.event, "run-end", {})
        sorter = make_sorter(config)
        stack.callback(sorter.close)
        capabilities = sorter.open()
        stack.callback(sorter.stop)
        alone = _Alone(config, sorter, capabilities, journal)
        stack.callback(alone.close)
        yield alone


class _Running:
    """The appliance that runs has the port."""

    def __init__(self, path: Path, config: Config) -> None:
        self._path = path
        self._movement_s = getattr(config.sorter, "timeout_s", _FRAMED_ANSWER_S)

    def look(self, after: int = 0) -> Look:
        told = ask_link(self._path, after)
        return Look(
            sorter=told["sorter"],
            simulated=told["simulated"],
            machine=told["state"],
            trouble=told["trouble"],
            holder=f"the running appliance (pid {told['pid']})",
            held_here=False,
            said=told["said"],
            passages=told["passages"],
        )

    def order(self, what: Order) -> dict[str, Any]:
        return order(self._path, what, self._movement_s)


class _Opened:
    """This command has the port."""

    def __init__(self, sorter: Sorter, capabilities: Capabilities) -> None:
        self._sorter = sorter
        self._capabilities = capabilities

    def look(self, after: int = 0) -> Look:
        sorter, found = self._sorter, self._capabilities
        if isinstance(sorter, Listens) and not after:
            time.sleep(_SETTLE_S)
            sorter.refresh(_REFRESH_S)
        said, passages = (sorter.link(), sorter.passages(after)) if isinstance(sorter, Describes) else ({}, [])
        return Look(
            sorter=found.name,
            simulated=found.simulated,
            machine="no appliance runs",
            trouble="",
            holder=f"this command (pid {os.getpid()})",
            held_here=True,
            said=said,
            passages=[asdict(one) for one in passages],
        )


class _Alone(_Opened):
    """This command has the port, the state directory and the journal, and does what the paused loop does."""

    def __init__(self, config: Config, sorter: Sorter, capabilities: Capabilities, journal: Journal) -> None:
        super().__init__(sorter, capabilities)
        self._journal = journal
        self._stop = getattr(config.sorter, "stop", None)
        self._seq = first_seq(journal, capabilities.last_seq)
        self._orders = Orders()
        channels = {name: one.channel for name, one in config.decision.bins.items()}
        self._by_hand = ByHand(self._orders, sorter, journal, channels, self._next_seq)

    def order(self, what: Order) -> dict[str, Any]:
        if what.kind == "home" and not isinstance(self._sorter, GoesHome):
            return self._rest()
        ticket = self._orders.offer(what)
        deadline = Deadline(VALID_S + self._capabilities.answer_s + 1)
        while ticket.answer is None and not deadline.expired:
            self._by_hand.step()
            for event in self._sorter.events(_TURN_S):
                if isinstance(event, Ack):
                    self._by_hand.settle(event)
        if ticket.answer is None:
            self.close()
        assert ticket.answer is not None, "closing answers what is left"
        if ticket.answer.result is None:
            raise LinkError(f"`{what}`", ticket.answer.refused, "see `appliance actuator status`")
        return ticket.answer.result

    def close(self) -> None:
        self._by_hand.close()

    def _rest(self) -> dict[str, Any]:
        """What a text line has for it: its last word."""
        if self._stop is None:
            raise LinkError("`home`", "sorter.stop is null: this line has no word for it", "set sorter.stop")
        self._journal.event("home", {})
        while not self._journal.idle and self._journal.trouble is None:
            time.sleep(_TURN_S)
        self._sorter.stop()
        end = {"status": "unconfirmed", "detail": "sorter.stop went out; this line has no answer to it"}
        self._journal.event("home-end", end)
        return end

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq - 1
