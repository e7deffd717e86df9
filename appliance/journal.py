"""The history: every item's outcome in SQLite, written by a thread of its own behind a bounded queue.

Commits follow within 20 ms, without fsync: a SIGKILL loses nothing (see intents.py for what is not committed yet), a
power cut at most the last `flush_s`. When the disk refuses, entries wait and `trouble` says why; the loop moves nothing
meanwhile.
"""

import json
import logging
import os
import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from appliance.clock import boot_id, clock_synchronized, wall_offset_ns, wall_text
from appliance.config import JournalOptions
from appliance.errors import StorageError
from appliance.intents import Intents
from appliance.journal_schema import ITEM_COLUMNS, connect, migrate
from appliance.records import Outcome

__all__ = ["JOURNAL_FILE", "Journal", "RunInfo"]

log = logging.getLogger(__name__)

JOURNAL_FILE = "journal.db"
CAPACITY = 1024
"""Entries that may wait. The loop stops deciding at this many; nothing is ever dropped."""

_BATCH = 64
_LINGER_S = 0.02
"""The thread waits this long for company after an entry came. It and the loop fight for Python's lock (GIL), which
costs an item up to a millisecond: so only one item in several pays."""
_RETRY_S = 0.5
_PRUNE_EVERY = 500
_KEPT_RUNS = 1000
"""Runs without items (a missing cable starts one every few seconds) beyond the newest so many are forgotten."""
_SEQ_GAP = 10_000
"""After an unclean end the numbers go on this far ahead: a power cut may have lost the last ones."""
_INSERT = (
    f"INSERT INTO items ({', '.join(ITEM_COLUMNS)}) VALUES ({', '.join('?' * len(ITEM_COLUMNS))})"
    " ON CONFLICT (item) DO NOTHING"
)
_ADD_UP = """
INSERT INTO daily VALUES (?, ?, ?, ?, ?, ?, 1, ?)
ON CONFLICT DO UPDATE SET items = items + 1, latency_ms_sum = latency_ms_sum + excluded.latency_ms_sum
"""

