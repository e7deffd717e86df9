"""How much the appliance adds to the bare network, on this computer: blocks of A and B in turn, in one process.

A is `invoke` on an interpreter of its own whose input is already set. B is the path of the sorting loop: frame array ->
preprocessing, invoke, decision, intent, write(2) of the command on a pseudo-terminal, outcome enqueued for the journal.
Both medians come from the same minute of the same machine, so their ratio says more than either.
"""

import itertools
import json
import os
import platform
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from appliance import __version__
from appliance.camera import CameraCounters
from appliance.classifier.runtime import load_interpreter
from appliance.classifier.tflite import TFLiteClassifier, TFLiteOptions
from appliance.clock import Deadline
from appliance.config import Config, EvidenceOptions, JournalOptions
from appliance.control import Switches
from appliance.decide import Policy, decide
from appliance.errors import ApplianceError, ModelError, UsageError
from appliance.evidence import Evidence
from appliance.health import Health, Notifier
from appliance.intake import Patience
from appliance.journal import Journal, RunInfo
from appliance.loop import Limits, Parts, SortingLoop
from appliance.machine import model_name, pss_kb, temperature_c
from appliance.records import Frame, Pixels
from appliance.sorter.line import LineOptions, LineSorter
from appliance.trigger.every_frame import EveryFrame, EveryFrameOptions
from appliance.twin_process import twin_running
from appliance.wording import counted

__all__ = ["MIN_FRAMES", "Plan", "benchmark", "measure_starts"]

MIN_FRAMES = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """`rounds` pairs of blocks, each of `block` items."""

    rounds: int = 20
    block: int = 50


@dataclass(frozen=True, slots=True)
class _Spread:
    p50: float
    p95: float
    p99: float


