"""`modelworks pack`: a quantized run in, the model directory that the appliance runs out."""

import argparse
from pathlib import Path
from typing import Any

from modelworks.cli.command import given_command
from modelworks.packing import pack, usual_choice, write_directory
from modelworks.runfolder import RunFolder

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "pack",
        help="make the model directory that the appliance runs",
        description="Make the directory that the appliance runs: the network, its labels, the recipe, and a manifest "
        "with hashes, figures and every picture that was used. The figures are those of `modelworks validate`.",
        epilog="Then name the directory in config.yaml: classifier.model.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder, validated")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL", help="the directory to write")
    parser.add_argument(
        "--recipe", metavar="NAME", help="which .tflite file; default: what `select` chose, or else int8-io"
    )
    parser.add_argument("--name", required=True, help="the model's name: a-z, 0-9, '.', '_', '-'")
    parser.add_argument("--version", required=True, help="MAJOR.MINOR.PATCH; larger than the one it replaces")
    parser.add_argument(
        "--licence", action="append", default=[], metavar="TEXT", help="of data or weights; again for more"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    run, command = RunFolder(arguments.run_folder), given_command(arguments.argv)
    recipe = arguments.recipe or usual_choice(run)
    files = pack(run, recipe, arguments.name, arguments.version, arguments.licence, command)
    write_directory(arguments.output, files)
    size = sum(map(len, files.values())) / 1000
    print(f"{arguments.output}: {arguments.name} {arguments.version}, the run's {recipe}, {size:.0f} kB")
    return 0
