"""`modelworks quantize`: a trained run in, its .tflite files and their figures on unseen pictures out."""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from appliance.errors import UsageError
from modelworks.cli.command import given_command
from modelworks.progress import reporting
from modelworks.quantrecipes import RECIPES
from modelworks.runfolder import RunFolder

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "quantize",
        help="write a trained network as .tflite files and measure them",
        description="Write a trained run's network as RUN/float32.tflite and RUN/int8-io.tflite, hold each to what its "
        "recipe promises, and measure both on the validation and test pictures: RUN/figures.json.",
        epilog="int8-io: static int8, per channel, uint8 at both ends: the camera's bytes go in as they are.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the run folder that `train` made")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the pictures trained on, if they were moved")
    parser.add_argument("--recipe", action="append", choices=sorted(RECIPES), help="again for more; default: all")
    parser.add_argument(
        "--representative", type=int, default=300, metavar="N", help="training pictures to calibrate on; default: 300"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    run, console = RunFolder(arguments.run_folder), Console()
    run.read("trained.json")
    if arguments.representative < 1:
        raise UsageError("reading the command line", "--representative below 1", "some hundred pictures")
    from modelworks import quantizing  # TensorFlow takes seconds: after all that can be refused at once

    folder = arguments.data or run.data_folder()
    quantizing.check_data(folder, run.split())
    recipes = arguments.recipe or sorted(RECIPES)
    with reporting("quantizing", quantizing.steps(recipes), console) as report:
        command = given_command(arguments.argv)
        figures = quantizing.quantize(folder, run, recipes, arguments.representative, command, report)
    for name, measured in figures["recipes"].items():
        console.print(_told(name, measured), highlight=False, soft_wrap=True)
    return 0


def _told(name: str, measured: dict[str, Any]) -> str:
    accuracy, same = measured["test"]["accuracy"], measured["agreement_validation_and_test"]
    return (
        f"{name}: test {accuracy['value']:.2%} ({accuracy['low']:.2%} to {accuracy['high']:.2%}, n {accuracy['n']}), "
        f"agrees with float32 on {same['value']:.2%} of {same['n']}, {measured['bytes'] / 1000:.0f} kB"
    )
