"""Reading the journal: the last items, the sums, the events, and the export."""

import csv
import dataclasses
import io
import json
import sqlite3
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support import ConfigFile

from appliance.cli import main
from appliance.config import JournalOptions
from appliance.errors import StorageError
from appliance.history import EXPORT_COLUMNS, export, last_failure, open_history, totals
from appliance.journal import Journal, RunInfo
from appliance.records import Decision, Outcome, OutcomeKind, Rule

PROMISED = [
    "item", "frame", "source", "taken_at", "label", "confidence", "bin", "outcome", "rule", "model", "seq",
    "latency_ms",
]  # fmt: skip
INFO = RunInfo("0.1.0", "digest", "chamber5 1.0.0 (0123abcd)")


def outcome(
    number: int, kind: OutcomeKind = OutcomeKind.SORTED, label: str | None = "can", *, run_id: str = "r"
) -> Outcome:
    rule = Rule.LABEL if kind is OutcomeKind.SORTED else Rule.BELOW_THRESHOLD
    decision = Decision("cans", rule, label, 0.91, "pet")
    taken_at_ns = time.monotonic_ns()
    return Outcome(f"{run_id}-{number}", number, f"a/{number}.jpg", taken_at_ns, kind, decision, number, 12.5, 40.25)


def write_run(state_dir: Path, outcomes: list[Outcome]) -> str:
    """One clean run; returns its id."""
    journal = Journal(state_dir, JournalOptions(), INFO)
    for one in outcomes:
        journal.put(one, journal.intend(one))
    journal.event("link-up", {"detail": "/dev/ttyACM0"})
    journal.event("run-end", {})
    assert journal.close()
    return journal.run_id


@pytest.fixture
def two_runs(tmp_path: Path) -> tuple[Path, list[str]]:
    first = write_run(tmp_path, [outcome(n, run_id="a") for n in (1, 2, 3)])
    ends = [(OutcomeKind.SORTED, "can"), (OutcomeKind.REJECTED, "pet"), (OutcomeKind.UNCERTAIN, None)]
    second = write_run(tmp_path, [outcome(n, kind, label, run_id="b") for n, (kind, label) in enumerate(ends, 4)])
    return tmp_path, [first, second]


def test_a_row_has_everything_that_was_known_of_the_item(two_runs: tuple[Path, list[str]]) -> None:
    state_dir, (first, _) = two_runs
    with open_history(state_dir) as history:
        row = next(history.items())
    taken_at = datetime.fromisoformat(row.pop("taken_at"))
    assert abs(taken_at.timestamp() - time.time()) < 60
    assert row == {
        "item": "a-1", "frame": 1, "source": "a/1.jpg", "label": "can", "confidence": 0.91, "bin": "cans",
        "outcome": "sorted", "rule": "label", "model": INFO.model, "seq": 1, "latency_ms": 12.5, "confirm_ms": 40.25,
        "runner_up": "pet", "run_id": first, "detail": "",
    }  # fmt: skip


def test_items_come_in_the_order_of_their_decisions(two_runs: tuple[Path, list[str]]) -> None:
    state_dir, (_, second) = two_runs
    with open_history(state_dir) as history:
        assert [row["seq"] for row in history.items()] == [1, 2, 3, 4, 5, 6]
        assert [row["seq"] for row in history.items(run_id=second)] == [4, 5, 6]
        assert [row["seq"] for row in history.items(last=2)] == [5, 6]
        assert [row["seq"] for row in history.items(run_id=second, last=2)] == [5, 6]
        assert [row["seq"] for row in history.items(last=99)] == [1, 2, 3, 4, 5, 6]
        assert list(history.items(run_id="no such run")) == []


def test_daily_sums_count_every_item_once(two_runs: tuple[Path, list[str]]) -> None:
    state_dir, _ = two_runs
    with open_history(state_dir) as history:
        rows = history.daily()
        assert history.daily(days=1)[0] == rows[0]
    assert totals(rows, "outcome") == {"sorted": 4, "rejected": 1, "uncertain": 1}
    assert totals(rows, "label") == {"can": 4, "pet": 1, "": 1}
    assert sum(row["latency_ms_sum"] for row in rows) == pytest.approx(6 * 12.5)


def test_only_the_last_days_can_be_summed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, JournalOptions(), INFO)
    day_ns = 86_400 * 10**9
    for number, age in enumerate((0, 1, 2, 2)):
        one = dataclasses.replace(outcome(number), taken_at_ns=time.monotonic_ns() - age * day_ns)
        journal.put(one, journal.intend(one))
    journal.event("run-end", {})
    journal.close()
    with open_history(tmp_path) as history:
        assert [row["items"] for row in history.daily()] == [1, 1, 2]
        assert [row["items"] for row in history.daily(days=2)] == [1, 1]


def test_events_come_oldest_first_with_their_details(two_runs: tuple[Path, list[str]]) -> None:
    state_dir, (first, second) = two_runs
    with open_history(state_dir) as history:
        events = history.events()
        assert [(one["run_id"], one["kind"], one["json"]) for one in events] == [
            (first, "link-up", {"detail": "/dev/ttyACM0"}),
            (first, "run-end", {}),
            (second, "link-up", {"detail": "/dev/ttyACM0"}),
            (second, "run-end", {}),
        ]
        assert history.events(run_id=first) == events[:2]
        assert history.events(last=1) == events[-1:]


def test_runs_tell_what_ran(two_runs: tuple[Path, list[str]]) -> None:
    state_dir, ids = two_runs
    with open_history(state_dir) as history:
        runs = history.runs()
    assert [run["run_id"] for run in runs] == ids
    assert {(run["version"], run["config_digest"], run["model"]) for run in runs} == {("0.1.0", "digest", INFO.model)}
    assert all(run["boot_id"] for run in runs)


