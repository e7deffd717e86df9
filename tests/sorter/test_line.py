"""The line sorter on a real pseudo-terminal whose far end is this test: broken wires, late words, other programs."""

import os
import select
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support import ROOT, TwinControl, wait_for

from appliance.errors import LinkError
from appliance.records import Ack, AckStatus, LinkEvent, SortCommand
from appliance.sorter.line import LineOptions, LineSorter
from appliance.sorter.other_language import QUESTION


class Board:
    """The far end's side of a pseudo-terminal, spoken by hand."""

    def __init__(self, link: Path) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.link = link
        link.symlink_to(os.ttyname(self._slave))

    def say(self, data: bytes) -> None:
        os.write(self.master, data)

    def heard(self, seconds: float = 1.0) -> bytes:
        """The first bytes that arrive."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        return os.read(self.master, 4096) if ready else b""

    def close(self) -> None:
        for handle in (self.master, self._slave):
            os.close(handle)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path / "port")
    yield made
    made.close()


@pytest.fixture
def opened() -> Iterator[list[LineSorter]]:
    sorters: list[LineSorter] = []
    yield sorters
    for sorter in sorters:
        sorter.close()


def options(port: Path | str, **changes: Any) -> LineOptions:
    words: dict[str, Any] = {
        "template": "SORT {channel} {seq}\n",
        "reply": r"^OK (?P<seq>\d+)",
        "refusal": r"^ERR (?P<seq>\d+)",
        "timeout_s": 0.4,
    }
    return LineOptions(kind="line", port=str(port), **(words | changes))


def open_on(opened: list[LineSorter], port: Path | str, **changes: Any) -> LineSorter:
    sorter = LineSorter(options(port, **changes))
    opened.append(sorter)
    sorter.open()
    return sorter


def command(seq: int, channel: int = 3) -> SortCommand:
    now_ns = time.monotonic_ns()
    return SortCommand(seq, "glass", channel, now_ns, now_ns + 1_000_000_000)


def collect(sorter: LineSorter, seconds: float) -> list[Ack | LinkEvent]:
    found: list[Ack | LinkEvent] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found += sorter.events(0.02)
    return found


def statuses(events: list[Ack | LinkEvent]) -> list[tuple[int, AckStatus]]:
    return [(event.seq, event.status) for event in events if isinstance(event, Ack)]


def kinds(events: list[Ack | LinkEvent]) -> list[str]:
    """What happened to the link; how often it was not yet back is left out."""
    seen = [event.kind for event in events if isinstance(event, LinkEvent)]
    return [kind for kind in seen if kind != "link-still-down"]


def test_the_template_is_what_goes_out(board: Board, opened: list[LineSorter]) -> None:
    sorter = open_on(opened, board.link, template="<{bin}:{channel}:{seq}>\r\n")
    sorter.submit(command(12))

    assert board.heard() == b"<glass:3:12>\r\n"


def test_an_answer_in_pieces_and_with_noise_before_it_counts(board: Board, opened: list[LineSorter]) -> None:
    sorter = open_on(opened, board.link)
    sorter.submit(command(1))
    for piece in (b"\xff\x80garbage\nO", b"K ", b"1 fin", b"e\r\n"):
        board.say(piece)
        time.sleep(0.02)

    assert statuses(collect(sorter, 1.0)) == [(1, AckStatus.DONE)]


def test_a_late_answer_changes_nothing_and_fits_no_other_command(board: Board, opened: list[LineSorter]) -> None:
    sorter = open_on(opened, board.link)
    sorter.submit(command(1))
    first = collect(sorter, 0.6)
    wait_for(lambda: sorter.ready)
    sorter.submit(command(2))
    board.say(b"OK 1\n")
    second = collect(sorter, 0.2)
    board.say(b"OK 2\n")

    assert statuses(first) == [(1, AckStatus.UNKNOWN)]
    assert (statuses(second), kinds(second)) == ([], ["late-reply"])
    assert statuses(collect(sorter, 0.2)) == [(2, AckStatus.DONE)]


def test_without_numbers_the_line_keeps_quiet_after_a_missing_answer(board: Board, opened: list[LineSorter]) -> None:
    sorter = open_on(opened, board.link, template="SORT {channel}\n", reply="^OK", refusal="^ERR", timeout_s=1.0)
    sorter.submit(command(1))
    first: list[Ack | LinkEvent] = []
    while not first:
        first = sorter.events(0.05)
    ready_at_once = sorter.ready  # a late OK would be taken for the next command's
    board.say(b"OK\n")
    late = collect(sorter, 0.1)

    assert statuses(first) == [(1, AckStatus.UNKNOWN)]
    assert not ready_at_once
    assert (statuses(late), kinds(late)) == ([], ["late-reply"])
    wait_for(lambda: sorter.ready, 5)


def test_without_numbers_an_answer_that_outlives_the_connection_fits_no_other_command(
    board: Board, opened: list[LineSorter]
) -> None:
    """The board keeps moving while our end of the line breaks; its OK comes after we are back."""
    sorter = open_on(opened, board.link, template="SORT {channel}\n", reply="^OK", refusal="^ERR", timeout_s=1.0)
    sorter.submit(command(1))
    assert sorter._port is not None
    with Path("/dev/null").open("rb") as nothing:
        os.dup2(nothing.fileno(), sorter._port._port.fd)
    broken: list[Ack | LinkEvent] = []
    while "link-up" not in kinds(broken):
        broken += sorter.events(0.05)
    ready_at_once = sorter.ready
    board.say(b"OK\n")
    late = collect(sorter, 0.2)

    assert statuses(broken) == [(1, AckStatus.UNKNOWN)]
    assert kinds(broken) == ["link-down", "link-up"]
    assert not ready_at_once
    assert (statuses(late), kinds(late)) == ([], ["late-reply"])
    wait_for(lambda: sorter.ready, 5)


def test_a_refusal_without_a_number_ends_the_command(board: Board, opened: list[LineSorter]) -> None:
    sorter = open_on(opened, board.link, refusal="^ERR")
    sorter.submit(command(1))
    board.say(b"ERR jammed\n")

    assert statuses(collect(sorter, 0.2)) == [(1, AckStatus.FAILED)]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"template": "SORT {channel}\n"}, "add {seq} to template"),
        ({"hello": "HELLO\n"}, "hello without ready"),
        ({"stop": "STOP"}, "end with a line end"),
        ({"reply": "OK ("}, "not a regular expression"),
    ],
)
def test_words_that_do_not_fit_together_are_refused(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        options("/dev/ttyUSB0", **words)
    assert sentence in str(refusal.value)


def test_an_answer_twice_counts_once(board: Board, opened: list[LineSorter]) -> None:
    sorter = open_on(opened, board.link)
    sorter.submit(command(1))
    board.say(b"OK 1\nOK 1\nERR 1\n")

    assert statuses(collect(sorter, 0.2)) == [(1, AckStatus.DONE)]


def test_an_endless_line_costs_no_memory_and_the_next_one_is_read(board: Board, opened: list[LineSorter]) -> None:
    sorter = open_on(opened, board.link, timeout_s=5.0)
    sorter.submit(command(1))
    for _ in range(40):
        board.say(b"x" * 1000)
        time.sleep(0.002)
    board.say(b"\nOK 1\n")

    assert statuses(collect(sorter, 0.5)) == [(1, AckStatus.DONE)]


def test_a_board_that_restarts_in_the_middle_leaves_the_command_unknown(board: Board, opened: list[LineSorter]) -> None:
    _banner_soon(board)
    sorter = open_on(opened, board.link, ready="^READY", ready_timeout_s=5.0)
    sorter.submit(command(1))
    board.say(b"READY again\n")
    events = collect(sorter, 0.2)

    assert statuses(events) == [(1, AckStatus.UNKNOWN)]
    assert kinds(events) == ["board-restart"]


def _banner_soon(board: Board) -> None:
    """Opening discards what came before, so the board's banner comes a moment later."""
    threading.Timer(0.4, board.say, [b"READY\n"]).start()