def benchmark(
    models: Sequence[TFLiteOptions],
    frames: Sequence[Pixels],
    plan: Plan,
    work: Path,
    step: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Measure each model; `work` is an empty directory for journal and twin, `step` hears of every finished round.

    Raises:
        UsageError: fewer than 64 frames.
        ModelError, StorageError, LinkError: what a run would raise.
    """
    if len(frames) < MIN_FRAMES:
        found = f"{counted(len(frames), 'distinct frame')}, at least {MIN_FRAMES} are needed"
        raise UsageError("preparing the benchmark", found, "name a folder with more pictures: --frames-from DIR")
    results = []
    for number, options in enumerate(models):
        place = work / str(number)
        place.mkdir()
        results.append(_measure(options, frames, plan, place, step))
    return {
        "machine": model_name(),
        "versions": _versions(),
        "threads": models[0].threads,
        "temperature": temperature_c(),
        "frames": {"distinct": len(frames), "size": list(frames[0].shape[:2])},
        "models": results,
    }


def measure_starts(config: Config, pictures: Path, count: int, work: Path) -> list[float]:
    """ms from exec to the first decision of `appliance run --items 1`, warm, `count` times.

    Raises:
        ApplianceError: the run did not work.
    """
    port = work / "twin.tty"
    with twin_running(port, work / "twin.jsonl", "--delay", "0"):
        path = work / "start.yaml"
        values = config.as_dict()
        values["camera"] = {"kind": "folder", "path": str(pictures.absolute())}
        values["trigger"] = {"kind": "every-frame"}
        values["decision"]["frames"] = 1
        values["machine"]["state_dir"] = str(work / "state")
        values["sorter"] = _line(port, confirms=True).model_dump(mode="json")
        path.write_text(yaml.safe_dump(values))
        command = [sys.executable, "-m", "appliance", "run", "-c", str(path), "--items", "1", "--json"]
        times = []
        for _ in range(count + 1):
            done = subprocess.run(command, capture_output=True, check=False, timeout=120)
            if done.returncode:
                said = done.stderr.decode(errors="replace").strip().splitlines()
                found = said[-1] if said else f"exit code {done.returncode}"
                raise ApplianceError("starting the appliance", found, "see what `appliance diagnose` says")
            times.append(float(json.loads(done.stdout.splitlines()[-1])["start_ms"]))
    # The first one fills the page cache.
    return times[1:]


def _measure(
    options: TFLiteOptions, frames: Sequence[Pixels], plan: Plan, work: Path, step: Callable[[], None]
) -> dict[str, Any]:
    options = _with_labels(options, work)
    with ExitStack() as stack:
        bare = TFLiteClassifier(options)
        stack.callback(bare.close)
        bare.load(frames[0])
        parts = stack.enter_context(_parts(options, work))
        limits = Limits("bench", str(work), 10_000, Patience(1.0, 1.0), 30.0)
        loop = SortingLoop(parts, limits, threading.Event())
        ids = itertools.count(1)
        pictures = itertools.cycle(frames)

        def path() -> Callable[[], None]:
            # Making the record is the camera's work: it is ready before the time runs.
            waiting = [
                Frame(next(ids), time.monotonic_ns(), "monotonic", next(pictures), "bench") for _ in range(plan.block)
            ]
            return lambda: loop.take(waiting.pop())

        _block(bare.invoke, plan.block)
        _block(path(), plan.block)
        blocks, peak_kb = [], 0
        for _ in range(plan.rounds):
            blocks.append((_block(bare.invoke, plan.block), _block(path(), plan.block)))
            _settle(parts.journal)
            peak_kb = max(peak_kb, pss_kb() or 0)
            step()
        stages = _stages(parts, frames, plan.block)
    invoke, whole = (np.concatenate(column) for column in zip(*blocks, strict=True))
    ratios = [float(np.median(b) / np.median(a)) for a, b in blocks]
    return {
        "model": parts.classifier.name,
        "digest": parts.classifier.digest,
        "rounds": plan.rounds,
        "block": plan.block,
        "invoke_ms": asdict(_spread(invoke)),
        "path_ms": asdict(_spread(whole)),
        "ratio": {"p50": round(float(np.median(ratios)), 4), "spread": [round(min(ratios), 4), round(max(ratios), 4)]},
        "stages": stages,
        "pss_peak_kb": peak_kb or None,
    }


def _block(action: Callable[[], object], count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """ms of each of `count` calls."""
    times = np.empty(count)
    for index in range(count):
        before = time.perf_counter_ns()
        action()
        times[index] = (time.perf_counter_ns() - before) / 1e6
    return times


def _stages(parts: Parts, frames: Sequence[Pixels], count: int) -> dict[str, float]:
    """Median ms of the steps that can be called alone; the rest of the path is intent, write(2) and the queue."""
    classifier = parts.classifier
    assert isinstance(classifier, TFLiteClassifier)
    pictures = itertools.cycle(frames)
    predictions = [classifier.classify(frames[0])]
    actions: dict[str, Callable[[], object]] = {
        "preprocess": lambda: classifier.load(next(pictures)),
        "invoke": classifier.invoke,
        "scores": classifier.read,
        "decide": lambda: decide(predictions, parts.policy),
    }
    return {name: round(float(np.median(_block(action, 2 * count))), 4) for name, action in actions.items()}


def _spread(times: np.ndarray[Any, np.dtype[np.float64]]) -> _Spread:
    p50, p95, p99 = (round(float(value), 4) for value in np.percentile(times, (50, 95, 99)))
    return _Spread(p50, p95, p99)


def _settle(journal: Journal) -> None:
    deadline = Deadline(10)
    while not journal.idle and not deadline.expired:
        time.sleep(0.005)


@contextmanager
def _parts(options: TFLiteOptions, work: Path) -> Iterator[Parts]:
    """The loop's parts, with a line that never confirms: B ends with write(2), not with a machine's movement."""
    with ExitStack() as stack:
        classifier = TFLiteClassifier(options)
        stack.callback(classifier.close)
        sorter = LineSorter(_line(stack.enter_context(_drained_terminal()), confirms=False))
        journal = Journal(work, JournalOptions(), RunInfo(__version__, "", classifier.name))
        stack.callback(journal.close)
        # Unconfirmed items count as unsure, and would all be kept as pictures; where they are confirmed it is 1 in 20.
        evidence = Evidence(work / "evidence", EvidenceOptions(keep="none"))
        stack.callback(evidence.close)
        capabilities = sorter.open()
        stack.callback(sorter.close)
        ids = itertools.count(1)
        trigger = EveryFrame(EveryFrameOptions(), lambda: f"{journal.run_id}-{next(ids)}")
        policy = Policy(classifier.labels, dict.fromkeys(classifier.labels, "all"), {"all": 1, "rest": 0}, "rest", 0.0)
        health = Health(Notifier({}))
        yield Parts(
            _NoCamera(), trigger, classifier, policy, sorter, capabilities, journal, evidence, health, Switches()
        )


@contextmanager
def _drained_terminal() -> Iterator[Path]:
    """A pseudo-terminal whose far end only reads. A simulated machine on the same cores would be measured too."""
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        with subprocess.Popen(["cat"], stdin=master, stdout=subprocess.DEVNULL) as reader:
            yield Path(os.ttyname(slave))
            reader.terminate()
    finally:
        os.close(master)
        os.close(slave)


class _NoCamera:
    """The benchmark hands its frames over itself."""

    live = False
    name = "benchmark"
    ended = True

    def open(self) -> None: ...

    def latest(self, after_id: int, timeout_s: float) -> Frame | None:
        return None

    def counters(self) -> CameraCounters:
        return CameraCounters()

    def close(self) -> None: ...


def _line(port: Path, *, confirms: bool) -> LineOptions:
    return LineOptions(
        kind="line",
        port=str(port),
        template="SORT {channel} {seq}\n",
        reply=r"^OK (?P<seq>\d+)" if confirms else None,
        refusal=None,
        hello="HELLO\n" if confirms else None,
        ready="^READY" if confirms else None,
    )


def _with_labels(options: TFLiteOptions, work: Path) -> TFLiteOptions:
    """For speed the names do not matter: a bare .tflite without labels gets numbers."""
    if options.model.is_dir() or options.labels is not None:
        return options
    if not options.model.is_file():
        raise ModelError(f"reading the model {options.model}", "no such file", "name a model directory or a .tflite")
    interpreter = load_interpreter(options.model, options.runtime, 1)
    count = int(interpreter.get_output_details()[0]["shape"][-1])
    labels = work / "labels.txt"
    labels.write_text("".join(f"class-{index}\n" for index in range(count)))
    return options.model_copy(update={"labels": labels})


def _versions() -> dict[str, str]:
    found = {"appliance": __version__, "python": platform.python_version(), "kernel": os.uname().release}
    for name in ("ai-edge-litert", "tflite-runtime", "numpy", "opencv-python-headless"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
