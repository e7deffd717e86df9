"""The journal's tables, and how an older journal becomes today's."""

import os
import sqlite3
from pathlib import Path

from appliance.errors import StorageError

__all__ = ["ITEM_COLUMNS", "VERSION", "connect", "migrate"]

# Version 1: one row a run, an item, an event.
_V1 = """
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
"""

# Version 2: sums a day, so that a summary needs no look at millions of rows and survives retention.
_V2 = """
CREATE TABLE daily (
    day TEXT NOT NULL, model TEXT NOT NULL, label TEXT NOT NULL, bin TEXT NOT NULL, outcome TEXT NOT NULL,
    rule TEXT NOT NULL, items INTEGER NOT NULL, latency_ms_sum REAL NOT NULL,
    PRIMARY KEY (day, model, label, bin, outcome, rule)
) WITHOUT ROWID;
INSERT INTO daily
    SELECT substr(taken_at, 1, 10), model, coalesce(label, ''), bin, outcome, rule, count(*), sum(latency_ms)
    FROM items GROUP BY 1, 2, 3, 4, 5, 6;
"""

# Version 3: whether an item's wall time can be believed, for retention by age.
_V3 = "ALTER TABLE items ADD COLUMN clock_synced INTEGER NOT NULL DEFAULT 0;"

_MIGRATIONS = (_V1, _V2, _V3)
VERSION = len(_MIGRATIONS)

ITEM_COLUMNS = (
    "item", "run_id", "frame", "source", "taken_ns", "taken_at", "label", "confidence", "runner_up", "bin", "outcome",
    "rule", "model", "seq", "latency_ms", "confirm_ms", "detail", "clock_synced",
)  # fmt: skip


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, usable from the thread that gets it next.

    Raises:
        sqlite3.Error: the file cannot be opened or is not a database.
    """
    uri = path.resolve().as_uri() + (_reading(path) if read_only else "")
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5.0, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def _reading(path: Path) -> str:
    """How to open for reading only. Without a write-ahead log the file is complete, and a reader who may not write in
    the directory can read it as it is; SQLite would want to make its -shm file otherwise."""
    log = Path(f"{path}-wal")
    complete = not log.exists() or log.stat().st_size == 0
    return "?mode=ro&immutable=1" if complete and not os.access(path.parent, os.W_OK) else "?mode=ro"


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to VERSION, each step in one transaction.

    Raises:
        StorageError: the journal was written by a newer version.
        sqlite3.Error: it is damaged, or cannot be written.
    """
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise StorageError(
            f"opening the journal {path}",
            f"it has schema {found}, this version writes {VERSION}",
            "install the newer appliance again, or move the journal away",
        )
    for version, script in enumerate(_MIGRATIONS[found:], found + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {version}; COMMIT;")