def test_the_pulled_cable_makes_the_open_command_unknown_and_the_link_comes_back(
    twin: TwinControl, opened: list[LineSorter]
) -> None:
    twin.start("--delay", "5")
    sorter = open_on(opened, twin.link, hello="HELLO\n", ready="^READY", timeout_s=10.0)
    sorter.submit(command(1))
    time.sleep(0.1)
    twin.pull()
    lost = collect(sorter, 1.0)
    twin.start("--delay", "0")
    wait_for(lambda: sorter.ready)
    sorter.submit(command(2))
    back = collect(sorter, 0.4)

    assert statuses(lost) == [(1, AckStatus.UNKNOWN)]
    assert kinds(lost) == ["link-down"]
    assert (kinds(back), statuses(back)) == (["link-up"], [(2, AckStatus.DONE)])


def test_the_port_may_come_back_under_another_name(twin: TwinControl, tmp_path: Path, opened: list[LineSorter]) -> None:
    first, second = tmp_path / "ttyACM0", tmp_path / "ttyACM1"
    twin.start(link=first)
    sorter = open_on(opened, f"{tmp_path}/ttyACM*", hello="HELLO\n", ready="^READY")
    twin.pull()
    first.unlink()
    wait_for(lambda: not sorter.ready)
    twin.start(link=second)
    wait_for(lambda: sorter.ready)
    events = collect(sorter, 0.1)

    assert kinds(events) == ["link-down", "link-up"]
    assert [event.detail for event in events if isinstance(event, LinkEvent)][-1] == str(second)


