"""`modelworks report`: a validated run in, one HTML file for people out."""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from appliance.errors import StorageError, UsageError
from appliance.files import write_power_safe
from modelworks.cli.command import given_command
from modelworks.cli.terminal import Terminal
from modelworks.progress import reporting
from modelworks.report.findings import Findings, read_findings
from modelworks.runfolder import RunFolder

__all__ = ["add_to"]

REPORT = "report.html"
DESCRIPTION = """Write what a run found as one HTML file that needs nothing else: the choice and its reason, every file
beside the others, classes and confusions, the worst mistakes as pictures, where the network looked, and how all of it
was made. Reads what train, quantize, validate and select wrote; measures and chooses nothing."""
EPILOG = """Without --no-pictures the file holds small copies of test pictures: mind their licence before you pass it
on, and say it with --licence. Looking where the network looked takes about half a minute."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "report", help="show a run's findings as one HTML file", description=DESCRIPTION, epilog=EPILOG
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder, validated and selected from")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=f"the file to write; default: RUN/{REPORT}")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the pictures trained on, if they were moved")
    parser.add_argument("--no-pictures", action="store_true", help="without copies of pictures: quick, free to pass on")
    parser.add_argument("--licence", default="", metavar="TEXT", help="the pictures' licence, named beside them")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    run, console = RunFolder(arguments.run_folder), Terminal()
    findings = read_findings(run)
    output = arguments.output or run.path / REPORT
    if output.is_dir():
        raise UsageError("reading the command line", f"-o {output} is a folder", "the name of a file")
    album = None if arguments.no_pictures else _album(arguments, run, findings, console)
    from modelworks.report.page import page  # Matplotlib takes a second.

    content = page(findings, album, given_command(arguments.argv)).encode()
    try:
        write_power_safe(output, content)
    except OSError as error:
        raise StorageError(f"writing {output}", error.strerror or str(error), "choose another -o") from error
    console.print(f"{output}: {len(content) / 1000:.0f} kB", highlight=False, markup=False, soft_wrap=True)
    return 0


def _album(arguments: argparse.Namespace, run: RunFolder, findings: Findings, console: Console) -> Any:
    from modelworks.report.gallery import plan_gallery, show, work_units
    from modelworks.report.page import Album

    folder = arguments.data or run.data_folder()
    if not folder.is_dir():
        remedy = "--data DIR, if they were moved, or --no-pictures"
        raise UsageError(f"looking for the pictures in {folder}", "it is not a folder", remedy)
    gallery = plan_gallery(findings, run, folder)
    with reporting("looking", work_units(gallery), console) as report:
        mistakes, right = show(gallery, findings, run, report)
    return Album(mistakes, right, gallery.count, gallery.grid, arguments.licence)
