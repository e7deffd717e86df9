"""`modelworks quantize`: a trained network in, its .tflite files and their figures on held-back pictures out."""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from appliance.errors import UsageError
from modelworks.calibration import draw
from modelworks.cli.command import given_command, told_of_refit
from modelworks.cli.terminal import Terminal
from modelworks.progress import reporting
from modelworks.qatjob import QatPlan
from modelworks.quantplan import QuantPlan, check_refit, work_units
from modelworks.quantrecipes import DEFAULT, RECIPES
from modelworks.runfolder import TRAINED, RunFolder
from modelworks.samedata import check_data

__all__ = ["add_to"]

MODEL_SUFFIX = ".keras"
SEED = 1
"""Draws the calibration for a model that comes without a seed of its own."""
DESCRIPTION = """Write a trained network as .tflite files, hold each to what its recipe promises,
and measure each on the validation pictures: RUN/NAME.tflite, RUN/NAME.recipe.json
(all that decided its bytes), RUN/figures.json. float32 is always made: the others
are compared with it. The test pictures are not looked at.

MODEL is a Keras classifier from elsewhere, which takes RGB in [-1, 1]. It is calibrated
on --representative pictures of --data and measured on the others."""
EPILOG = "recipes:\n" + "\n".join(f"  {recipe.name:<20}{recipe.says}" for recipe in RECIPES.values())


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "quantize",
        help="write a trained network as .tflite files and measure them",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("network", type=Path, metavar="RUN|MODEL", help="the run folder of `train`, or a .keras file")
    parser.add_argument("-o", dest="output", type=Path, metavar="OUT", help="for a MODEL: the folder to write to")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the pictures; a RUN knows where they lay")
    parser.add_argument(
        "--recipe",
        action="append",
        choices=[*RECIPES, "all"],
        metavar="NAME",
        help="one of those below, again for more, or all; default: all but qat-int8",
    )
    parser.add_argument(
        "--representative", type=int, default=300, metavar="N", help="pictures to calibrate on; default: 300"
    )
    parser.add_argument(
        "--sweep-calibration",
        type=_counts,
        default=(),
        metavar="N,N,...",
        help="make int8-io with each number of pictures, as a curve: RUN/calibration.png",
    )
    parser.add_argument("--qat-epochs", type=int, default=20, metavar="N", help="epochs of qat-int8; default: 20")
    parser.add_argument("--qat-rate", type=float, default=2e-5, metavar="R", help="its learning rate; default: 2e-5")
    parser.add_argument("--json", action="store_true", help="print what figures.json holds; progress goes to stderr")
    parser.set_defaults(run=_run)


def _counts(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 10,100,1000") from error


def _run(arguments: argparse.Namespace) -> int:
    plan = _plan(arguments)
    figures = (_of_model if arguments.network.suffix == MODEL_SUFFIX else _of_run)(arguments, plan)
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False))
        return 0
    for name, measured in figures["recipes"].items():
        _console(arguments).print(_told(name, measured), highlight=False, soft_wrap=True)
    if said := told_of_refit(RunFolder(arguments.network)):
        _console(arguments).print(said, highlight=False, soft_wrap=True)
    return 0


def _of_run(arguments: argparse.Namespace, plan: QuantPlan) -> dict[str, Any]:
    run = RunFolder(arguments.network)
    if run.path.is_file():
        remedy = f"keras.models.load_model(...).save('{run.path.stem}.keras')"
        raise UsageError(f"reading {run.path}", "a file that is no .keras file", remedy)
    run.read(TRAINED)
    if arguments.output:
        raise UsageError("reading the command line", "-o with a RUN, whose files stay in it", "leave it out")
    folder, recipe, split = arguments.data or run.data_folder(), run.recipe(), run.split()
    check_refit(f"quantizing {run.path}", plan, refit=recipe.refit)
    for count in (plan.representative, *plan.sweep):
        draw(split.train, recipe.labels, count, recipe.seed)
    check_data(folder, split)
    from modelworks.subject import subject_of_run  # TensorFlow takes seconds: after all that can be refused at once

    return _quantized(arguments, plan, subject_of_run(folder, run), run)


def _of_model(arguments: argparse.Namespace, plan: QuantPlan) -> dict[str, Any]:
    doing, path = "reading the command line", arguments.network
    if arguments.output is None or arguments.data is None:
        found = "a MODEL without -o OUT or --data DIR"
        raise UsageError(doing, found, f"modelworks quantize {path} --data DIR -o OUT")
    if not path.is_file():
        raise UsageError(doing, f"there is no file {path}", "name a .keras file")
    if "qat-int8" in plan.names:
        raise UsageError(doing, "qat-int8 of a MODEL", "name a RUN: it goes on with a run's training")
    output = RunFolder(arguments.output)
    if output.path.exists() and not output.has("figures.json") and any(output.path.iterdir()):
        raise UsageError(f"preparing {output.path}", "it is there already and holds other things", "choose another -o")
    from modelworks.subject import subject_of_model  # TensorFlow takes seconds: after all that can be refused at once

    return _quantized(arguments, plan, subject_of_model(path, arguments.data, plan.largest, SEED), output)


def _quantized(arguments: argparse.Namespace, plan: QuantPlan, subject: Any, output: RunFolder) -> dict[str, Any]:
    from modelworks.quantizing import quantize

    units = work_units(plan, len(subject.calibrating), len(subject.held))
    with reporting("quantizing", units, _console(arguments)) as report:
        return quantize(subject, output, plan, given_command(arguments.argv), report)


def _plan(arguments: argparse.Namespace) -> QuantPlan:
    try:
        training = QatPlan(arguments.qat_epochs, arguments.qat_rate)
    except ValueError as error:
        raise UsageError("reading the command line", str(error), "see --help") from error
    return QuantPlan(_recipes(arguments), arguments.representative, arguments.sweep_calibration, training)


def _recipes(arguments: argparse.Namespace) -> tuple[str, ...]:
    given = arguments.recipe or DEFAULT
    return tuple(RECIPES) if "all" in given else tuple(given)


def _console(arguments: argparse.Namespace) -> Console:
    return Terminal(stderr=arguments.json)


def _told(name: str, measured: dict[str, Any]) -> str:
    accuracy, same = measured["validation"]["accuracy"], measured["agreement_validation"]
    return (
        f"{name:<20}{measured['bytes'] / 1000:6.0f} kB, validation {accuracy['value']:7.2%} "
        f"({accuracy['low']:.2%} to {accuracy['high']:.2%}, n {accuracy['n']}), like float32 on {same['value']:.2%}"
    )
