"""`modelworks select`: a validated run or a table in, the file to ship and the reason out."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from appliance.errors import UsageError
from modelworks.cli.command import LEARNED_FROM, given_command
from modelworks.cli.tables import file_table, two_decimals
from modelworks.cli.terminal import Terminal
from modelworks.comparison_table import read_table
from modelworks.contenders import metric_of, rows_of_run, rows_of_table
from modelworks.explaining import amount, reason
from modelworks.latencies import with_latencies
from modelworks.objective import ACCURACY, Metric
from modelworks.runfolder import RunFolder
from modelworks.selecting import Choice, Gates, Row, choose

__all__ = ["add_to"]

DESCRIPTION = """Choose among a run's files the one with the lowest L = dS/S0 + dT/T0 + (A0 - A)/A0: size, time and
accuracy against float32. The accuracy is that of the validation pictures: the test pictures choose nothing. Writes
RUN/selection.json. L_paper is the study's own form, whose last term rewards losing accuracy; it chooses nothing."""
EPILOG = """--max-loss holds the upper end of the 95 % interval of the loss against float32: few validation pictures
cannot show a small loss. A table (--table) has no intervals: there the printed accuracies and ms stand for them.
Example: modelworks select --table docs/examples/paper-2020.csv"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "select", help="choose the file to ship, with the reason", description=DESCRIPTION, epilog=EPILOG
    )
    parser.add_argument("run_folder", type=Path, nargs="?", metavar="RUN", help="a run folder, validated")
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE.csv",
        help="in place of RUN: columns name,accuracy,ms,kb (or mse), first row Ω0",
    )
    parser.add_argument(
        "--latencies", type=Path, metavar="FILE", help="the target's times, as for `validate`; nothing is measured anew"
    )
    parser.add_argument("--baseline", metavar="NAME", help="Ω0; default: float32, or the table's first row")
    parser.add_argument(
        "--max-loss", type=float, metavar="POINTS", help="largest loss: percentage points (of an MSE: per cent)"
    )
    parser.add_argument("--max-p95", type=float, metavar="MS", help="largest p95 of the time for a picture")
    parser.add_argument("--max-kb", type=float, metavar="KB", help="largest file, in kB of 1000 bytes")
    parser.add_argument("--json", action="store_true", help="one JSON object: rows, choice, front, reason, ...")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if (arguments.run_folder is None) == (arguments.table is None):
        raise UsageError("reading the command line", "neither or both of RUN and --table", "one of the two")
    if arguments.table and arguments.latencies:
        raise UsageError("reading the command line", "--latencies with --table", "write the times into the table")
    gates = Gates(arguments.max_loss, arguments.max_p95, arguments.max_kb)
    heading: dict[str, Any] = {"command": given_command(arguments.argv)}
    if arguments.table:
        choice = _of_table(arguments, gates)
        _tell(choice, heading, arguments.json)
        return 0
    run = RunFolder(arguments.run_folder)
    validation = run.read("validation.json")
    if arguments.latencies:
        validation = with_latencies(validation, arguments.latencies)
    choice = _of_run(validation, arguments.baseline, gates)
    heading["latencies"] = validation.get("latencies", {"source": "unknown"})
    heading |= run.caution() | _left_out(run, choice)
    if pooled := _pooled(run, choice.chosen.name):
        heading["cross_validated"] = pooled
    run.write("selection.json", _record(choice, heading))
    _tell(choice, heading, arguments.json)
    return 0


def _record(choice: Choice, heading: Mapping[str, Any]) -> dict[str, Any]:
    """What selection.json and --json hold."""
    return {**heading, **choice.as_dict(), "reason": _reason(choice, heading)}


def _left_out(run: RunFolder, choice: Choice) -> dict[str, list[str]]:
    """The files that `quantize` made and nobody has measured."""
    known = {row.name for row in choice.rows}
    made = run.read("figures.json").get("recipes", {}) if run.has("figures.json") else {}
    left = [name for name in made if name not in known]
    return {"unmeasured": left} if left else {}


def _reason(choice: Choice, heading: Mapping[str, Any]) -> str:
    said = reason(choice, _machine(heading))
    if left := heading.get("unmeasured"):
        said += f" Not measured, so not judged: {', '.join(left)}; `modelworks validate` measures all files of a run."
    return f"{said} {LEARNED_FROM}" if heading.get("refit") else said


def _machine(heading: Mapping[str, Any]) -> str | None:
    """Whose times they are, if they were not measured along with the rest."""
    source = heading.get("latencies", {}).get("source")
    return f"{source['machine'] or 'the target'} ({source['file']})" if isinstance(source, dict) else None


def _tell(choice: Choice, heading: Mapping[str, Any], as_json: bool) -> None:
    record = _record(choice, heading)
    if as_json:
        print(json.dumps(record, ensure_ascii=False))
        return
    console = Terminal()
    console.print(_table(choice))
    for said in filter(None, (record["reason"], record.get("cross_validated"))):
        console.print(said, highlight=False, markup=False)


def _of_table(arguments: argparse.Namespace, gates: Gates) -> Choice:
    table = read_table(arguments.table)
    return choose(rows_of_table(table, arguments.baseline), table.metric, gates, arguments.baseline)


def _of_run(validation: Mapping[str, Any], baseline: str | None, gates: Gates) -> Choice:
    rows = rows_of_run(validation)
    return choose(rows, metric_of(validation), gates, baseline or validation.get("reference"))


def _pooled(run: RunFolder, name: str) -> str | None:
    """What the folds say of the file chosen; they decide nothing, as the test pictures are among theirs."""
    folds = run.read("folds.json") if run.has("folds.json") else {}
    if name not in folds.get("rows", {}):
        return None
    loss = folds["rows"][name]["paired_loss"]
    return (
        f"Over {folds['folds']} folds, which chose nothing, {name} lost {loss['points']:.2f} points against float32 on "
        f"{loss['n']} pictures, 95 % interval {loss['low']:.2f} to {loss['high']:.2f}."
    )


def _table(choice: Choice) -> Table:
    measured = choice.baseline.test_quality is not None
    caption = "→ chosen   * on the Pareto front   × refused by a gate   L: the lower, the better"
    table = file_table(None, caption, *_columns(choice, measured))
    for row, standing in zip(choice.rows, choice.standings, strict=True):
        objectives = (two_decimals(standing.paper), two_decimals(standing.mended))
        style = "bold" if row is choice.chosen else "dim" if row.name in choice.refused else ""
        table.add_row(Text(_marked(row, choice)), *_values(row, choice.metric, measured), *objectives, style=style)
    return table


def _columns(choice: Choice, measured: bool) -> tuple[str, ...]:
    unit = "%" if choice.metric is ACCURACY else "MSE"
    only = "accuracy %" if choice.metric is ACCURACY else "MSE"
    own = (f"valid. {unit}", "lost ≤", f"test {unit}", "ms", "p95") if measured else (only, "ms")
    return (*own, "kB", "L_paper", "L")


def _values(row: Row, metric: Metric, measured: bool) -> tuple[str, ...]:
    quality, ms, kb = _quality(row.candidate.quality, metric), amount(row.candidate.ms), amount(row.candidate.kb)
    if not measured or row.test_quality is None:
        return quality, ms, kb
    return quality, f"{row.loss.high:.2f}", _quality(row.test_quality, metric), ms, amount(row.p95_ms), kb


def _quality(value: float, metric: Metric) -> str:
    return f"{100 * value:.2f}" if metric is ACCURACY else f"{value:.3g}"


def _marked(row: Row, choice: Choice) -> str:
    mark = "→ " if row is choice.chosen else "× " if row.name in choice.refused else "  "
    return mark + row.name + (" *" if row.name in choice.front else "")
