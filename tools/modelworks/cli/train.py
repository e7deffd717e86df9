"""`modelworks train`: a folder of labelled photographs in, a run folder with a trained network out."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from modelworks.cli.command import check_output, given_command, told_of_refit, versions
from modelworks.cli.terminal import Terminal
from modelworks.cli.train_options import add_options, groups_of, recipe_of, start_of, teachers_of
from modelworks.datacheck import near_duplicates
from modelworks.dataset import Picture, list_pictures
from modelworks.progress import reporting
from modelworks.recipe import TrainRecipe
from modelworks.runfolder import RunFolder
from modelworks.split import Pairs, Split, split_pictures

__all__ = ["add_to"]

DESCRIPTION = """Teach a MobileNet or an EfficientNet-Lite the classes of DIR: the head on frozen features first, then
the whole network, or all but its first layers, whose features are kept on disk.
RUN then holds the weights, the recipe, the split, the curves, and the accuracy on the validation pictures."""
EPILOG = """Photographs of one object must not be torn apart: number the files as they were taken and keep
--split blocks, or name what shows one object (--groups); only where every picture shows another, --split pictures. An
epoch of 1,400 pictures takes about a minute on two cores, at 160 pixels half of that, behind frozen layers a quarter.
Given again, an interrupted training goes on where it was. Quickest: the head alone, on every level of a network that
stays as it is, in two minutes: --network efficientnet_lite0 --levels block_2_depthwise_relu --epochs 0 --views 12."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="teach a network the classes of a folder",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    console = Terminal()
    listing = list_pictures(arguments.folder)
    groups = groups_of(arguments, listing)
    recipe = recipe_of(arguments, listing.pictures, groups)
    run = RunFolder(arguments.output)
    check_output(run, recipe)
    split, together = _split(arguments, run, recipe, listing.pictures, groups.pairs, console)
    for reason in listing.left_out:
        console.print(f"left out: {reason}", highlight=False, soft_wrap=True)
    from modelworks.efficientnet import check_start
    from modelworks.training import Job, train, work_units  # TensorFlow takes seconds: after all that can be refused

    start, teachers = start_of(arguments.weights), teachers_of(arguments)
    job = Job(arguments.folder, split, recipe, run, start, arguments.cache, teachers)
    units = work_units(job)  # builds the network and looks at the teachers: what cannot be trained leaves no run folder
    with run.taken_back_if_refused():
        if not run.exists():
            check_start(recipe.architecture, job.start)
            command = given_command(arguments.argv)
            run.begin(arguments.folder, recipe, split, versions(), command, _places(arguments), together)
        with reporting("training", units, console) as report:
            figures = train(job, report)
    for said in filter(None, (_told(figures["accuracy"]), told_of_refit(run))):
        console.print(said, highlight=False, soft_wrap=True)
    return 0


def _split(
    arguments: argparse.Namespace,
    run: RunFolder,
    recipe: TrainRecipe,
    pictures: Sequence[Picture],
    groups: Pairs,
    console: Console,
) -> tuple[Split, Pairs]:
    """The split that the run began with, or a new one that parts neither near duplicates nor groups."""
    if run.exists():
        return run.split(), run.together()
    alike = near_duplicates(arguments.folder, pictures, lambda title, total: reporting(title, total, console))
    together = (*alike, *groups)
    return split_pictures(pictures, recipe.split, together), together


def _places(arguments: argparse.Namespace) -> dict[str, Path | Sequence[Path]]:
    """Where things lie that a cross-validation needs again."""
    start = start_of(arguments.weights)
    weights = {"weights": start} if isinstance(start, Path) else {}
    return {"cache": arguments.cache, "teachers": [run.path for run in teachers_of(arguments)]} | weights


def _told(accuracy: dict[str, Any]) -> str:
    return (
        f"validation: {accuracy['right']} of {accuracy['n']} right, {accuracy['value']:.2%}, "
        f"95 % interval {accuracy['low']:.2%} to {accuracy['high']:.2%}"
    )
