"""`modelworks join`: trained networks in, a run folder with one network that says what they say on average out."""

import argparse
from pathlib import Path
from typing import Any

from rich.table import Table

from appliance.errors import UsageError
from modelworks.cli.command import check_output, given_command, told_of_refit, versions
from modelworks.cli.terminal import Terminal
from modelworks.cli.train_options import DEFAULT_CACHE
from modelworks.joining import joined_recipe
from modelworks.progress import reporting
from modelworks.runfolder import TRAINED, RunFolder

__all__ = ["add_to"]

DESCRIPTION = """Join the networks of finished runs into one that says what they say on average. Networks that err in
different ways are right more often together. Nothing is learned but how sure to sound: the logits are divided by the
number (the temperature) that fits the validation pictures best. JOINED is a run folder like any other: quantize,
validate, report and pack it. The file is as large as the members' together, and as slow. With --mirror it also looks
at the mirror image of every picture: right more often again, hardly larger, and twice as slow."""
EPILOG = """Give members of different architectures, each trained with the same --seed and split options. To make room
for them, let them end early: train --until LAYER. `validate JOINED --folds N` joins the members' folds: give `validate
MEMBER --folds N` for each of them first."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "join",
        help="make one network of several that were trained",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("members", nargs="+", type=Path, metavar="RUN", help="a finished run; two, or one and --mirror")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="JOINED", help="the run folder to make")
    parser.add_argument(
        "--mirror", action="store_true", help="look at each picture's mirror image too, and take the mean of both"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        metavar="T",
        help="divide the logits by T; 0: by what fits the validation pictures best, if they were not learned from",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    console, members = Terminal(), tuple(map(RunFolder, arguments.members))
    trained = [run.read(TRAINED)["validation"]["accuracy"] for run in members]
    if not 0 <= arguments.temperature < float("inf"):
        raise UsageError("reading the command line", f"--temperature {arguments.temperature}", "a number above 0")
    parts = [run.as_member() for run in members]
    recipe = joined_recipe(parts, mirrored=arguments.mirror, temperature=arguments.temperature)
    run, first = RunFolder(arguments.output), members[0]
    check_output(run, recipe)
    from modelworks.training import Job, train, work_units  # TensorFlow takes seconds: after all that can be refused

    job = Job(first.data_folder(), first.split(), recipe, run, None, DEFAULT_CACHE, members=members)
    units = work_units(job)
    with run.taken_back_if_refused():
        if not run.exists():
            places = {"members": [member.path for member in members]}
            command = given_command(arguments.argv)
            run.begin(job.folder, recipe, job.split, versions(), command, places, first.together())
        with reporting("joining", units, console) as report:
            trained.append(train(job, report)["accuracy"])
    console.print(_table([*(member.name for member in recipe.members), run.path.absolute().name], trained))
    if said := told_of_refit(run):
        console.print(said, highlight=False, soft_wrap=True)
    return 0


def _table(names: list[str], accuracies: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{accuracies[-1]['n']} validation pictures")
    for heading in ("network", "right %", "95 %"):
        table.add_column(heading, justify="left" if heading == "network" else "right")
    for name, each in zip(names, accuracies, strict=True):
        table.add_row(name, f"{100 * each['value']:.2f}", f"{100 * each['low']:.2f}-{100 * each['high']:.2f}")
    return table
