"""What `modelworks validate RUN --folds N` does instead of measuring the run's own files."""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.table import Table

from appliance.errors import UsageError
from appliance.files import sha256_of
from modelworks.cli.command import given_command
from modelworks.cli.terminal import Terminal
from modelworks.cli.train_options import DEFAULT_CACHE
from modelworks.progress import reporting
from modelworks.quantplan import QuantPlan, check_refit
from modelworks.runfolder import TRAINED, RunFolder
from modelworks.samedata import check_data

__all__ = ["run_folds"]


def run_folds(arguments: argparse.Namespace, run: RunFolder) -> int:
    """Cross-validate the run's recipe; trains N networks, so it takes N times as long as the training."""
    console = Terminal(stderr=arguments.json)
    ignored = [name for name in ("latencies", "train_pictures") if getattr(arguments, name) is not None]
    if ignored or arguments.task != "classification":
        found = f"--folds with --{(ignored or ['task'])[0].replace('_', '-')}"
        raise UsageError("reading the command line", found, "cross-validation only counts what classifiers get right")
    if arguments.folds < 2:
        raise UsageError("reading the command line", f"--folds {arguments.folds}", "2 or more; 5 is usual")
    run.read(TRAINED)
    folder, recipe, plan = arguments.data or run.data_folder(), run.recipe(), QuantPlan(_recipes(arguments))
    check_refit(f"cross-validating {run.path}", plan, refit=recipe.refit)
    check_data(folder, run.split())
    from modelworks.folds import Series, cross_validate, fold_units  # TensorFlow takes seconds
    from modelworks.training import Job

    start = run.place("weights") or (None if recipe.weights.name == "none" else recipe.weights.name)
    cache = run.place("cache") or DEFAULT_CACHE
    if isinstance(start, Path) and sha256_of(start) != recipe.weights.sha256:
        found = "they are not those that the run began with"
        raise UsageError(f"reading the starting weights {start}", found, "put the old file back, or train again")
    job = Job(folder, run.split(), recipe, run, start, cache, run.teachers(), run.members())
    series = Series(job, arguments.folds, plan)
    with reporting(f"{arguments.folds} folds", fold_units(series), console) as report:
        figures = cross_validate(series, given_command(arguments.argv), report)
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False))
        return 0
    console.print(_table(figures))
    console.print("Each picture was tested once, by a network that had not seen its group.", highlight=False)
    return 0


def _recipes(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(arguments.recipe) or ("int8-io",)


def _table(figures: dict[str, Any]) -> Table:
    pictures = next(iter(figures["rows"].values()))["accuracy"]["n"]
    caption = "agrees: names the same class as float32; lost: points of accuracy against it, picture by picture"
    table = Table(title=f"{figures['folds']} folds together, {pictures} pictures", caption=caption)
    for heading in ("file", "right %", "95 %", "agrees %", "lost", "95 % "):
        table.add_column(heading, justify="left" if heading == "file" else "right")
    for name, row in figures["rows"].items():
        accuracy, same, loss = row["accuracy"], row["agreement"], row["paired_loss"]
        table.add_row(
            name,
            f"{100 * accuracy['value']:.2f}",
            f"{100 * accuracy['low']:.2f}-{100 * accuracy['high']:.2f}",
            f"{100 * same['value']:.2f}",
            f"{loss['points']:.2f}",
            f"{loss['low']:.2f} to {loss['high']:.2f}",
        )
    return table