def test_a_command_while_the_link_is_down_was_not_sent(twin: TwinControl, opened: list[LineSorter]) -> None:
    twin.start()
    sorter = open_on(opened, twin.link, hello="HELLO\n", ready="^READY")
    twin.pull()
    wait_for(lambda: not sorter.ready)
    sorter.submit(command(1))

    assert (1, AckStatus.FAILED) in statuses(collect(sorter, 0.3))


def test_a_far_end_that_does_not_read_costs_one_unknown_and_a_new_connection(
    board: Board, opened: list[LineSorter]
) -> None:
    sorter = open_on(opened, board.link, template="{channel}" + "x" * 500 + "\n", reply=None, refusal=None)
    seen: list[tuple[int, AckStatus]] = []
    for seq in range(1, 200):
        if not sorter.ready:
            break
        sorter.submit(command(seq))
        seen += statuses(sorter.events(0))
    events = collect(sorter, 0.3)

    assert (seen + statuses(events))[-1][1] is AckStatus.UNKNOWN
    assert "link-down" in kinds(events)


def test_a_port_that_another_program_holds_is_named(board: Board, opened: list[LineSorter]) -> None:
    script = (
        "import serial, sys, time; p = serial.Serial(sys.argv[1], exclusive=True); print('held', flush=True);"
        "time.sleep(30)"
    )
    command_line = [sys.executable, "-c", script, str(board.link)]
    with subprocess.Popen(command_line, stdout=subprocess.PIPE, cwd=ROOT) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LinkError, match=rf"held by .*python.* \(pid {other.pid}\)"):
            open_on(opened, board.link)
        other.kill()


def test_a_port_that_is_not_permitted_names_the_group_to_join(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody who may not")
    master, slave = os.openpty()
    try:
        os.chmod(os.ttyname(slave), 0o600)
        script = (
            "import os, sys; from appliance.sorter.serial_port import SerialPort;"
            "from appliance.errors import LinkError;"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "try: SerialPort(sys.argv[1], 9600)\n"
            "except LinkError as error: print(error.found, '|', error.remedy)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, os.ttyname(slave)], capture_output=True, text=True, cwd=ROOT, check=False
        )
    finally:
        os.close(master)
        os.close(slave)
    assert "not permitted; it belongs to the group" in done.stdout, done.stderr
    assert "sudo usermod -aG" in done.stdout


def test_a_silent_board_is_refused_with_what_to_check(board: Board, opened: list[LineSorter]) -> None:
    with pytest.raises(LinkError, match="no answer in 0.3 s.*baud"):
        open_on(opened, board.link, hello="HELLO\n", ready="^READY", ready_timeout_s=0.3)
    assert board.heard() == b"HELLO\n" + QUESTION


def test_a_pattern_that_fits_two_ports_is_refused(tmp_path: Path, opened: list[LineSorter]) -> None:
    for name in ("ttyACM0", "ttyACM1"):
        (tmp_path / name).touch()
    with pytest.raises(LinkError, match="it fits .*ttyACM0.*ttyACM1"):
        open_on(opened, f"{tmp_path}/ttyACM*")
