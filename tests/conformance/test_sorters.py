"""One suite that every sorter passes, against a real far end where the kind has one."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import TwinControl

from appliance.errors import LinkError
from appliance.records import Ack, AckStatus, LinkEvent, SensorEvent, SortCommand
from appliance.sorter import SORTERS, Sorter
from appliance.sorter.framed import FramedOptions, FramedSorter
from appliance.sorter.line import LineOptions, LineSorter
from appliance.sorter.simulated import SimulatedSorter, SimulatedSorterOptions

_NOW = time.monotonic_ns


@dataclass(frozen=True)
class Example:
    """A kind, ready to be opened; `break_it` makes the far end fall silent."""

    sorter: Sorter
    confirms: bool
    options: Any


WORDS: dict[str, Any] = {
    "template": "SORT {channel} {seq}\n",
    "reply": r"^OK (?P<seq>\d+)",
    "refusal": r"^ERR (?P<seq>\d+)",
    "hello": "HELLO\n",
    "ready": "^READY",
    "stop": "STOP\n",
    "timeout_s": 1.0,
}


def _line(twin: TwinControl, **changes: Any) -> Example:
    twin.start("--delay", "0.02")
    options = LineOptions(kind="line", port=str(twin.link), **(WORDS | changes))
    return Example(LineSorter(options), options.reply is not None, options)


def _simulated(twin: TwinControl) -> Example:
    options = SimulatedSorterOptions(kind="simulated", timeout_s=0.2)
    return Example(SimulatedSorter(options), True, options)


def _framed(twin: TwinControl, *faults: str) -> Example:
    twin.start("--protocol", "framed", "--delay", "0.02", *faults)
    options = FramedOptions(kind="framed", port=str(twin.link))
    return Example(FramedSorter(options), True, options)


EXAMPLES: dict[str, Callable[[TwinControl], Example]] = {
    "line": _line,
    "line, no numbers": lambda twin: _line(twin, template="SORT {channel}\n", reply="^OK", refusal="^ERR"),
    "line, never confirms": lambda twin: _line(twin, reply=None, refusal=None),
    "line, no handshake": lambda twin: _line(twin, hello=None, ready=None),
    "framed": _framed,
    "framed, on a board that opening resets": lambda twin: _framed(twin, "--reset-on-open"),
    "framed, on a noisy line": lambda twin: _framed(twin, "--noise", "0.2"),
    "simulated": _simulated,
}


FAULTS: dict[str, tuple[tuple[str, ...], dict[str, Any], dict[str, Any]]] = {
    "slow": (("--delay", "20"), {}, {"delay_ms": 20_000}),
    "refusing": (("--refuse", "1", "--delay", "0"), {}, {"delay_ms": 1, "refuse_every": 1}),
    "silent": (("--silent", "1", "--delay", "0"), {"timeout_s": 0.3}, {"timeout_s": 0.1, "silent_every": 1}),
}
"""What is wrong with a far end: the twin's options, a line's options with it, a simulated sorter's own."""


def faulty(kind: str, twin: TwinControl, fault: str) -> Sorter:
    """A sorter of one kind whose far end has a fault."""
    of_twin, of_line, of_simulated = FAULTS[fault]
    if kind == "simulated":
        return SimulatedSorter(SimulatedSorterOptions(kind="simulated", **of_simulated))
    twin.start("--protocol", kind, *of_twin)
    if kind == "line":
        return _line_at(twin.link, **of_line)
    return FramedSorter(FramedOptions(kind="framed", port=str(twin.link)))


@pytest.fixture(params=SORTERS.built_in)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_kind_has_an_example() -> None:
    assert {name.split(",")[0] for name in EXAMPLES} == set(SORTERS.kinds())


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest, twin: TwinControl) -> Iterator[Example]:
    made = EXAMPLES[request.param](twin)
    yield made
    made.sorter.close()


def command(seq: int, channel: int = 1, valid_s: float = 5.0) -> SortCommand:
    now_ns = _NOW()
    return SortCommand(seq, "cans", channel, now_ns, now_ns + int(valid_s * 1e9))


def acks(sorter: Sorter, count: int, seconds: float = 5.0) -> list[Ack]:
    """The answers that come until there are `count`, and whatever comes in a moment after."""
    found: list[Ack] = []
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        found += [event for event in sorter.events(0.05) if isinstance(event, Ack)]
    return found + [event for event in sorter.events(0.05) if isinstance(event, Ack)]


