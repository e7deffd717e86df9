"""The journal keeps every item: through kills, full disks, damage, old versions and its own retention."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, file_system, wait_for

import appliance.journal
from appliance.config import JournalOptions
from appliance.errors import StorageError
from appliance.history import open_history
from appliance.intents import SLOTS
from appliance.journal import JOURNAL_FILE, Journal, RunInfo
from appliance.records import Decision, Outcome, OutcomeKind, Rule

INFO = RunInfo("0.1.0", "digest", "chamber5 1.0.0 (0123abcd)")
DAY_NS = 86_400 * 10**9

VERSION_1 = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, boot_id TEXT NOT NULL, version TEXT NOT NULL, config_digest TEXT NOT NULL,
    model TEXT NOT NULL, started_wall TEXT NOT NULL, clock_synced INTEGER NOT NULL
);
CREATE TABLE items (
    n INTEGER PRIMARY KEY AUTOINCREMENT, item TEXT NOT NULL UNIQUE, run_id TEXT NOT NULL, frame INTEGER NOT NULL,
    source TEXT NOT NULL, taken_ns INTEGER NOT NULL, taken_at TEXT NOT NULL, label TEXT, confidence REAL NOT NULL,
    runner_up TEXT, bin TEXT NOT NULL, outcome TEXT NOT NULL, rule TEXT NOT NULL, model TEXT NOT NULL, seq INTEGER,
    latency_ms REAL NOT NULL, confirm_ms REAL, detail TEXT NOT NULL
);
CREATE INDEX items_by_run ON items (run_id);
CREATE INDEX items_by_seq ON items (seq) WHERE seq IS NOT NULL;
CREATE TABLE events (
    n INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, item_id TEXT, t_ns INTEGER NOT NULL,
    kind TEXT NOT NULL, json TEXT NOT NULL
);
CREATE INDEX events_by_run ON events (run_id);
PRAGMA user_version = 1;
"""
"""What machines in the field have on their cards: never to be changed here."""


def outcome(name: str, kind: OutcomeKind = OutcomeKind.SORTED, seq: int | None = None, **other: Any) -> Outcome:
    decision = Decision("cans", Rule.LABEL, "can", 0.91, "pet")
    one = Outcome(name, 1, f"{name}.jpg", time.monotonic_ns(), kind, decision, seq, 12.5, 40.25)
    return dataclasses.replace(one, **other)


def open_journal(state_dir: Path, **options: Any) -> Journal:
    return Journal(state_dir, JournalOptions(**options), INFO)


def keep(journal: Journal, one: Outcome) -> None:
    """What the loop does with an item, waiting for room as the loop does."""
    wait_for(lambda: journal.has_room)
    journal.put(one, journal.intend(one))


def end(journal: Journal) -> None:
    journal.event("run-end", {})
    assert journal.close()


def rows(state_dir: Path, run_id: str | None = None) -> list[dict[str, Any]]:
    with open_history(state_dir) as history:
        return list(history.items(run_id=run_id))


