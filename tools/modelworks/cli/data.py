"""`modelworks data check`: is this folder of pictures fit to learn from, and to be believed?"""

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.errors import UsageError
from modelworks.cli.terminal import Terminal
from modelworks.cli.train_options import add_split, groups_of, split_plan
from modelworks.datacheck import DataCheck, check_data
from modelworks.datafigures import PARTS, as_dict, counts
from modelworks.datafindings import Finding, Verdict, exit_code, findings
from modelworks.dataset import list_pictures
from modelworks.datasheet import check_suffix, data_sheet, save_sheet
from modelworks.duplicates import BITS, PROPOSED
from modelworks.grouping import Groups
from modelworks.progress import reporting
from modelworks.runfolder import RunFolder
from modelworks.split import Split, SplitPlan

__all__ = ["add_to"]

DESCRIPTION = """Look at every picture of DIR before a network learns from it: can it be read, how large is it, is it
there twice, and, above all, is it nearly the same as one in another part of the split: that flatters the accuracy."""
EPILOG = """examples:
  modelworks data check data/glass-and-metal -o sheet.png
  modelworks data check data/glass-and-metal --run runs/first

The split is that of a run (--run), or the one that `train` would make with the same options. Near duplicates are the
same shot saved again, resized or cut a little, or taken a moment later: found by a perceptual hash and confirmed by
laying one over the other. Another view of the same object is not found: number the files as they were taken and split
by blocks, or say which pictures show one object (--groups). A camera that hangs still gives pairs that only look alike:
look at them on the sheet; --distance 20 keeps to the sure ones.

exit code: 0 if nothing failed (a warning is no failure), 1 if a result on these pictures cannot be believed: near
duplicates across the parts, pictures that cannot be read or split, one file under two labels; 2 the folder or an option
makes no sense, 13 the sheet cannot be written."""

STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults beside the options, and the examples' line breaks kept."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser("data", help="look at the pictures before training", description=DESCRIPTION)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser(
        "check", help="is a folder fit to learn from", description=DESCRIPTION, epilog=EPILOG, formatter_class=Help
    )
    check.add_argument("folder", type=Path, metavar="DIR", help="one sub-folder of pictures a class")
    absent = argparse.SUPPRESS
    check.add_argument("-o", "--output", type=Path, metavar="SHEET.png", help="draw a contact sheet", default=absent)
    check.add_argument("--json", action="store_true", default=absent, help="one JSON object: figures, findings, pairs")
    check.add_argument(
        "--run", dest="run_folder", type=Path, metavar="RUN", help="the split of this run", default=absent
    )
    check.add_argument("--seed", type=int, default=1, help="decides the split and what the sheet shows")
    check.add_argument(
        "--distance", type=int, default=PROPOSED, metavar="BITS", help=f"of {BITS}: farther pairs are not compared"
    )
    add_split(check)
    check.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    sheet, as_json = getattr(arguments, "output", None), getattr(arguments, "json", False)
    listing = list_pictures(arguments.folder)
    groups = groups_of(arguments, listing)
    split = _split(arguments, groups)
    if sheet is not None:
        check_suffix(sheet)
    # OpenCV's own words about a broken file do not name it; the finding does.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    console = Terminal(stderr=as_json)
    open_report = partial(reporting, console=console)
    check = check_data(arguments.folder, listing, split, open_report, arguments.distance, groups.pairs)
    found = findings(check)
    if sheet is not None:
        save_sheet(sheet, data_sheet(check, arguments.seed))
    if as_json:
        told = {"exit_code": exit_code(found), "findings": [asdict(finding) for finding in found]}
        print(json.dumps(as_dict(check) | told, ensure_ascii=False))
    else:
        if groups.digest:
            named = f"{groups.count} groups with {groups.pictures} of {len(listing.pictures)} pictures"
            console.print(f"{arguments.groups.name}: {named}", highlight=False)
        _print(check, found, console)
    return exit_code(found)


def _split(arguments: argparse.Namespace, groups: Groups) -> Split | SplitPlan:
    """What was asked for.

    Raises:
        UsageError: an option is out of range, or RUN is no run folder.
    """
    doing = "reading the command line"
    if not 0 <= arguments.distance <= BITS // 2:
        found = f"--distance {arguments.distance}"
        raise UsageError(doing, found, f"0 to {BITS // 2}: farther is nothing in common")
    run_folder = getattr(arguments, "run_folder", None)
    if run_folder is not None:
        if groups.digest:
            raise UsageError(doing, "--groups with --run, whose split was made already", "one of the two")
        return RunFolder(run_folder).split()
    try:
        return split_plan(arguments, groups)
    except ValueError as error:
        raise UsageError(doing, str(error), "modelworks data check --help") from error


def _print(check: DataCheck, found: list[Finding], console: Console) -> None:
    console.print(_class_table(check), highlight=False)
    console.print(_finding_table(found), highlight=False)
    failed = [finding.check for finding in found if finding.verdict is Verdict.FAIL]
    verdict = f"mend this before you believe a result: {', '.join(failed)}" if failed else "fit to learn from"
    console.print(Text(f"{check.folder.absolute().name}: {verdict}", style="bold red" if failed else "green"))


def _class_table(check: DataCheck) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_footer=True)
    rows = counts(check)
    total = {name: sum(row[name] for row in rows.values()) for name in ("pictures", *PARTS)}
    shown = ("pictures",) if check.parts.error else ("pictures", *PARTS)
    table.add_column("class", "all")
    table.add_column("share", "", justify="right")
    for name in shown:
        table.add_column(name, str(total[name]), justify="right")
    for label, row in rows.items():
        share = f"{row['pictures'] / max(1, total['pictures']):.1%}"
        table.add_row(label, share, *(str(row[name]) for name in shown))
    return table


def _finding_table(found: list[Finding]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what was seen, and what to do", overflow="fold")
    for one in found:
        seen = Text(one.evidence)
        if one.remedy:
            seen.append(f"\n→ {one.remedy}", style="bold")
        table.add_row(one.check, Text(one.verdict.value, style=STYLES[one.verdict]), seen)
    return table