def until_ready(sorter: Sorter, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not sorter.ready:
        assert time.monotonic() < deadline, "never ready again"
        time.sleep(0.005)


def test_its_capabilities_say_whether_it_confirms(example: Example) -> None:
    capabilities = example.sorter.open()

    assert capabilities.confirms is example.confirms
    assert capabilities.answer_s > 0


def test_every_command_gets_exactly_one_answer(example: Example) -> None:
    example.sorter.open()
    answered = []
    for seq in range(1, 11):
        until_ready(example.sorter)
        example.sorter.submit(command(seq))
        answered += acks(example.sorter, 1)

    wanted = AckStatus.DONE if example.confirms else AckStatus.UNCONFIRMED
    assert [(ack.seq, ack.status) for ack in answered] == [(seq, wanted) for seq in range(1, 11)]


def test_submit_never_waits_for_the_machine(twin: TwinControl, kind: str) -> None:
    sorter = faulty(kind, twin, "slow")
    sorter.open()
    before = time.monotonic()
    sorter.submit(command(1))

    assert time.monotonic() - before < 10
    assert sorter.events(0) == []
    sorter.close()


def test_a_command_that_is_too_late_is_not_sent(example: Example) -> None:
    example.sorter.open()
    example.sorter.submit(command(1, valid_s=-0.001))

    assert [(ack.seq, ack.status) for ack in acks(example.sorter, 1)] == [(1, AckStatus.FAILED)]


def test_after_stop_nothing_is_sent(example: Example) -> None:
    example.sorter.open()
    example.sorter.stop()
    example.sorter.submit(command(1))

    assert [(ack.seq, ack.status) for ack in acks(example.sorter, 1)] == [(1, AckStatus.FAILED)]
    assert not example.sorter.ready


def test_closing_answers_what_was_unanswered(example: Example) -> None:
    example.sorter.open()
    example.sorter.submit(command(1))
    example.sorter.close()

    answered = acks(example.sorter, 1)
    assert [ack.seq for ack in answered] == [1]
    assert answered[0].status in (AckStatus.UNKNOWN, AckStatus.DONE, AckStatus.UNCONFIRMED)


def test_events_waits_no_longer_than_it_may(example: Example) -> None:
    example.sorter.open()
    example.sorter.events(0.1)
    before = time.monotonic()

    assert [event for event in example.sorter.events(0.1) if isinstance(event, Ack)] == []
    assert time.monotonic() - before < 0.5


def test_it_can_be_closed_twice_and_opened_again(example: Example) -> None:
    example.sorter.open()
    example.sorter.close()
    example.sorter.close()
    example.sorter.open()
    until_ready(example.sorter)
    example.sorter.submit(command(7))

    assert [ack.seq for ack in acks(example.sorter, 1)] == [7]


def test_refusals_are_failures(twin: TwinControl, kind: str) -> None:
    sorter = faulty(kind, twin, "refusing")
    sorter.open()
    sorter.submit(command(1))

    assert [(ack.seq, ack.status) for ack in acks(sorter, 1)] == [(1, AckStatus.FAILED)]
    sorter.close()


def test_silence_is_unknown(twin: TwinControl, kind: str) -> None:
    sorter = faulty(kind, twin, "silent")
    sorter.open()
    sorter.submit(command(1, valid_s=0.3))

    assert [(ack.seq, ack.status) for ack in acks(sorter, 1)] == [(1, AckStatus.UNKNOWN)]
    sorter.close()


def _line_at(port: Path, **changes: Any) -> LineSorter:
    return LineSorter(LineOptions(kind="line", port=str(port), **(WORDS | changes)))


def test_an_absent_far_end_is_refused_at_open(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="does not exist"):
        _line_at(tmp_path / "nothing").open()


def test_events_are_of_the_link_the_sensors_and_the_commands(example: Example) -> None:
    example.sorter.open()
    example.sorter.submit(command(1))
    seen = list(itertools.chain.from_iterable(example.sorter.events(0.05) for _ in range(4)))

    assert all(isinstance(event, Ack | LinkEvent | SensorEvent) for event in seen)
