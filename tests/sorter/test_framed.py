"""The framed sorter on a real pseudo-terminal, with the SIMULATED board as a process of its own at the far end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, TwinControl, wait_for

from appliance.errors import LinkError
from appliance.records import Ack, AckStatus, LinkEvent, SensorEvent, SortCommand
from appliance.sorter import Describes, GoesHome
from appliance.sorter.framed import FramedOptions, FramedSorter
from appliance.sorter.frames import Hello
from appliance.sorter.wire import line_of
from appliance.twin_log import read_log


@pytest.fixture
def opened() -> Iterator[list[FramedSorter]]:
    sorters: list[FramedSorter] = []
    yield sorters
    for sorter in sorters:
        sorter.close()


def framed(port: Path | str, **changes: Any) -> FramedSorter:
    return FramedSorter(FramedOptions(kind="framed", port=str(port), **changes))


def open_on(opened: list[FramedSorter], port: Path | str, **changes: Any) -> FramedSorter:
    sorter = framed(port, **changes)
    opened.append(sorter)
    sorter.open()
    return sorter


_HOST = """
import json, sys, time
from appliance.sorter.framed import FramedOptions, FramedSorter

sorter = FramedSorter(FramedOptions(kind="framed", port=sys.argv[1]))
sorter.open()
print("ready", flush=True)
ends, told = time.monotonic() + 5.0, []
while time.monotonic() < ends and "board-armed" not in [one.kind for one in told]:
    told += sorter.events(0.02)
sorter.close()
for one in told:
    print(json.dumps({"kind": one.kind, "at_ns": one.at_ns, "detail": one.detail}))
