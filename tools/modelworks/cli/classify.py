"""`modelworks classify`: what a .tflite file says of pictures."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from appliance.errors import UsageError
from appliance.records import Pixels, Prediction
from modelworks.cli.terminal import Terminal
from modelworks.dataset import SUFFIXES, read_pixels
from modelworks.progress import reporting

__all__ = ["add_to"]

DESCRIPTION = """Show what a model says of pictures. They go through the very function that the machine and the training
use, so that the answer here is the answer there."""
EPILOG = """examples:
  modelworks classify runs/first/int8-io.tflite bottle.jpg
  modelworks classify models/chamber5 pictures/ --json
  modelworks classify network.tflite --labels labels.txt bottle.jpg can.jpg

The labels come from --labels, from labels.txt beside the file, from the run folder in which it lies, or from the model
directory. The file is first run in another process: a damaged one can crash the interpreter.

exit code: 0 all were answered, 1 some pictures cannot be read (named on standard error; the others are answered), 2 a
picture or model is not there, 12 the model is damaged, is no classifier of pictures, or has other labels."""
UNREAD = 1


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "classify",
        help="show what a model says of pictures",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .tflite file, or a model directory")
    parser.add_argument(
        "pictures", type=Path, nargs="+", metavar="PICTURE", help="a picture, or a folder: all pictures below it"
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="one label a line, in the order of the outputs")
    parser.add_argument("--top", type=int, default=3, metavar="N", help="how many labels to show; default: 3")
    parser.add_argument("--json", action="store_true", help="one JSON object, with the scores of the best N labels")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.top < 1:
        raise UsageError("reading the command line", f"--top {arguments.top}", "1 or more")
    paths = _pictures(arguments.pictures)
    from modelworks.classify import PictureClassifier  # the interpreter, after all that can be refused without it
    from modelworks.modelsource import find_model

    source = find_model(arguments.model, arguments.labels)
    answers = _answers(PictureClassifier(source).classify, paths)
    shown = [_row(path, answer, source.labels, arguments.top) for path, answer in answers.items() if answer is not None]
    unreadable = [path for path, answer in answers.items() if answer is None]
    if arguments.json:
        head = {"model": source.name, "sha256": source.sha256, "labels": source.labels}
        print(json.dumps(head | {"pictures": shown, "unreadable": list(map(str, unreadable))}, ensure_ascii=False))
    else:
        Terminal().print(_table(source.name, shown), highlight=False)
    for path in unreadable:
        print(f"modelworks: {path}: cannot be read as a picture", file=sys.stderr)
    return UNREAD if unreadable else 0


def _pictures(given: Sequence[Path]) -> list[Path]:
    """Every picture once, in the order given; of a folder all below it, sorted.

    Raises:
        UsageError: one is not there, or a folder has no pictures.
    """
    found: dict[Path, None] = {}
    for path in given:
        if not path.exists():
            raise UsageError("looking for the pictures", f"there is no {path}", "check the path")
        inside = _below(path) if path.is_dir() else [path]
        if not inside:
            raise UsageError("looking for the pictures", f"none in {path}", f"these are: {' '.join(sorted(SUFFIXES))}")
        found |= dict.fromkeys(inside)
    return list(found)


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _answers(classify: Callable[[Pixels], Prediction], paths: Sequence[Path]) -> dict[Path, Prediction | None]:
    """None for a picture that cannot be read."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # the unreadable ones are named by us
    answers: dict[Path, Prediction | None] = {}
    with reporting("classifying", len(paths), Terminal(stderr=True)) as report:
        for path in paths:
            pixels = read_pixels(path)
            answers[path] = None if pixels is None else classify(pixels)
            report.advance(1)
    return answers


def _row(path: Path, answer: Prediction, labels: Sequence[str], top: int) -> dict[str, Any]:
    best = sorted(zip(answer.scores, labels, strict=False), key=lambda each: -each[0])[:top]
    scores = [{"label": label, "score": round(score, 4)} for score, label in best]
    return {"picture": str(path), "label": answer.label, "confidence": round(answer.confidence, 4), "top": scores}


def _table(name: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=name, title_justify="left")
    table.add_column("picture", overflow="fold")
    table.add_column("shows", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("or else", overflow="fold", style="dim")
    for row in rows:
        if row["label"] is None:
            table.add_row(row["picture"], Text("NaN or infinity", style="bold red"))
            continue
        others = ", ".join(f"{each['label']} {each['score']:.1%}" for each in row["top"][1:])
        table.add_row(row["picture"], row["label"], f"{row['confidence']:.1%}", others)
    return table
