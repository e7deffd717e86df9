"""`appliance bench`: measure this computer; the workstation reads the JSON as the target's latencies."""

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2

from appliance.benchmark import MIN_FRAMES, Plan, benchmark, measure_starts
from appliance.classifier.tflite import TFLiteOptions
from appliance.cli.common import add_config_option, load, parser
from appliance.config import Config
from appliance.errors import UsageError
from appliance.pictures import picture_files, read_picture
from appliance.records import Pixels

__all__ = ["main"]

_EPILOG = """A is the bare network (invoke, input already set); B is what the daemon does from a frame in memory to the
command written on the serial line and the outcome enqueued for the journal. Blocks of A and B alternate; the ratio is
taken round by round. Nothing real is moved: the commands go to a SIMULATED far end.

examples:
  appliance bench
  appliance bench --model models/chamber5 --model models/trashnet6 --json > pi4.json"""


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 ok, 2 too few frames, 12 model, 78 configuration."""
    arguments = _parse(command, argv)
    config = load(arguments.config)
    # As `run` does: OpenCV's own threads would compete with the interpreter's.
    cv2.setNumThreads(1)
    plan = Plan(arguments.rounds, arguments.block)
    models = _models(config, arguments.model)
    folder = _folder(config, arguments)
    frames = _frames(folder, arguments.frames)
    with tempfile.TemporaryDirectory(prefix="appliance-bench-") as place, _progress(plan, len(models)) as step:
        work = Path(place)
        result = benchmark(models, frames, plan, work, step)
        starts = measure_starts(config, folder, arguments.starts, work) if arguments.starts else []
    result["start_ms"] = round(statistics.median(starts), 1) if starts else None
    result["starts_ms"] = starts
    if arguments.json:
        print(json.dumps(result))
    else:
        _print(result)
    return 0


def _parse(command: str, argv: Sequence[str]) -> argparse.Namespace:
    options = parser(command, "Measure this computer with the configured model, or with others.", _EPILOG)
    add_config_option(options)
    options.add_argument("--model", type=Path, action="append", metavar="DIR|FILE.tflite", help="repeat for several")
    options.add_argument(
        "--frames", type=_frame_count, default=MIN_FRAMES, metavar="N", help="distinct frames, at least 64"
    )
    options.add_argument("--frames-from", type=Path, metavar="DIR", help="pictures (default: those of camera.path)")
    options.add_argument("--rounds", type=_positive, default=20, metavar="N", help="pairs of blocks (20)")
    options.add_argument("--block", type=_positive, default=50, metavar="N", help="items in a block (50)")
    options.add_argument("--starts", type=int, default=10, metavar="N", help="measured starts of the daemon (10)")
    options.add_argument("--json", action="store_true", help="one JSON object")
    return options.parse_args(argv)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _frame_count(text: str) -> int:
    number = int(text)
    if number < MIN_FRAMES:
        raise argparse.ArgumentTypeError(f"must be at least {MIN_FRAMES}")
    return number


def _models(config: Config, named: Sequence[Path] | None) -> list[TFLiteOptions]:
    configured = config.classifier
    if not named:
        if not isinstance(configured, TFLiteOptions):
            raise UsageError("choosing the model", f"the classifier is {configured.kind}", "name one with --model")
        return [configured]
    threads = configured.threads if isinstance(configured, TFLiteOptions) else 1
    return [TFLiteOptions(kind="tflite", model=path, threads=threads) for path in named]


def _folder(config: Config, arguments: argparse.Namespace) -> Path:
    """Where the pictures are; the camera itself is left alone."""
    folder = arguments.frames_from or getattr(config.camera, "path", None) or getattr(config.camera, "pictures", None)
    if folder is None or not folder.is_dir():
        raise UsageError("looking for frames", "the camera is no folder of pictures", "name one: --frames-from DIR")
    return Path(folder)


def _frames(folder: Path, wanted: int) -> list[Pixels]:
    """Decoded pictures, each other than the others; unreadable ones are left out."""
    frames: dict[bytes, Pixels] = {}
    for file in picture_files(folder):
        try:
            pixels = read_picture(folder / file)
        except (OSError, ValueError):
            continue
        frames.setdefault(hashlib.sha256(pixels.tobytes()).digest(), pixels)
        if len(frames) == wanted:
            break
    return list(frames.values())


@contextmanager
def _progress(plan: Plan, models: int) -> Iterator[Any]:
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("measuring", total=plan.rounds * models)
        yield lambda: bar.advance(task)


def _print(result: Mapping[str, Any]) -> None:
    heat = "" if result["temperature"] is None else f", {result['temperature']:.0f} °C"
    print(f"{result['machine']}, {result['threads']} thread(s){heat}")
    for model in result["models"]:
        invoke, path, ratio = model["invoke_ms"], model["path_ms"], model["ratio"]
        low, high = ratio["spread"]
        print(f"\n{model['model']}: {model['rounds']} rounds of {model['block']} + {model['block']}")
        print(f"  A network alone     p50 {invoke['p50']:8.3f}  p95 {invoke['p95']:8.3f}  p99 {invoke['p99']:8.3f} ms")
        print(f"  B frame to command  p50 {path['p50']:8.3f}  p95 {path['p95']:8.3f}  p99 {path['p99']:8.3f} ms")
        print(f"  B / A, per round    p50 {ratio['p50']:8.3f}  from {low:.3f} to {high:.3f}")
        print("  stages              " + "  ".join(f"{name} {value:.3f}" for name, value in model["stages"].items()))
        print(f"  peak memory (PSS)   {model['pss_peak_kb']} kB, with two interpreters")
    if result["start_ms"] is not None:
        times = result["starts_ms"]
        print(f"\nstart to first decision: median {result['start_ms']:.0f} ms of {len(times)} "
              f"(from {min(times):.0f} to {max(times):.0f})")  # fmt: skip
