"""`appliance history tail|summary|events|runs|export`: read the journal."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from appliance.cli.common import add_config_option, load, parser
from appliance.clock import boot_id, wall_offset_ns, wall_text
from appliance.errors import UsageError
from appliance.history import History, export, open_history, totals
from appliance.wording import counted

__all__ = ["main"]

_EPILOG = """examples:
  appliance history tail -n 20
  appliance history summary --days 7
  appliance history export --format csv -o items.csv
  appliance history export --format jsonl --run 3f9a12cd | jq .label"""


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 ok, 13 no journal or not readable, 78 configuration."""
    options = parser(command, "Read the journal, also while the appliance runs.", _EPILOG)
    options.add_argument("action", choices=("tail", "summary", "events", "runs", "export"))
    add_config_option(options)
    options.add_argument("-n", type=_count, default=10, metavar="N", help="tail, events: how many (10)")
    options.add_argument("--days", type=_count, metavar="N", help="summary: only the last N days with items")
    options.add_argument("--run", metavar="ID", help="tail, events, export: only this run")
    options.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="export: the form (csv)")
    options.add_argument("-o", "--output", type=Path, metavar="FILE", help="export: a file instead of the screen")
    options.add_argument("--json", action="store_true", help="tail, summary, events: JSON lines")
    arguments = options.parse_args(argv)
    with open_history(load(arguments.config).machine.state_dir) as history:
        if arguments.run is not None:
            history.know_run(arguments.run)
        if arguments.action == "tail":
            _tail(history, arguments.n, arguments.run, arguments.json)
        elif arguments.action == "events":
            _events(history, arguments.n, arguments.run, arguments.json)
        elif arguments.action == "runs":
            for run in history.runs()[-arguments.n :]:
                print(json.dumps(run) if arguments.json else _run_line(run))
        elif arguments.action == "summary":
            _summary(history, arguments.days, arguments.json)
        elif arguments.output is None:
            export(history.items(run_id=arguments.run), sys.stdout, arguments.format)
        else:
            _export(history, arguments.run, arguments.output, arguments.format)
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _export(history: History, run_id: str | None, output: Path, form: Literal["csv", "jsonl"]) -> None:
    try:
        with output.open("w", newline="", encoding="utf-8") as file:
            count = export(history.items(run_id=run_id), file, form)
    except OSError as error:
        raise UsageError(f"writing {output}", error.strerror or str(error), "name another file with -o") from error
    print(f"{counted(count, 'item')} written to {output}", file=sys.stderr)


def _tail(history: History, count: int, run_id: str | None, as_json: bool) -> None:
    for row in history.items(run_id=run_id, last=count):
        if as_json:
            print(json.dumps(row))
            continue
        confidence = f"{row['confidence']:.2f}"
        print(
            f"{row['taken_at']}  {row['item']:<16} {row['label'] or '-':<15} {confidence}  "
            f"{row['bin']:<10} {row['outcome']:<9} {row['rule']:<15} {row['source']}  {row['detail']}".rstrip()
        )


def _events(history: History, count: int, run_id: str | None, as_json: bool) -> None:
    """Events have monotonic times: their wall time is known for the boot that goes on."""
    now = boot_id()
    this_boot = {run["run_id"] for run in history.runs() if run["boot_id"] == now}
    for event in history.events(run_id=run_id, last=count):
        if as_json:
            print(json.dumps(event))
            continue
        known = event["run_id"] in this_boot
        when = wall_text(event["t_ns"] + wall_offset_ns()) if known else "in an earlier boot     "
        details = ", ".join(f"{key}: {value}" for key, value in event["json"].items() if value not in ("", None))
        print(f"{when}  {event['run_id']}  {event['kind']:<18} {details}".rstrip())


def _run_line(run: dict[str, Any]) -> str:
    clock = "" if run["clock_synced"] else "  (clock not synchronized)"
    return f"{run['started_wall']}  {run['run_id']}  appliance {run['version']}  {run['model']}{clock}"


def _summary(history: History, days: int | None, as_json: bool) -> None:
    rows = history.daily(days)
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    count = sum(row["items"] for row in rows)
    days_seen = len({row["day"] for row in rows})
    print(f"{counted(count, 'item')} on {counted(days_seen, 'day')}")
    for column in ("day", "outcome", "bin", "label", "rule", "model"):
        parts = [f"{name or '-'} {number}" for name, number in totals(rows, column).items()]
        print(f"  by {column:<8} {', '.join(parts[:12])}{' ...' if len(parts) > 12 else ''}")