"""


def start(twin: TwinControl, *options: str, link: Path | None = None) -> None:
    twin.start("--protocol", "framed", *options, link=link)


def command(seq: int, channel: int = 3, valid_s: float = 1.0) -> SortCommand:
    now_ns = time.monotonic_ns()
    return SortCommand(seq, "glass", channel, now_ns, now_ns + int(valid_s * 1e9))


def collect(sorter: FramedSorter, seconds: float) -> list[Ack | LinkEvent | SensorEvent]:
    found: list[Ack | LinkEvent | SensorEvent] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found += sorter.events(0.02)
    return found


def until(sorter: FramedSorter, kind: str, seconds: float = 10.0) -> tuple[float, list[Ack | LinkEvent | SensorEvent]]:
    """The loop turns until an event of a kind comes: how long that took, and all that came."""
    began, found = time.monotonic(), []
    while time.monotonic() - began < seconds:
        found += sorter.events(0.01)
        if kind in kinds(found):
            return time.monotonic() - began, found
    raise AssertionError(f"{kind} did not come; {found}")


def ready_again(sorter: FramedSorter, seconds: float = 10.0) -> None:
    def turned() -> bool:
        sorter.events(0.01)
        return sorter.ready

    wait_for(turned, seconds)


def statuses(events: list[Ack | LinkEvent | SensorEvent]) -> list[tuple[int, AckStatus]]:
    return [(event.seq, event.status) for event in events if isinstance(event, Ack)]


def kinds(events: list[Ack | LinkEvent | SensorEvent]) -> list[str]:
    seen = [event.kind for event in events if isinstance(event, LinkEvent)]
    return [kind for kind in seen if kind != "link-still-down"]


def test_several_commands_are_on_their_way_at_once(twin: TwinControl, opened: list[FramedSorter]) -> None:
    start(twin, "--delay", "0.3")
    sorter = open_on(opened, twin.link)
    began = time.monotonic()
    for seq in range(1, 7):
        assert sorter.ready
        sorter.submit(command(seq, channel=seq))
    events = collect(sorter, 1.0)
    done_s = max(event.done_at_ns for event in events if isinstance(event, Ack)) / 1e9 - began

    assert sorted(statuses(events)) == [(seq, AckStatus.DONE) for seq in range(1, 7)]
    assert done_s < 1.0  # one after the other would take 1.8 s
    assert sorted((row["seq"], row["channel"], row["result"]) for row in read_log(twin.log)) == [
        (seq, seq, "moved") for seq in range(1, 7)
    ]


def test_the_capabilities_are_the_boards(twin: TwinControl, opened: list[FramedSorter]) -> None:
    start(twin, "--delay", "0.02")
    first = framed(twin.link)
    told = first.open()
    first.submit(command(41))
    collect(first, 0.3)
    first.close()
    second = framed(twin.link)
    opened.append(second)
    again = second.open()

    assert (told.simulated, told.confirms, told.channels, told.last_seq) == (True, True, 8, None)
    assert again.last_seq == 41


def test_a_cable_that_is_pulled_is_known_at_once_and_the_link_comes_back(
    twin: TwinControl, opened: list[FramedSorter]
) -> None:
    start(twin, "--delay", "5")
    sorter = open_on(opened, twin.link)
    sorter.submit(command(1))
    collect(sorter, 0.1)
    twin.pull()
    lost_s, lost = until(sorter, "link-down")
    start(twin, "--delay", "0.02")
    _, back = until(sorter, "link-up")
    ready_again(sorter)
    sorter.submit(command(2))
    moved = collect(sorter, 0.5)

    assert lost_s < 1.0
    assert "the device was disconnected" in [event.detail for event in lost if isinstance(event, LinkEvent)]
    assert statuses(lost + collect(sorter, 0.05)) == [(1, AckStatus.UNKNOWN)]
    assert kinds(back) == ["link-up", "board-restarted"]
    assert statuses(moved) == [(2, AckStatus.DONE)]


def test_the_port_may_come_back_under_another_name(
    twin: TwinControl, tmp_path: Path, opened: list[FramedSorter]
) -> None:
    first, second = tmp_path / "ttyACM0", tmp_path / "ttyACM1"
    start(twin, link=first)
    sorter = open_on(opened, f"{tmp_path}/ttyACM*")
    twin.pull()
    first.unlink()
    until(sorter, "link-down")
    start(twin, link=second)
    _, events = until(sorter, "link-up")

    assert str(second) in [event.detail for event in events if isinstance(event, LinkEvent)]
    assert sorter.link()["device"] == str(second)


def test_a_board_that_hangs_is_known_within_a_second_and_greeted_until_it_answers(
    twin: TwinControl, opened: list[FramedSorter]
) -> None:
    start(twin)
    sorter = open_on(opened, twin.link)
    assert twin._process is not None
    os.kill(twin._process.pid, signal.SIGSTOP)
    silent_s, _ = until(sorter, "link-down")
    os.kill(twin._process.pid, signal.SIGCONT)
    until(sorter, "link-up")
    ready_again(sorter)
    sorter.submit(command(1))

    assert silent_s < 1.0
    assert statuses(collect(sorter, 0.5)) == [(1, AckStatus.DONE)]


def test_a_program_that_was_stopped_says_so_and_when_the_board_rested(twin: TwinControl) -> None:
    """A host in a process of its own, stopped for two seconds and continued."""
    start(twin)
    host = subprocess.Popen([sys.executable, "-c", _HOST, str(twin.link)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert host.stdout is not None
    with host, host.stdout:
        assert host.stdout.readline() == "ready\n"
        stopped_ns = time.monotonic_ns()
        os.kill(host.pid, signal.SIGSTOP)
        time.sleep(2.0)
        os.kill(host.pid, signal.SIGCONT)
        told = [json.loads(line) for line in host.stdout]

    assert [one["kind"] for one in told] == ["program-stood-still", "board-rested", "board-armed"]
    stood, rested, _ = told
    assert 1.8 <= float(stood["detail"].split()[1]) < 4.0
    assert 0.0 < (rested["at_ns"] - stopped_ns) / 1e9 < 1.0


def test_two_hosts_on_one_port_are_told_and_do_not_fight(twin: TwinControl, opened: list[FramedSorter]) -> None:
    """The other one got in although the port is locked, and greets the board whenever it may."""
    start(twin)
    sorter = open_on(opened, twin.link)
    other = os.open(twin.link, os.O_RDWR | os.O_NOCTTY)
    events, ends = [], time.monotonic() + 2.5
    try:
        while time.monotonic() < ends:
            os.write(other, line_of(Hello(1, 0, 999)))
            events += collect(sorter, 0.05)
    finally:
        os.close(other)
    events += until(sorter, "link-up")[1]
    downs = [event.detail for event in events if isinstance(event, LinkEvent) and event.kind == "link-down"]

    assert 2 <= len(downs) <= 4  # a fight would be 25 and more
    assert "another host uses this port" in downs[1]


def test_a_board_that_opening_resets_is_waited_for(twin: TwinControl, opened: list[FramedSorter]) -> None:
    """A second of bootloader, then the handshake follows within half a second."""
    start(twin, "--reset-on-open")
    began = time.monotonic()
    sorter = open_on(opened, twin.link)
    taken_s = time.monotonic() - began
    sorter.submit(command(1))

    assert 0.9 < taken_s < 2.5
    assert sorter.link()["board"]["reset"] == "reset pin"
    assert statuses(collect(sorter, 0.5)) == [(1, AckStatus.DONE)]


def test_the_board_rests_without_the_loops_sign_of_life_and_works_again_with_it(
    twin: TwinControl, opened: list[FramedSorter]
) -> None:
    start(twin)
    sorter = open_on(opened, twin.link)
    time.sleep(1.3)  # the loop hangs; the link's own thread does not
    rested = sorter.link()["state"]
    sorter.submit(command(1))
    _, events = until(sorter, "board-armed")
    sorter.submit(command(2))
    events += collect(sorter, 0.5)

    assert rested == "safe"
    assert kinds(events) == ["board-rested", "board-armed"]
    assert statuses(events) == [(1, AckStatus.FAILED), (2, AckStatus.DONE)]


def test_a_long_wait_for_events_is_a_sign_of_life(twin: TwinControl, opened: list[FramedSorter]) -> None:
    start(twin)
    sorter = open_on(opened, twin.link)

    assert sorter.events(1.5) == []
    assert sorter.ready


def test_noise_is_counted_and_costs_no_movement(twin: TwinControl, opened: list[FramedSorter]) -> None:
    start(twin, "--noise", "0.3", "--delay", "0.02")
    sorter = open_on(opened, twin.link)
    events = []
    for seq in range(1, 21):
        ready_again(sorter)
        sorter.submit(command(seq))
        events += collect(sorter, 0.15)
    events += collect(sorter, 1.0)

    assert sorted(statuses(events)) == [(seq, AckStatus.DONE) for seq in range(1, 21)]
    assert sorted(row["seq"] for row in read_log(twin.log)) == list(range(1, 21))
    counted = sorter.link()["counters"]["host"]
    assert counted["bad_crc"] + counted["bad_frame"] > 0


def test_the_link_is_described_with_both_ends_counters(twin: TwinControl, opened: list[FramedSorter]) -> None:
    start(twin, "--delay", "0.02")
    sorter = open_on(opened, twin.link)
    sorter.submit(command(1))
    collect(sorter, 0.3)
    sorter.refresh(2.0)
    told = sorter.link()

    assert isinstance(sorter, Describes)
    assert isinstance(sorter, GoesHome)
    assert (told["state"], told["board"]["simulated"], told["board"]["protocol"]) == ("armed", True, "1.0")
    assert told["counters"]["board"]["moved"] == 1
    assert told["quality"]["round_trip_ms"] > 0
    names = [passage.text.split()[0] for passage in sorter.passages(0) if passage.text]
    assert {"HELLO", "WELCOME", "ARM", "STATE", "COMMAND", "ACCEPTED", "DONE", "BEAT", "PULSE"} <= set(names)


def test_home_is_a_command_with_its_own_answer(twin: TwinControl, opened: list[FramedSorter]) -> None:
    start(twin)
    sorter = open_on(opened, twin.link)
    sorter.home(command(1))

    assert statuses(collect(sorter, 0.5)) == [(1, AckStatus.DONE)]
    assert sorter.ready


def test_a_port_where_nobody_answers_is_refused_with_what_to_check(tmp_path: Path) -> None:
    master, slave = os.openpty()
    (tmp_path / "port").symlink_to(os.ttyname(slave))
    try:
        with pytest.raises(LinkError, match="no answer in 0.4 s.*baud"):
            framed(tmp_path / "port", ready_timeout_s=0.4).open()
    finally:
        os.close(master)
        os.close(slave)


def test_a_line_board_is_told_apart_from_silence(twin: TwinControl) -> None:
    """It says that it does not understand, and nothing else is sent to find out."""
    twin.start()
    for _ in range(2):
        with pytest.raises(LinkError, match="speaks lines of text.*SIMULATED.*sorter.kind to line"):
            framed(twin.link).open()

    assert {row["result"] for row in read_log(twin.log)} == {"malformed"}


def test_noise_is_told_apart_from_text_and_silence(tmp_path: Path) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    (tmp_path / "port").symlink_to(os.ttyname(slave))
    noise = threading.Timer(0.3, lambda: os.write(master, b"\x00\xfe\x8a\x00\x80\x80\xf8\x00"))
    noise.start()
    try:
        with pytest.raises(LinkError, match="only noise came.*baud"):
            framed(tmp_path / "port", ready_timeout_s=1.0).open()
    finally:
        noise.join()
        os.close(master)
        os.close(slave)


def test_a_second_program_is_told_who_holds_the_port(twin: TwinControl, opened: list[FramedSorter]) -> None:
    start(twin)
    open_on(opened, twin.link)
    with pytest.raises(LinkError, match="held by"):
        framed(twin.link).open()


def test_stop_lets_the_board_rest_at_once(twin: TwinControl, opened: list[FramedSorter]) -> None:
    start(twin, "--delay", "0.02")
    sorter = open_on(opened, twin.link)
    sorter.submit(SortCommand(1, "glass", 1, time.monotonic_ns() + 10**9, time.monotonic_ns() + 2 * 10**9))
    sorter.stop()
    wait_for(lambda: sorter.link()["why"] == "it was told to stop")
    sorter.close()

    assert statuses(sorter.events(0)) == [(1, AckStatus.FAILED)]
    assert read_log(twin.log) == []


def test_a_board_that_is_only_listened_to_is_never_armed_and_asked_once(
    twin: TwinControl, opened: list[FramedSorter]
) -> None:
    start(twin)
    sorter = framed(twin.link)
    opened.append(sorter)
    sorter.listen()
    time.sleep(1.2)
    sorter.refresh(2.0)
    sorter.submit(command(1))

    assert (sorter.link()["state"], sorter.ready) == ("safe", False)
    assert sorter.link()["counters"]["board"]["lapsed"] == 0
    said = [passage.text.split()[0] for passage in sorter.passages(0) if passage.outgoing]
    assert "ARM" not in said
    assert said.count("ASK") <= 2  # the link's own, and ours
    assert statuses(sorter.events(0)) == [(1, AckStatus.FAILED)]
    assert read_log(twin.log) == []
