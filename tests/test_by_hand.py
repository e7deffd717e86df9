"""Movements that people order: in the journal before they begin, carried out once, and never when it is too late."""

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from appliance.by_hand import ByHand
from appliance.config import JournalOptions
from appliance.history import open_history
from appliance.journal import JOURNAL_FILE, Journal, RunInfo
from appliance.orders import Answer, Order, Orders, Ticket
from appliance.records import Ack, AckStatus, SortCommand
from appliance.sorter import Capabilities
from appliance.sorter.simulated import SimulatedSorter, SimulatedSorterOptions

CHANNELS = {"cans": 1, "glass": 2, "nothing": None}


class Watched:
    """The SIMULATED sorter, which also notes what the journal's file held when a command came."""

    def __init__(self, state_dir: Path, **options: Any) -> None:
        self._sorter = SimulatedSorter(SimulatedSorterOptions(kind="simulated", **{"delay_ms": 1} | options))
        self._path = state_dir / JOURNAL_FILE
        self.recovery_s = 1.0
        self.may = True
        self.moved: list[tuple[str, int, int]] = []
        self.known: list[list[str]] = []

    @property
    def ready(self) -> bool:
        return self.may and self._sorter.ready

    def open(self) -> Capabilities:
        return self._sorter.open()

    def submit(self, command: SortCommand) -> None:
        self._see("fire", command)
        self._sorter.submit(command)

    def home(self, command: SortCommand) -> None:
        self._see("home", command)
        self._sorter.home(command)

    def events(self, timeout_s: float) -> list[Any]:
        return self._sorter.events(timeout_s)

    def stop(self) -> None:
        self._sorter.stop()

    def close(self) -> None:
        self._sorter.close()

    def _see(self, kind: str, command: SortCommand) -> None:
        self.moved.append((kind, command.seq, command.channel))
        connection = sqlite3.connect(self._path)
        self.known.append([row[0] for row in connection.execute("SELECT kind FROM events ORDER BY n")])
        connection.close()


class Homeless(Watched):
    home = None  # type: ignore[assignment]


@dataclass
class Bench:
    state_dir: Path
    sorter: Watched
    journal: Journal
    orders: Orders
    by_hand: ByHand = field(init=False)
    seq: int = field(init=False)

    def __post_init__(self) -> None:
        self.seq = self.journal.next_seq
        self.by_hand = ByHand(self.orders, self.sorter, self.journal, CHANNELS, self._next_seq)

    def _next_seq(self) -> int:
        self.seq += 1
        return self.seq - 1

    def run(self, ticket: Ticket, seconds: float = 5) -> Answer:
        """What the paused loop does, until the order is answered."""
        end = time.monotonic() + seconds
        while ticket.answer is None:
            assert time.monotonic() < end, "no answer"
            self.by_hand.step()
            for ack in self.sorter.events(0.005):
                assert self.by_hand.settle(ack)
        return ticket.answer

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        self.journal.close()
        with open_history(self.state_dir) as history:
            return [(event["kind"], event["json"]) for event in history.events()]


def bench(state_dir: Path, sorter: Watched, valid_s: float = 60.0) -> Bench:
    journal = Journal(state_dir, JournalOptions(), RunInfo("0", "", ""))
    sorter.open()
    return Bench(state_dir, sorter, journal, Orders(valid_s=valid_s))


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Bench]:
    made = bench(tmp_path, Watched(tmp_path))
    yield made
    made.sorter.close()
    made.journal.close()


def test_a_bin_is_fired_once_on_its_channel_and_the_journal_knew_before(one: Bench) -> None:
    first = one.seq
    answer = one.run(one.orders.offer(Order("fire", "glass")))

    assert one.sorter.moved == [("fire", first, 2)]
    assert one.sorter.known == [["fire"]]
    assert answer.refused == ""
    assert answer.result is not None
    assert answer.result | {"ms": 0} == {
        "bin": "glass", "channel": 2, "seq": first, "status": "done", "ms": 0, "detail": "SIMULATED: done",
    }  # fmt: skip
    assert [kind for kind, _ in one.events()] == ["fire", "fire-end"]


def test_home_is_carried_out_where_the_sorter_has_a_word_for_it(one: Bench) -> None:
    answer = one.run(one.orders.offer(Order("home")))

    assert [kind for kind, _, _ in one.sorter.moved] == ["home"]
    assert one.sorter.known == [["home"]]
    assert answer.result is not None
    assert answer.result["status"] == "done"
    assert [kind for kind, _ in one.events()] == ["home", "home-end"]