_NOT_LAST_SEQ = "n IS NOT (SELECT n FROM items WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1)"
"""The row with the last sequence number outlives retention: the next run counts on from it."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is said once about a run."""

    version: str
    config_digest: str
    model: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row that waits: by column for an item, with its slot among the intents; in order for an event."""

    table: str
    values: Any
    slot: int | None = None


class Journal:
    """Open for one run. `put` and `event` never wait; the thread commits and then calls back."""

    def __init__(self, state_dir: Path, options: JournalOptions, info: RunInfo) -> None:
        """Open or make the journal, bring it to today's schema, begin a run, take over what a crash left behind.

        Raises:
            StorageError: the directory cannot be written, is full, or the journal is of a newer version.
        """
        self._path = state_dir / JOURNAL_FILE
        self._options = options
        self._info = replace(info, model=_text(info.model))
        self._arrived = threading.Condition()
        self._queue: deque[_Entry] = deque()
        self._intended: dict[int, dict[str, Any]] = {}
        self._closing = False
        self._since_prune = 0
        self._synced, self._wall_offset_ns = clock_synchronized(), wall_offset_ns()
        self.trouble: str | None = None
        self.intents = Intents(state_dir / "intents.bin")
        try:
            self._connection = _open(self._path)
        except BaseException:
            self.intents.close()
            raise
        try:
            self.run_id, self.last_seq, self.next_seq, self.recovered = self._begin_run()
        except sqlite3.Error as error:
            self._connection.close()
            self.intents.close()
            raise _storage_error(self._path, error) from error
        self._thread = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._thread.start()

    @property
    def has_room(self) -> bool:
        """May another item be decided? False while the disk refuses, or too much waits for it."""
        return self.trouble is None and len(self._queue) < CAPACITY and self.intents.room

    @property
    def idle(self) -> bool:
        """Is everything committed?"""
        return not self._queue

    def put(self, outcome: Outcome, slot: int) -> None:
        """Keep an item's outcome; its intent is released once it is committed."""
        settled = _settled(outcome)
        self.intents.settle(slot, settled)
        row = self._intended.pop(slot)
        row.update(settled)
        self._append(_Entry("items", row, slot))

    def intend(self, outcome: Outcome) -> int:
        """Keep what is about to happen, before it can; returns the slot for `put`."""
        row = _row(outcome, self.run_id, self._info.model, self._wall_offset_ns)
        row["clock_synced"] = int(self._synced)
        slot = self.intents.hold(row)
        if outcome.seq is not None:
            self.intents.note_seq(outcome.seq)
        self._intended[slot] = row
        return slot

    def event(
        self, kind: str, details: Mapping[str, Any], item_id: str | None = None, at_ns: int | None = None
    ) -> None:
        """Keep something that happened beside the items, now or at a moment of the monotonic clock; given up only when
        the disk has refused for very long."""
        if len(self._queue) >= 2 * CAPACITY:
            return
        moment_ns = time.monotonic_ns() if at_ns is None else at_ns
        self._append(_Entry("events", (self.run_id, item_id, moment_ns, kind, json.dumps(dict(details)))))

    def close(self, timeout_s: float = 10.0) -> bool:
        """Write what waits and end the thread; False if some of it could not be written (its intents are kept)."""
        with self._arrived:
            self._closing = True
            self._arrived.notify_all()
        self._thread.join(timeout_s)
        complete = not self._thread.is_alive() and not self._queue
        if not self._thread.is_alive():
            self._connection.close()
            self.intents.close()
        return complete

    def _append(self, entry: _Entry) -> None:
        with self._arrived:
            self._queue.append(entry)
            self._arrived.notify_all()

    def _begin_run(self) -> tuple[str, int, int, int]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        run_id = _new_run_id(connection)
        left = self.intents.left_over()
        clean = _ended_cleanly(connection)
        recovered = sum(_recover(connection, record) for record in left)
        started = wall_text(time.time_ns())
        info = self._info
        connection.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
            (run_id, boot_id(), info.version, info.config_digest, info.model, started, int(self._synced)),
        )
        if not clean:
            details = json.dumps({"run": _last_run(connection, before=run_id), "recovered_items": recovered})
            connection.execute(
                "INSERT INTO events (run_id, t_ns, kind, json) VALUES (?, ?, 'unclean-end-found', ?)",
                (run_id, time.monotonic_ns(), details),
            )
        last_seq = connection.execute("SELECT coalesce(max(seq), 0) FROM items WHERE seq IS NOT NULL").fetchone()[0]
        # A machine that starts over and over must not fill its card either.
        _prune(connection, self._options)
        connection.execute("COMMIT")
        self.intents.clear()
        last_seq = max(last_seq, self.intents.last_seq)
        return run_id, last_seq, last_seq + 1 if clean else last_seq + 1 + _SEQ_GAP, recovered

    def _write_all(self) -> None:
        """The thread. An exception that is not the disk's is a bug of ours: it stops the movements, not the program."""
        try:
            self._write_until_closed()
        except Exception as error:
            log.exception("the journal's thread ended")
            self.trouble = f"the journal's thread ended: {error}"

    def _write_until_closed(self) -> None:
        """Commit batches until closed, flushing at most every `flush_s`."""
        wal = Path(f"{self._path}-wal")
        flushed_at, dirty = time.monotonic(), False
        while True:
            batch = self._next_batch(flushed_at + self._options.flush_s - time.monotonic() if dirty else 3600.0)
            if batch and not self._commit(batch):
                if self._closing:
                    return
                time.sleep(_RETRY_S)
                continue
            dirty = dirty or bool(batch)
            if dirty and (self._closing or time.monotonic() - flushed_at >= self._options.flush_s):
                self._flush(wal)
                self._synced, self._wall_offset_ns = clock_synchronized(), wall_offset_ns()
                flushed_at, dirty = time.monotonic(), False
            if self._closing and not self._queue:
                return

    def _next_batch(self, timeout_s: float) -> list[_Entry]:
        with self._arrived:
            self._arrived.wait_for(lambda: self._queue or self._closing, max(0.0, timeout_s))
        if not self._closing:
            time.sleep(_LINGER_S)
        with self._arrived:
            return [self._queue[index] for index in range(min(_BATCH, len(self._queue)))]

    def _commit(self, batch: Sequence[_Entry]) -> bool:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for entry in batch:
                self._insert(entry)
            self._since_prune += len(batch)
            if self._since_prune >= _PRUNE_EVERY:
                self._since_prune = 0
                _prune(self._connection, self._options)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._refused(error)
            return False
        for entry in batch:
            if entry.slot is not None:
                self.intents.release(entry.slot)
        with self._arrived:
            for _ in batch:
                self._queue.popleft()
        if self.trouble is not None:
            log.warning("the journal can be written again")
            self.trouble = None
        return True

    def _insert(self, entry: _Entry) -> None:
        if entry.table == "items":
            _insert_item(self._connection, tuple(entry.values[name] for name in ITEM_COLUMNS))
        else:
            self._connection.execute(
                "INSERT INTO events (run_id, item_id, t_ns, kind, json) VALUES (?, ?, ?, ?, ?)", entry.values
            )

    def _refused(self, error: sqlite3.Error) -> None:
        if self._connection.in_transaction:
            self._connection.rollback()
        if self.trouble is None:
            log.error("writing the journal %s: %s. Nothing moves until it can be written", self._path, error)
        self.trouble = str(error)

    def _flush(self, wal: Path) -> None:
        """Bring the write-ahead log to the disk. (Its descriptor carries no SQLite lock, so closing it is safe.)"""
        try:
            self.intents.flush()
            handle = os.open(wal, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("flushing the journal: %s", error)


def _open(path: Path) -> sqlite3.Connection:
    """The journal, ready to be written; a damaged one is set aside, because the machine must go on.

    Raises:
        StorageError: it cannot be written, or is of a newer version.
    """
    try:
        return _open_once(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise _storage_error(path, error) from error
        aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}")
        log.error("the journal %s is damaged (%s): set aside as %s, a new one begins", path, error, aside.name)
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    try:
        return _open_once(path)
    except sqlite3.Error as error:
        raise _storage_error(path, error) from error


def _open_once(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -2000")  # 2 MB
        migrate(connection, path)
        # The check reads every page: only where the last run gives a reason to doubt.
        if not _ended_cleanly(connection) and connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("quick_check found damage")
    except BaseException:
        connection.close()
        raise
    return connection


def _storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    return StorageError(
        f"opening the journal {path}", str(error), "make the state directory writable and free some space"
    )


def _row(outcome: Outcome, run_id: str, model: str, wall_offset_ns: int) -> dict[str, Any]:
    """One item as the table wants it. (A StrEnum is its text already; asking for `.value` costs the hot path.)"""
    decision = outcome.decision
    return {
        "item": outcome.item_id,
        "run_id": run_id,
        "frame": outcome.frame_id,
        "source": _text(outcome.source),
        "taken_ns": outcome.taken_at_ns,
        "taken_at": outcome.taken_at_ns + wall_offset_ns,  # a number until the thread writes it as text
        "label": decision.label,
        "confidence": round(decision.confidence, 6),
        "runner_up": decision.runner_up,
        "bin": decision.bin,
        "rule": decision.rule,
        "model": model,
        "seq": outcome.seq,
        **_settled(outcome),
    }


def _settled(outcome: Outcome) -> dict[str, Any]:
    """The columns that may change between the intent and the outcome."""
    return {
        "outcome": outcome.kind,
        "latency_ms": round(outcome.latency_ms, 3),
        "confirm_ms": None if outcome.confirm_ms is None else round(outcome.confirm_ms, 3),
        "detail": _text(outcome.detail[:200]),
    }


def _text(text: str) -> str:
    """The text as UTF-8 can hold it: a file name in another encoding has surrogates, which SQLite refuses."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _insert_item(connection: sqlite3.Connection, values: Sequence[Any]) -> bool:
    """Insert an item and add it to its day; False if the journal has it already."""
    row = dict(zip(ITEM_COLUMNS, values, strict=True))
    row["taken_at"] = wall_text(row["taken_at"])
    if connection.execute(_INSERT, tuple(row.values())).rowcount == 0:
        return False
    key = (row["taken_at"][:10], row["model"], row["label"] or "", row["bin"], row["outcome"], row["rule"])
    connection.execute(_ADD_UP, (*key, row["latency_ms"]))
    return True


def _recover(connection: sqlite3.Connection, record: Mapping[str, Any]) -> bool:
    """An intent that a crash left behind becomes a row; one whose command may be out is `uncertain`."""
    if set(record) != set(ITEM_COLUMNS):
        log.warning("a left-over intent cannot be read: %s", record)
        return False
    try:
        return _insert_item(connection, tuple(record[name] for name in ITEM_COLUMNS))
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError, ValueError, TypeError, ArithmeticError) as error:
        # A value of a type that no column takes: one odd record must not keep the machine from starting for ever.
        log.warning("a left-over intent cannot be kept (%s): %s", error, record)
        return False


def _new_run_id(connection: sqlite3.Connection) -> str:
    while True:
        run_id = secrets.token_hex(4)
        if connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone() is None:
            return run_id


def _last_run(connection: sqlite3.Connection, before: str = "") -> str | None:
    query = "SELECT run_id FROM runs WHERE run_id != ? ORDER BY rowid DESC LIMIT 1"
    row = connection.execute(query, (before,)).fetchone()
    return None if row is None else str(row["run_id"])


def _ended_cleanly(connection: sqlite3.Connection) -> bool:
    """Did the last run, if there was one, write its end?"""
    last = _last_run(connection)
    query = "SELECT 1 FROM events WHERE run_id = ? AND kind = 'run-end'"
    return last is None or connection.execute(query, (last,)).fetchone() is not None


def _prune(connection: sqlite3.Connection, options: JournalOptions) -> None:
    """Delete the oldest rows beyond the size, and beyond the age if the clock can be believed."""
    page = connection.execute("PRAGMA page_size").fetchone()[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    if (pages - free) * page > options.max_mb * 1_000_000:
        for table, spared in (("items", _NOT_LAST_SEQ), ("events", "true")):
            # A twentieth at once; the freed pages are used again, so that the file stops growing.
            oldest = f"SELECT min(n) + (max(n) - min(n)) / 20 + 1 FROM {table} WHERE {spared}"
            connection.execute(f"DELETE FROM {table} WHERE {spared} AND n < ({oldest})")
    if options.max_days is not None and clock_synchronized():
        limit = datetime.now(UTC) - timedelta(days=options.max_days)
        connection.execute("DELETE FROM items WHERE clock_synced AND taken_at < ?", (limit.isoformat(),))
    idle = (
        "SELECT run_id FROM runs WHERE rowid <= (SELECT max(rowid) FROM runs) - ?"
        " AND run_id NOT IN (SELECT run_id FROM items)"
    )
    for table in ("events", "runs"):
        connection.execute(f"DELETE FROM {table} WHERE run_id IN ({idle})", (_KEPT_RUNS,))