def test_a_journal_that_is_being_written_can_be_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path, JournalOptions(), INFO)
    one = outcome(1)
    journal.put(one, journal.intend(one))
    deadline = time.monotonic() + 5
    found: list[dict[str, Any]] = []
    while not found and time.monotonic() < deadline:
        with open_history(tmp_path) as history:
            found = list(history.items())
    assert [row["item"] for row in found] == [one.item_id]
    journal.close()


# What people read


def read(config_file: ConfigFile, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["history", *words, "-c", str(config_file.path)]) == 0
    return capsys.readouterr().out.splitlines()


def test_tail_tells_why_an_item_failed(config_file: ConfigFile, capsys: pytest.CaptureFixture[str]) -> None:
    config_file.state_dir.mkdir()
    jammed = dataclasses.replace(outcome(2, OutcomeKind.FAILED), detail="the machine is jammed: nothing moved")
    write_run(config_file.state_dir, [outcome(1), jammed])
    well, failed = read(config_file, capsys, "tail")
    assert well.endswith("a/1.jpg")
    assert failed.endswith("a/2.jpg  the machine is jammed: nothing moved")


def test_events_are_shown_without_what_says_nothing(
    config_file: ConfigFile, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.state_dir.mkdir()
    journal = Journal(config_file.state_dir, JournalOptions(), INFO)
    journal.event("board-armed", {"detail": ""})
    journal.event("fire", {"seq": 7, "bin": "rest", "channel": 0})
    journal.event("run-end", {})
    journal.close()
    shown = [line.split(journal.run_id)[1].split(None, 1) for line in read(config_file, capsys, "events")]
    assert shown == [["board-armed"], ["fire", "seq: 7, bin: rest, channel: 0"], ["run-end"]]


def test_the_last_failure_is_the_newest_of_the_last_thousand_items(tmp_path: Path) -> None:
    failed = dataclasses.replace(outcome(1, OutcomeKind.FAILED), detail="jammed")
    unsure = dataclasses.replace(outcome(2, OutcomeKind.UNCERTAIN), detail="no answer in 2 s")
    assert last_failure(tmp_path) == ""
    write_run(tmp_path, [failed, unsure, outcome(3), outcome(4, OutcomeKind.MISSED)])
    assert last_failure(tmp_path).endswith("Z, cans: uncertain: no answer in 2 s")
    for begin in range(5, 1002, 50):
        write_run(tmp_path, [outcome(n, run_id="later") for n in range(begin, min(begin + 50, 1002))])
    assert last_failure(tmp_path).endswith("no answer in 2 s")
    write_run(tmp_path, [outcome(1002, run_id="later")])
    assert last_failure(tmp_path) == ""


# Export


def test_the_export_begins_with_the_promised_columns() -> None:
    assert list(EXPORT_COLUMNS[: len(PROMISED)]) == PROMISED


def test_csv_has_a_header_and_survives_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    nasty = 'a, "b"\nc/ü.jpg'
    one = outcome(1)
    write_run(tmp_path, [Outcome(one.item_id, 1, nasty, one.taken_at_ns, one.kind, one.decision, None, 1.0)])
    out = io.StringIO(newline="")
    with open_history(tmp_path) as history:
        assert export(history.items(), out, "csv") == 1
    header, row = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert header[: len(PROMISED)] == PROMISED
    assert row[header.index("source")] == nasty
    assert row[header.index("seq")] == ""
    assert out.getvalue().endswith("\r\n")


def test_jsonl_is_one_object_a_line_with_the_same_rows(two_runs: tuple[Path, list[str]]) -> None:
    state_dir, _ = two_runs
    out = io.StringIO()
    with open_history(state_dir) as history:
        rows = list(history.items())
        assert export(iter(rows), out, "jsonl") == 6
    assert [json.loads(line) for line in out.getvalue().splitlines()] == rows
    assert list(rows[0])[: len(PROMISED)] == PROMISED


def test_an_empty_journal_exports_only_its_header(tmp_path: Path) -> None:
    write_run(tmp_path, [])
    out = io.StringIO()
    with open_history(tmp_path) as history:
        assert export(history.items(), out, "csv") == 0
    assert out.getvalue().split(",")[:2] == ["item", "frame"]


def test_totals_are_largest_first() -> None:
    rows = [{"bin": "a", "items": 1}, {"bin": "b", "items": 2}, {"bin": "a", "items": 4}]
    assert list(totals(rows, "bin").items()) == [("a", 5), ("b", 2)]


# Journals that cannot be read


def test_no_journal_is_told_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is none") as refused, open_history(tmp_path):
        pass
    assert "appliance run" in refused.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_journal_is_a_storage_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.db").write_bytes(content)
    with pytest.raises(StorageError), open_history(tmp_path) as history:
        list(history.items())
    assert (tmp_path / "journal.db").read_bytes() == content


@pytest.mark.parametrize("version", [0, 1, 99])
def test_another_schema_is_not_read_and_not_changed(tmp_path: Path, version: int) -> None:
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("CREATE TABLE items (x)")
    connection.close()
    before = (tmp_path / "journal.db").read_bytes()
    with pytest.raises(StorageError, match=f"schema {version}"), open_history(tmp_path):
        pass
    assert (tmp_path / "journal.db").read_bytes() == before


def test_reading_never_writes(two_runs: tuple[Path, list[str]]) -> None:
    state_dir, _ = two_runs
    with open_history(state_dir) as history, pytest.raises(sqlite3.OperationalError, match="readonly"):
        history.connection.execute("DELETE FROM items")
    with open_history(state_dir) as history:
        assert len(list(history.items())) == 6
