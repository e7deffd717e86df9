"""Reading the journal: the last items, the last failure, sums, and everything as CSV or JSON lines. Never writes."""

import csv
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from appliance.errors import StorageError, UsageError
from appliance.journal import JOURNAL_FILE
from appliance.journal_schema import VERSION, connect

__all__ = ["EXPORT_COLUMNS", "History", "export", "last_failure", "open_history", "totals"]

EXPORT_COLUMNS = (
    "item", "frame", "source", "taken_at", "label", "confidence", "bin", "outcome", "rule", "model", "seq",
    "latency_ms", "confirm_ms", "runner_up", "run_id", "detail",
)  # fmt: skip
_UNWELL = frozenset({"failed", "uncertain"})
_RECENT = 1000
"""A failure before so many items is no news."""


@dataclass(frozen=True, slots=True)
class History:
    """An open journal, for reading."""

    connection: sqlite3.Connection

    def items(self, *, run_id: str | None = None, last: int | None = None) -> Iterator[dict[str, Any]]:
        """Items in the order in which they ended: all, those of one run, or the last few."""
        columns = ", ".join(EXPORT_COLUMNS)
        where, values = ("WHERE run_id = ?", [run_id]) if run_id else ("", [])
        query = f"SELECT n, {columns} FROM items {where} ORDER BY n"
        if last is not None:
            query = f"SELECT * FROM ({query} DESC LIMIT {int(last)}) ORDER BY n"
        for row in self.connection.execute(query, values):
            yield {name: row[name] for name in EXPORT_COLUMNS}

    def failure(self) -> dict[str, Any] | None:
        """The newest item whose movement failed or is uncertain, if it is among the last thousand."""
        newest = self.connection.execute(f"SELECT * FROM items ORDER BY n DESC LIMIT {_RECENT}")
        return next(({name: row[name] for name in EXPORT_COLUMNS} for row in newest if row["outcome"] in _UNWELL), None)

    def daily(self, days: int | None = None) -> list[dict[str, Any]]:
        """Sums by day, model, label, bin, outcome and rule, newest day first; they outlive retention."""
        query = "SELECT * FROM daily ORDER BY day DESC, items DESC"
        if days is not None:
            recent = f"SELECT DISTINCT day FROM daily ORDER BY day DESC LIMIT {int(days)}"
            query = f"SELECT * FROM daily WHERE day IN ({recent}) ORDER BY day DESC, items DESC"
        return [dict(row) for row in self.connection.execute(query)]

    def events(self, *, run_id: str | None = None, last: int = 100) -> list[dict[str, Any]]:
        """What happened beside the items, oldest first."""
        where, values = ("WHERE run_id = ?", [run_id]) if run_id else ("", [])
        query = f"SELECT * FROM (SELECT * FROM events {where} ORDER BY n DESC LIMIT {int(last)}) ORDER BY n"
        rows = (dict(row) for row in self.connection.execute(query, values))
        return [row | {"json": json.loads(row["json"])} for row in rows]

    def know_run(self, run_id: str) -> None:
        """Raises UsageError where the journal has no such run."""
        if self.connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone() is None:
            raise UsageError(f"looking for the run {run_id}", "there is none", "appliance history runs")

    def runs(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.connection.execute("SELECT * FROM runs ORDER BY rowid")]


@contextmanager
def open_history(state_dir: Path) -> Iterator[History]:
    """The journal of a machine, also while its daemon runs.

    Raises:
        StorageError: there is none, it cannot be read, or it has another schema.
    """
    path = state_dir / JOURNAL_FILE
    doing = f"reading the journal {path}"
    if not path.is_file():
        raise StorageError(doing, "there is none", "run `appliance run` first, or name its configuration with -c")
    try:
        with closing(connect(path, read_only=True)) as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found != VERSION:
                raise StorageError(doing, f"it has schema {found}, not {VERSION}", "start the daemon once: it migrates")
            yield History(connection)
    except sqlite3.Error as error:
        raise StorageError(doing, str(error), "check the file's permissions") from error


def last_failure(state_dir: Path) -> str:
    """When and why a movement failed last, or became uncertain, for people; "" if none did of late, or nothing is there
    to be read."""
    try:
        with open_history(state_dir) as history:
            row = history.failure()
    except StorageError:
        return ""
    return "" if row is None else f"{row['taken_at']}, {row['bin']}: {row['outcome']}: {row['detail']}".rstrip(": ")


def export(rows: Iterator[dict[str, Any]], out: IO[str], form: Literal["csv", "jsonl"]) -> int:
    """Write items as CSV (RFC 4180, with a header) or as JSON lines; returns how many."""
    writer = csv.DictWriter(out, EXPORT_COLUMNS)
    if form == "csv":
        writer.writeheader()
    count = 0
    for row in rows:
        if form == "csv":
            writer.writerow(row)
        else:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count


def totals(rows: Sequence[dict[str, Any]], by: str) -> dict[str, int]:
    """The items of `daily` rows summed by one of their columns, largest first."""
    sums: dict[str, int] = {}
    for row in rows:
        sums[row[by]] = sums.get(row[by], 0) + int(row["items"])
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))
