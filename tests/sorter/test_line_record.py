"""What a text line has carried: bounded, numbered, and the same for every reader."""

import threading
from pathlib import Path

from support import TwinControl, wait_for

from appliance.records import SortCommand
from appliance.sorter.line import LineOptions, LineSorter
from appliance.sorter.line_record import LineRecord


def test_lines_are_numbered_in_their_order_and_the_oldest_fall_out() -> None:
    record = LineRecord("commands", clock=lambda: 7)
    for number in range(300):
        record.sent(b"SORT %d\n" % number)
    kept = record.after(0)
    assert [one.number for one in kept] == list(range(45, 301))
    assert kept[0].text == "SORT 44"
    assert kept[0].outgoing
    assert kept[0].at_ns == 7
    assert record.after(299) == kept[-1:]
    assert record.after(300) == []


def test_counts_begin_at_zero_and_lines_of_any_bytes_are_kept_short() -> None:
    record = LineRecord("a", "b")
    record.count("b")
    record.sent(b"\xff" * 1000)
    record.heard("x" * 1000, "unexpected")
    assert record.counts() == {"a": 0, "b": 1}
    assert [len(one.text) for one in record.after(0)] == [120, 120]
    assert record.after(1)[0].trouble == "unexpected"


def test_many_writers_lose_nothing() -> None:
    record = LineRecord()

    def write() -> None:
        for _ in range(50):
            record.sent(b"x")
            record.count("x")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert record.counts() == {"x": 200}
    assert [one.number for one in record.after(0)] == list(range(1, 201))


def test_a_line_tells_how_it_stands_through_a_command_and_a_pulled_cable(twin: TwinControl, tmp_path: Path) -> None:
    twin.start()
    sorter = LineSorter(
        LineOptions(
            kind="line", port=str(tmp_path / "twin*.tty"), hello="HELLO\n", ready="^READY",
            template="SORT {channel} {seq}\n", reply=r"^OK (?P<seq>\d+)", refusal=r"^ERR (?P<seq>\d+)",
        )
    )  # fmt: skip
    assert sorter.link()["state"] == "down"
    sorter.open()
    assert sorter.link()["state"] == "ready"
    assert sorter.link()["device"] == str(twin.link)
    sorter.submit(SortCommand(1, "cans", 1, 0, 2**62))
    wait_for(lambda: sorter.link()["counters"]["host"]["done"] == 1)
    assert [(one.outgoing, one.text) for one in sorter.passages(0)] == [
        (True, "HELLO"),
        (False, "READY SIMULATED appliance-twin channels=8"),
        (True, "SORT 1 1"),
        (False, "OK 1 SIMULATED"),
    ]
    twin.pull()
    twin.link.unlink()
    wait_for(lambda: sorter.link()["state"] == "down")
    assert sorter.link()["why"]
    twin.start(link=tmp_path / "twin2.tty")
    wait_for(lambda: sorter.link()["state"] == "ready", 20)
    assert sorter.link()["device"] == str(tmp_path / "twin2.tty")
    assert sorter.link()["counters"]["host"]["link-down"] == 1
    sorter.close()
    assert sorter.link()["state"] == "closed"