def test_a_sorter_without_a_home_says_so_and_nothing_is_sent(tmp_path: Path) -> None:
    made = bench(tmp_path, Homeless(tmp_path))
    assert "has no word for it" in made.run(made.orders.offer(Order("home"))).refused
    assert made.sorter.moved == []
    made.sorter.close()
    assert made.events() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("tins", "there is no bin 'tins'; the bins are cans, glass, nothing"), ("nothing", "nothing has to move for it")],
)
def test_a_bin_that_cannot_be_fired_is_refused(one: Bench, name: str, said: str) -> None:
    answer = one.run(one.orders.offer(Order("fire", name)))
    assert said in answer.refused
    assert answer.refused.endswith("nothing was moved")
    assert one.sorter.moved == []


def test_orders_are_carried_out_one_after_the_other(one: Bench) -> None:
    tickets = [one.orders.offer(Order("fire", name)) for name in ("cans", "glass", "cans")]
    for ticket in tickets:
        one.run(ticket)
    assert [channel for _, _, channel in one.sorter.moved] == [1, 2, 1]
    assert len({seq for _, seq, _ in one.sorter.moved}) == 3


def test_numbers_used_by_hand_are_never_used_again(tmp_path: Path) -> None:
    made = bench(tmp_path, Watched(tmp_path))
    made.run(made.orders.offer(Order("fire", "cans")))
    used = made.sorter.moved[0][1]
    made.sorter.close()
    made.journal.event("run-end", {})
    made.journal.close()

    again = Journal(tmp_path, JournalOptions(), RunInfo("0", "", ""))
    assert again.next_seq == used + 1
    again.close()


def test_a_refusal_and_a_silence_are_told_as_what_they_are(tmp_path: Path) -> None:
    made = bench(tmp_path, Watched(tmp_path, refuse_every=2, silent_every=3, timeout_s=0.05))
    ends = [made.run(made.orders.offer(Order("fire", "cans"))).result for _ in range(3)]
    assert [end["status"] for end in ends if end is not None] == ["done", "failed", "unknown"]
    made.sorter.close()
    assert [told["status"] for kind, told in made.events() if kind == "fire-end"] == ["done", "failed", "unknown"]


def test_what_is_noted_and_let_go_never_begins_and_the_journal_says_so(one: Bench) -> None:
    ticket = one.orders.offer(Order("fire", "cans"))
    one.by_hand.step()
    one.by_hand.let_go("the machine was resumed")
    for _ in range(20):
        one.by_hand.step()
        time.sleep(0.005)

    assert ticket.answer == Answer(refused="the machine was resumed; nothing was moved")
    assert one.sorter.moved == []
    assert [(kind, told.get("status")) for kind, told in one.events()] == [("fire", None), ("fire-end", "not-begun")]


def test_an_order_that_has_grown_old_never_begins(tmp_path: Path) -> None:
    made = bench(tmp_path, Watched(tmp_path), valid_s=0.05)
    waiting = made.orders.offer(Order("fire", "cans"))
    made.sorter.may = False
    time.sleep(0.1)
    made.sorter.may = True
    made.by_hand.step()
    assert waiting.answer is not None
    assert "could not begin within 0.05 s" in waiting.answer.refused

    noted = made.orders.offer(Order("fire", "cans"))
    made.by_hand.step()
    time.sleep(0.1)
    made.by_hand.step()
    assert noted.answer == Answer(refused="it could not begin in time; nothing was moved")
    assert made.sorter.moved == []
    made.sorter.close()
    made.journal.close()


def test_a_sorter_that_is_not_ready_is_waited_for(one: Bench) -> None:
    one.sorter.may = False
    ticket = one.orders.offer(Order("fire", "cans"))
    for _ in range(10):
        one.by_hand.step()
    assert ticket.answer is None
    one.sorter.may = True
    assert one.run(ticket).refused == ""
    assert len(one.sorter.moved) == 1


def test_while_the_journal_cannot_be_written_nothing_begins(one: Bench) -> None:
    ticket = one.orders.offer(Order("fire", "cans"))
    one.by_hand.step()
    one.journal.trouble = "disk full"
    one.by_hand.step()
    one.journal.trouble = None
    assert ticket.answer == Answer(refused="the journal cannot be written (disk full); nothing was moved")
    assert one.sorter.moved == []


def test_the_end_leaves_no_order_without_an_answer(one: Bench) -> None:
    out, waiting = one.orders.offer(Order("fire", "cans")), one.orders.offer(Order("home"))
    while not one.by_hand.moving:
        one.by_hand.step()
        time.sleep(0.002)
    one.by_hand.close()

    assert out.answer is not None
    assert out.answer.result is not None
    assert out.answer.result["status"] == "unknown"
    assert waiting.answer == Answer(refused="the appliance ended; nothing was moved")
    assert [json.dumps(told["status"]) for kind, told in one.events() if kind == "fire-end"] == ['"unknown"']


def test_an_answer_to_somebody_elses_command_is_not_ours(one: Bench) -> None:
    assert not one.by_hand.settle(Ack(1, AckStatus.DONE, 0))
