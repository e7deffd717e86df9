"""`modelworks validate`: a quantized run in, its files measured and compared out."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from appliance.errors import UsageError
from modelworks.classification import Classification
from modelworks.cli.command import given_command, told_of_refit
from modelworks.cli.terminal import Terminal
from modelworks.cli.validate_folds import run_folds
from modelworks.cli.validate_tables import tables
from modelworks.integrity import digests_of
from modelworks.latencies import Workstation, read_latencies
from modelworks.progress import reporting
from modelworks.quantrecipes import REFERENCE
from modelworks.regression import Regression, read_targets
from modelworks.runfolder import RunFolder
from modelworks.task import Task
from modelworks.validating import Job, Plan, open_job, validate

__all__ = ["add_to"]

DESCRIPTION = """Measure every .tflite file of a run: accuracy on the validation, training and test pictures with 95 %
intervals, the loss against float32 on the very same pictures, calibration, sizes, memory, and the time for a picture,
all files in turn. Writes RUN/validation.json. This is the one command that reads the test pictures; RUN/test-reads.json
counts how often: a figure that was looked at before something was changed is no test any more."""
EPILOG = """L uses the median with the first number of threads and the default kernels, or that of --latencies: a file
that `appliance bench --json` printed on the target, or ratios as in docs/examples/pi4-like.json. The reference kernels
are timed for comparison only."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "validate", help="measure and compare a run's files", description=DESCRIPTION, epilog=EPILOG
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder, trained and quantized")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the pictures trained on, if they were moved")
    parser.add_argument(
        "--recipe", action="append", default=[], metavar="NAME", help="only this file and float32; again for more"
    )
    parser.add_argument("--threads", metavar="N,M", help="numbers of threads to time with; default: 1,all cores")
    parser.add_argument("--pictures", type=int, default=100, metavar="N", help="to time with; default: 100")
    parser.add_argument(
        "--train-pictures", type=int, metavar="N", help="look at N training pictures only; default: all"
    )
    parser.add_argument("--latencies", type=Path, metavar="FILE", help="the target's times in place of this computer's")
    parser.add_argument(
        "--task",
        choices=("classification", "regression"),
        default="classification",
        help="regression: one number a picture, judged by its MSE against DIR/targets.csv (picture,value)",
    )
    parser.add_argument(
        "--folds", type=int, metavar="N", help="train the recipe anew N times, so that every picture tests once"
    )
    parser.add_argument("--json", action="store_true", help="print what validation.json then holds")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.folds is not None:
        return run_folds(arguments, RunFolder(arguments.run_folder))
    console = Terminal(stderr=arguments.json)
    run, command = RunFolder(arguments.run_folder), given_command(arguments.argv)
    opened = open_job(_job(arguments, run))
    with reporting("validating", opened.units, console) as report:
        validation = validate(opened, command, report)
    if arguments.json:
        print(json.dumps(validation, ensure_ascii=False))
        return 0
    for table in tables(validation):
        console.print(table)
    for said in filter(None, (told_of_refit(run), _told(validation))):
        console.print(said, highlight=False)
    return 0


def _job(arguments: argparse.Namespace, run: RunFolder) -> Job:
    plan = Plan(_threads(arguments.threads), arguments.pictures, arguments.train_pictures)
    folder, digests = arguments.data or run.data_folder(), digests_of(run, arguments.recipe)
    task: Task = Classification(run.recipe().labels)
    if arguments.task == "regression":
        task = Regression(read_targets(folder))
    elif not task.labels:
        raise UsageError(f"validating the run {run.path}", "its recipe has no classes", "--task regression")
    latencies = read_latencies(arguments.latencies, digests, REFERENCE) if arguments.latencies else Workstation()
    return Job(folder, run, task, digests, latencies, plan)


def _threads(text: str | None) -> tuple[int, ...]:
    if text is None:
        return tuple(dict.fromkeys((1, len(os.sched_getaffinity(0)))))
    try:
        return tuple(int(each) for each in text.split(","))
    except ValueError as error:
        raise UsageError("reading the command line", f"--threads {text}", "such as --threads 1,4") from error


def _told(validation: dict[str, Any]) -> str:
    reads, said = validation["test_reads"], "Now: modelworks select RUN."
    if reads > 1:
        said = f"The test pictures have been read {reads} times: nothing may have been chosen by them. {said}"
    return said