def events(state_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    with open_history(state_dir) as history:
        return [(one["kind"], one["json"]) for one in history.events(last=10_000)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 2 MB."""
    with file_system(tmp_path / "disk", "2m") as place:
        yield place


def fill(folder: Path) -> Path:
    """Take every block that is left; removing the file gives them back."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


# One run after the other


def test_items_are_there_after_a_clean_end(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    kept = [outcome(f"{journal.run_id}-{n}", seq=n) for n in range(1, 201)]
    for one in kept:
        keep(journal, one)
    end(journal)
    assert [row["item"] for row in rows(tmp_path, journal.run_id)] == [one.item_id for one in kept]
    assert (journal.recovered, journal.trouble) == (0, None)


def test_a_clean_end_leaves_nothing_to_recover(tmp_path: Path) -> None:
    for _ in range(2):
        journal = open_journal(tmp_path)
        keep(journal, outcome(f"{journal.run_id}-1"))
        end(journal)
        assert journal.recovered == 0
    assert [kind for kind, _ in events(tmp_path)] == ["run-end", "run-end"]


def test_an_event_keeps_the_moment_at_which_it_happened(tmp_path: Path) -> None:
    """A board tells that it rests when the program that hears it turns again."""
    journal = open_journal(tmp_path)
    journal.event("board-rested", {}, at_ns=12_345)
    end(journal)
    with open_history(tmp_path) as history:
        rested, ended = history.events()
    assert (rested["kind"], rested["t_ns"]) == ("board-rested", 12_345)
    assert ended["t_ns"] > 12_345


def test_run_ids_and_seqs_never_repeat(tmp_path: Path) -> None:
    seen_ids, seen_seqs = set(), set()
    for _ in range(5):
        journal = open_journal(tmp_path)
        assert journal.run_id not in seen_ids
        seen_ids.add(journal.run_id)
        for seq in range(journal.next_seq, journal.next_seq + 3):
            assert seq not in seen_seqs
            seen_seqs.add(seq)
            keep(journal, outcome(f"{journal.run_id}-{seq}", seq=seq))
        end(journal)
    assert seen_seqs == set(range(1, 16))


def test_after_an_unclean_end_the_numbers_leave_a_gap_for_what_a_power_cut_may_have_lost(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    keep(journal, outcome("a", seq=7))
    journal.close()
    again = open_journal(tmp_path)
    assert again.next_seq > 7 + 5 * 200  # flush_s of 5 s, with more items a second than any machine sorts
    keep(again, outcome("b", seq=again.next_seq))
    end(again)
    last = open_journal(tmp_path)
    assert last.next_seq == again.next_seq + 1
    end(last)


def test_seqs_go_on_when_the_journal_is_lost(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    keep(journal, outcome("a", seq=70))
    end(journal)
    (tmp_path / JOURNAL_FILE).write_bytes(b"not a database, " * 1000)
    again = open_journal(tmp_path)
    assert again.next_seq > 70
    end(again)


def test_it_is_idle_when_everything_is_committed(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for n in range(50):
        keep(journal, outcome(f"item-{n}"))
    wait_for(lambda: journal.idle)
    assert len(rows(tmp_path)) == 50
    end(journal)


def test_a_run_id_that_is_taken_is_not_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["aaaaaaaa", "aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr(appliance.journal.secrets, "token_hex", lambda _: next(drawn))
    ids = []
    for _ in range(2):
        journal = open_journal(tmp_path)
        ids.append(journal.run_id)
        end(journal)
    assert ids == ["aaaaaaaa", "bbbbbbbb"]


def test_an_item_that_is_put_twice_is_kept_and_counted_once(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for _ in range(2):
        keep(journal, outcome("same"))
    end(journal)
    assert len(rows(tmp_path)) == 1
    with open_history(tmp_path) as history:
        assert [row["items"] for row in history.daily()] == [1]


def test_a_source_whose_name_is_no_unicode_is_kept_and_stops_nothing(tmp_path: Path) -> None:
    """A folder copied from an old computer: file names in Latin-1."""
    journal = Journal(tmp_path, JournalOptions(), dataclasses.replace(INFO, model=os.fsdecode(b"gr\xfcn.tflite")))
    keep(journal, outcome("first", source=os.fsdecode(b"gr\xfcn/1.jpg")))
    keep(journal, outcome("second"))
    end(journal)
    first, second = rows(tmp_path)
    assert (first["item"], second["item"]) == ("first", "second")
    assert first["source"].startswith("gr")
    assert first["source"].endswith("n/1.jpg")


def test_no_thread_and_no_file_stays_open(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    journal = open_journal(tmp_path)
    keep(journal, outcome("a"))
    end(journal)
    assert set(os.listdir("/proc/self/fd")) <= before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["intents.bin", JOURNAL_FILE]


# Kills

CHILD = """
import dataclasses, os, signal, sys, time
from pathlib import Path
from appliance.config import JournalOptions
from appliance.journal import Journal, RunInfo
from appliance.records import Decision, Outcome, OutcomeKind, Rule

state_dir, plan = Path(sys.argv[1]), sys.argv[2]
journal = Journal(state_dir, JournalOptions(flush_s=0.05), RunInfo("0.1.0", "digest", "model"))
decision = Decision("cans", Rule.LABEL, "can", 0.91, "pet")

def intent(seq):
    taken_ns = time.monotonic_ns()
    return Outcome(f"{journal.run_id}-{seq}", seq, "a.jpg", taken_ns, OutcomeKind.UNCERTAIN, decision, seq, 1.0)

def say(*words):
    os.write(1, " ".join(map(str, words)).encode() + b"\\n")

if plan == "between":
    journal.intend(intent(journal.next_seq))
    os.kill(os.getpid(), signal.SIGKILL)
if plan == "after put":
    for seq in range(journal.next_seq, journal.next_seq + 60):
        one = intent(seq)
        journal.put(dataclasses.replace(one, kind=OutcomeKind.SORTED), journal.intend(one))
    os.kill(os.getpid(), signal.SIGKILL)
seq = journal.next_seq
while True:
    while not journal.has_room:
        time.sleep(0.0001)
    one = intent(seq)
    slot = journal.intend(one)
    say("out", seq)  # from here on the command may be on the wire
    journal.put(dataclasses.replace(one, kind=OutcomeKind.SORTED), slot)
    say("done", seq)
    seq += 1
"""


def run_child(state_dir: Path, plan: str, lines: int = 0) -> list[str]:
    """A run in another process, killed by itself or after so many lines of its report; returns the report."""
    command = [sys.executable, "-c", CHILD, str(state_dir), plan]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        heard = [process.stdout.readline() for _ in range(lines)]
        if lines:
            process.send_signal(signal.SIGKILL)
        heard += process.stdout.readlines()
        process.wait(60)
    assert process.returncode == -signal.SIGKILL
    return [line.strip() for line in heard if line.endswith("\n")]


def test_a_kill_between_intent_and_commit_leaves_an_uncertain_item(tmp_path: Path) -> None:
    run_child(tmp_path, "between")
    journal = open_journal(tmp_path)
    end(journal)
    (row,) = rows(tmp_path)
    assert (row["outcome"], row["seq"], row["bin"], row["label"]) == ("uncertain", 1, "cans", "can")
    assert row["run_id"] != journal.run_id
    assert journal.recovered == 1
    assert journal.next_seq > 1
    assert ("unclean-end-found", {"run": row["run_id"], "recovered_items": 1}) in events(tmp_path)
    with open_history(tmp_path) as history:
        assert [(one["outcome"], one["items"]) for one in history.daily()] == [("uncertain", 1)]


def test_a_kill_before_the_commits_leaves_every_item_with_its_outcome(tmp_path: Path) -> None:
    run_child(tmp_path, "after put")
    journal = open_journal(tmp_path)
    end(journal)
    assert [(row["seq"], row["outcome"]) for row in sorted(rows(tmp_path), key=lambda row: row["seq"])] == [
        (seq, "sorted") for seq in range(1, 61)
    ]
    assert journal.next_seq > 60


@pytest.mark.parametrize("lines", [1, 2, 7, 50, 501])
def test_a_kill_at_any_time_loses_no_movement_and_invents_no_success(tmp_path: Path, lines: int) -> None:
    heard = run_child(tmp_path, "until killed", lines)
    out = {int(line.split()[1]) for line in heard if line.startswith("out")}
    done = {int(line.split()[1]) for line in heard if line.startswith("done")}
    journal = open_journal(tmp_path)
    end(journal)
    found = {row["seq"]: row["outcome"] for row in rows(tmp_path)}
    assert out <= set(found) <= out | {max(out) + 1}
    assert {seq for seq in done if found[seq] != "sorted"} == set()
    assert set(found.values()) <= {"sorted", "uncertain"}
    assert journal.next_seq > max(found)


def test_a_second_kill_during_the_recovery_counts_nothing_twice(tmp_path: Path) -> None:
    """Committed, but the intents not yet cleared: the next start finds them again."""
    run_child(tmp_path, "after put")
    intents = (tmp_path / "intents.bin").read_bytes()
    end(open_journal(tmp_path))
    (tmp_path / "intents.bin").write_bytes(intents)
    journal = open_journal(tmp_path)
    end(journal)
    assert journal.recovered == 0
    assert len(rows(tmp_path)) == 60
    with open_history(tmp_path) as history:
        assert [one["items"] for one in history.daily()] == [60]


def test_left_over_intents_that_make_no_sense_stop_no_start(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.intents.hold({"item": "x"})
    journal.intents.hold({name: [1] for name in rows_columns()})
    journal.intents.hold(dict.fromkeys(rows_columns()))
    journal.intents.hold(dict.fromkeys(rows_columns(), "text"))
    journal.intents.hold(dict.fromkeys(rows_columns(), 10**30))
    journal.close()
    again = open_journal(tmp_path)
    end(again)
    assert rows(tmp_path) == []


def rows_columns() -> tuple[str, ...]:
    return appliance.journal.ITEM_COLUMNS


# Versions and damage


def write_version_1(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.execute("INSERT INTO runs VALUES ('0ld', 'boot', '0.0.1', 'd', 'm 1', '2026-01-01T00:00:00.000Z', 1)")
    for n, (day, label, kind) in enumerate(
        [("2026-01-01", "can", "sorted"), ("2026-01-01", "can", "sorted"), ("2026-01-02", None, "rejected")], 1
    ):
        connection.execute(
            "INSERT INTO items (item, run_id, frame, source, taken_ns, taken_at, label, confidence, bin, outcome, rule,"
            " model, seq, latency_ms, detail)"
            " VALUES (?, '0ld', ?, 's', 1, ?, ?, 0.9, 'cans', ?, 'label', 'm 1', ?, 4.5, '')",
            (f"0ld-{n}", n, f"{day}T10:00:00.000Z", label, kind, 40 + n),
        )
    connection.commit()
    connection.close()


def test_version_1_becomes_todays_with_its_sums_filled_in(tmp_path: Path) -> None:
    write_version_1(tmp_path / JOURNAL_FILE)
    journal = open_journal(tmp_path)
    assert journal.next_seq > 43
    keep(journal, outcome("new", seq=journal.next_seq))
    end(journal)
    assert [row["item"] for row in rows(tmp_path)] == ["0ld-1", "0ld-2", "0ld-3", "new"]
    with open_history(tmp_path) as history:
        old = [row for row in history.daily() if row["model"] == "m 1"]
    assert old == [
        {"day": "2026-01-02", "model": "m 1", "label": "", "bin": "cans", "outcome": "rejected", "rule": "label",
         "items": 1, "latency_ms_sum": 4.5},
        {"day": "2026-01-01", "model": "m 1", "label": "can", "bin": "cans", "outcome": "sorted", "rule": "label",
         "items": 2, "latency_ms_sum": 9.0},
    ]  # fmt: skip


def test_a_migrated_journal_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    shapes = []
    for name in ("old", "new"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "old":
            write_version_1(folder / JOURNAL_FILE)
        end(open_journal(folder))
        connection = sqlite3.connect(folder / JOURNAL_FILE)
        shapes.append(
            (
                connection.execute("PRAGMA user_version").fetchone(),
                sorted(connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")),
            )
        )
        connection.close()
    assert shapes[0] == shapes[1]


def test_a_kill_in_the_middle_of_a_migration_leaves_the_old_version(tmp_path: Path) -> None:
    """Each step is one transaction: a step that cannot finish leaves no table behind."""
    write_version_1(tmp_path / JOURNAL_FILE)
    connection = sqlite3.connect(tmp_path / JOURNAL_FILE)
    connection.execute("CREATE TABLE daily (in_the_way)")
    connection.close()
    with pytest.raises(StorageError):
        open_journal(tmp_path)
    connection = sqlite3.connect(tmp_path / JOURNAL_FILE)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM items").fetchone() == (3,)
    connection.close()


def test_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    end(open_journal(tmp_path))
    connection = sqlite3.connect(tmp_path / JOURNAL_FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (tmp_path / JOURNAL_FILE).read_bytes()
    with pytest.raises(StorageError, match="schema 99") as refused:
        open_journal(tmp_path)
    assert "newer appliance" in refused.value.remedy
    assert (tmp_path / JOURNAL_FILE).read_bytes() == before


def damage_head(path: Path) -> None:
    path.write_bytes(b"not a database, " * 1000)


def damage_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(bytes(content))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 3 * 4096 + 100])


@pytest.mark.parametrize("damage", [damage_head, damage_pages, cut_off])
def test_a_damaged_journal_is_set_aside_and_a_new_one_begins(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    journal = open_journal(tmp_path)
    for n in range(300):
        keep(journal, outcome(f"before-{n}", seq=n + 1))
    journal.close()  # without its end, as a power cut would leave it
    damage(tmp_path / JOURNAL_FILE)
    damaged = (tmp_path / JOURNAL_FILE).read_bytes()
    again = open_journal(tmp_path)
    keep(again, outcome("after"))
    end(again)
    assert [row["item"] for row in rows(tmp_path)] == ["after"]
    (aside,) = tmp_path.glob(f"{JOURNAL_FILE}.damaged-*")
    assert aside.read_bytes() == damaged


def test_an_empty_file_is_a_new_journal(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_FILE).touch()
    end(open_journal(tmp_path))
    assert rows(tmp_path) == []
    assert list(tmp_path.glob("*damaged*")) == []


# Disks that refuse


def test_a_read_only_disk_is_refused_at_the_start(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match="Read-only") as refused:
        open_journal(small_disk)
    assert refused.value.exit_code == 13


def test_a_disk_that_became_read_only_is_refused_with_its_journal_unharmed(small_disk: Path) -> None:
    journal = open_journal(small_disk)
    keep(journal, outcome("a"))
    end(journal)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError):
        open_journal(small_disk)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert [row["item"] for row in rows(small_disk)] == ["a"]


@pytest.mark.parametrize("used_before", [False, True])
def test_a_full_disk_is_refused_at_the_start(small_disk: Path, used_before: bool) -> None:
    if used_before:
        end(open_journal(small_disk))
    fill(small_disk)
    with pytest.raises(StorageError) as refused:
        open_journal(small_disk)
    assert "space" in refused.value.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root is never refused by permissions")
def test_a_directory_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(StorageError):
        open_journal(tmp_path)
    tmp_path.chmod(0o755)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        open_journal(tmp_path / "absent")


def test_a_disk_that_fills_up_stops_everything_loses_nothing_and_goes_on_with_space(small_disk: Path) -> None:
    journal = open_journal(small_disk)
    keep(journal, outcome("before"))
    wait_for(lambda: len(rows(small_disk)) == 1)
    filler = fill(small_disk)
    kept = ["before"]
    for n in range(20_000):
        if not journal.has_room:
            break
        one = outcome(f"during-{n}", seq=n + 1, detail="x" * 200)
        journal.put(one, journal.intend(one))
        kept.append(one.item_id)
    wait_for(lambda: journal.trouble is not None)
    assert "full" in (journal.trouble or "")
    assert not journal.has_room
    filler.unlink()
    wait_for(lambda: journal.trouble is None and journal.has_room)
    after = outcome("after")
    keep(journal, after)
    end(journal)
    assert [row["item"] for row in rows(small_disk)] == [*kept, "after"]


def test_what_a_full_disk_refused_until_the_end_is_found_at_the_next_start(small_disk: Path) -> None:
    journal = open_journal(small_disk)
    filler = fill(small_disk)
    kept = []
    while journal.has_room and len(kept) < 20_000:
        one = outcome(f"item-{len(kept)}", seq=len(kept) + 1, detail="x" * 200)
        journal.put(one, journal.intend(one))
        kept.append(one.item_id)
    wait_for(lambda: journal.trouble is not None)
    assert not journal.close(timeout_s=5)
    filler.unlink()
    again = open_journal(small_disk)
    end(again)
    assert sorted(row["item"] for row in rows(small_disk)) == sorted(kept)
    assert 0 < again.recovered <= SLOTS


def test_events_never_grow_without_bound_while_the_disk_refuses(small_disk: Path) -> None:
    journal = open_journal(small_disk)
    filler = fill(small_disk)
    for n in range(10_000):
        journal.event("noise", {"n": n, "text": "x" * 100})
    assert len(journal._queue) <= 2 * appliance.journal.CAPACITY
    filler.unlink()
    wait_for(lambda: not journal._queue)
    end(journal)


# Retention


def test_beyond_its_size_the_oldest_items_go_and_the_daily_sums_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appliance.journal, "_PRUNE_EVERY", 100)
    journal = open_journal(tmp_path, max_mb=1)
    count = 5000
    for n in range(count):
        keep(journal, outcome(f"item-{n:06}", seq=n + 1, detail="x" * 200))
    end(journal)
    assert (tmp_path / JOURNAL_FILE).stat().st_size < 1_300_000
    left = [row["item"] for row in rows(tmp_path)]
    assert left == [f"item-{n:06}" for n in range(count - len(left), count)]
    assert count / 10 < len(left) < count
    with open_history(tmp_path) as history:
        assert sum(row["items"] for row in history.daily()) == count


def test_the_last_seq_is_remembered_when_its_item_is_long_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that sees nothing but an empty chamber for days moves nothing, and forgets nothing."""
    monkeypatch.setattr(appliance.journal, "_PRUNE_EVERY", 100)
    journal = open_journal(tmp_path, max_mb=1)
    keep(journal, outcome("moved", seq=70))
    for n in range(5000):
        keep(journal, outcome(f"empty-{n}", detail="x" * 200))
    end(journal)
    assert len(rows(tmp_path)) < 5000
    again = open_journal(tmp_path)
    end(again)
    assert again.next_seq == 71


@pytest.mark.parametrize(
    ("at_the_start", "at_the_end", "left"),
    [
        (True, True, ["new"]),
        (True, False, ["old", "new"]),
        (False, True, ["old", "new"]),
        (False, False, ["old", "new"]),
    ],
)
def test_beyond_their_age_items_go_only_if_the_clock_was_and_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_the_start: bool, at_the_end: bool, left: list[str]
) -> None:
    """A Pi without a clock chip starts in the past: what it wrote then has no date to be judged by."""
    synced = at_the_start
    monkeypatch.setattr(appliance.journal, "clock_synchronized", lambda: synced)
    monkeypatch.setattr(appliance.journal, "_PRUNE_EVERY", 2)
    journal = open_journal(tmp_path, max_days=3)
    synced = at_the_end
    keep(journal, outcome("old", taken_at_ns=time.monotonic_ns() - 4 * DAY_NS))
    keep(journal, outcome("new", taken_at_ns=time.monotonic_ns() - 2 * DAY_NS))
    journal.event("one more", {})
    journal.event("and one", {})
    end(journal)
    assert [row["item"] for row in rows(tmp_path)] == left


def test_items_of_an_older_version_have_no_date_to_be_judged_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appliance.journal, "clock_synchronized", lambda: True)
    write_version_1(tmp_path / JOURNAL_FILE)
    end(open_journal(tmp_path, max_days=1))
    assert len(rows(tmp_path)) == 3


def test_a_machine_that_starts_over_and_over_does_not_fill_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing cable starts a run every few seconds, and none of them has an item."""
    monkeypatch.setattr(appliance.journal, "_KEPT_RUNS", 5)
    first = open_journal(tmp_path)
    keep(first, outcome("kept"))
    end(first)
    for _ in range(20):
        journal = open_journal(tmp_path)
        journal.event("link-down", {"detail": "no such port"})
        end(journal)
    with open_history(tmp_path) as history:
        ids = [run["run_id"] for run in history.runs()]
        events_of = {one["run_id"] for one in history.events(last=1000)}
    assert len(ids) <= 1 + 5 + 1
    assert (ids[0], ids[-1]) == (first.run_id, journal.run_id)
    assert events_of <= set(ids)
    assert [row["item"] for row in rows(tmp_path)] == ["kept"]


def test_without_an_age_limit_old_items_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appliance.journal, "clock_synchronized", lambda: True)
    monkeypatch.setattr(appliance.journal, "_PRUNE_EVERY", 1)
    journal = open_journal(tmp_path)
    keep(journal, outcome("old", taken_at_ns=time.monotonic_ns() - 3650 * DAY_NS))
    end(journal)
    assert [row["item"] for row in rows(tmp_path)] == ["old"]
