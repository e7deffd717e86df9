"""Measuring every file of a run: how good, how large, how quick, how much memory; the one reading of the test pictures.

Nothing is chosen here. `select` chooses by the validation pictures, which are therefore measured along; so `L_paper`
and `L` take the accuracy on them, and the test pictures stay what they are: a measurement of what was chosen.
"""

import os
import platform
import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from appliance.errors import UsageError
from appliance.machine import model_name
from modelworks.dataset import Picture, decode_all
from modelworks.footprint import peak_memory_kb
from modelworks.latencies import Latencies
from modelworks.progress import Report
from modelworks.quantrecipes import REFERENCE
from modelworks.runfolder import RunFolder
from modelworks.samedata import check_data
from modelworks.scoring import score_pictures
from modelworks.task import Outputs, Task
from modelworks.timing import Lane, Timing, open_lanes, settings_of, time_lanes, timing_ms
from modelworks.validation_rows import Part, check_reference, judged_row, with_objectives

__all__ = ["Job", "Opened", "Plan", "open_job", "validate"]

PACKAGES = ("ai-edge-litert", "numpy", "opencv-python-headless")
MEMORY_MS = 800.0
"""About what it takes to start a Python, load the runtime and run a file."""
DECODE_MS = 1.5
"""About what decoding and resizing a picture cost beside the inference."""
SEED = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """`threads`: the counts to time with; L uses the first. `timed`: inferences for each file and count. `train`: how
    many training pictures are looked at; None: all."""

    threads: tuple[int, ...]
    timed: int = 100
    train: int | None = None

    def __post_init__(self) -> None:
        doing = "reading the command line"
        if not self.threads or min(self.threads) < 1 or len(set(self.threads)) < len(self.threads):
            raise UsageError(doing, f"--threads {','.join(map(str, self.threads))}", "such as --threads 1,4")
        if self.timed < 1 or (self.train is not None and self.train < 1):
            raise UsageError(doing, "a number of pictures below 1", "1 or more")


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure, on which pictures, and where to keep it. `digests` names the files with their SHA-256."""

    folder: Path
    run: RunFolder
    task: Task
    digests: Mapping[str, str]
    latencies: Latencies
    plan: Plan

    @property
    def files(self) -> dict[str, Path]:
        return {name: self.run.tflite(name) for name in self.digests}


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """The job with its files loaded and its pictures checked, so that the length of the work is known."""

    job: Job
    parts: Mapping[str, tuple[Picture, ...]]
    lanes: list[Lane]
    workers: int

    @property
    def units(self) -> float:
        """About what it takes, in ms on this computer."""
        pictures = sum(map(len, self.parts.values()))
        scoring = sum(pictures * self.cost_ms(name) for name in self.job.digests)
        return timing_ms(self.lanes, self.job.plan.timed) + scoring + MEMORY_MS * len(self.job.digests)

    def cost_ms(self, name: str) -> float:
        """What showing a picture to the file costs, the workers side by side."""
        inference = next(lane.cost_ms for lane in self.lanes if lane.name == name)
        return (inference + DECODE_MS) / self.workers


def open_job(job: Job) -> Opened:
    """Load the files in every setting. The test pictures are compared with their hashes, and not shown to any.

    Raises:
        UsageError: a picture is missing, changed or unreadable, or has no truth.
        ModelError: a file cannot be loaded, or is not made for this task.
    """
    split = job.run.split()
    check_data(job.folder, split)
    parts = {"validation": split.validation, "train": _drawn(split.train, job.plan.train), "test": split.test}
    for pictures in parts.values():
        job.task.truth(pictures)
    timed = decode_all(job.folder, split.validation[: job.plan.timed])
    lanes = open_lanes(job.files, settings_of(job.plan.threads), timed, job.run.recipe().preprocessing)
    for lane in lanes:
        job.task.check(lane.name, lane.outputs)
    return Opened(job, parts, lanes, len(os.sched_getaffinity(0)))


def validate(opened: Opened, command: str, report: Report) -> dict[str, Any]:
    """Measure all; returns what validation.json then holds.

    Raises:
        UsageError: a picture cannot be read, or float32 gets nothing right; then the test pictures are not read.
        ModelError: a file broke down.
        StorageError: the run folder cannot be written.
    """
    job = opened.job
    timings = time_lanes(opened.lanes, job.plan.timed, report.advance)
    report.say(f"timed {len(job.digests)} files, {len(opened.lanes)} settings in turn")
    memory = {name: _memory(path, report) for name, path in job.files.items()}
    parts = {part: _scored(opened, part, report) for part in ("validation", "train")}
    check_reference(job.task, parts["validation"])
    reads = job.run.count_test_read(command)
    parts["test"] = _scored(opened, "test", report)
    times = job.latencies.times({name: own[0] for name, own in timings.items()})
    rows = [
        _file_fields(name, path, job.digests[name])
        | judged_row(name, job.task, parts)
        | _time_fields(times[name], timings[name])
        | {"peak_memory_kb": memory[name]}
        for name, path in job.files.items()
    ]
    validation = _heading(opened, command, reads) | {"rows": with_objectives(rows, job.task)}
    job.run.write("validation.json", validation)
    return validation


def _heading(opened: Opened, command: str, reads: int) -> dict[str, Any]:
    job = opened.job
    counts = {part: len(pictures) for part, pictures in opened.parts.items()}
    timed = min(job.plan.timed, counts["validation"])
    return {
        "command": command,
        "task": job.task.name,
        "labels": list(job.task.labels),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "machine": {"model": model_name(), "cores": os.cpu_count()},
        "test_reads": reads,
        "pictures": counts | {"timed": timed},
        "latencies": {"source": job.latencies.source},
        "reference": REFERENCE,
        **job.run.caution(),
    }


def _scored(opened: Opened, part: str, report: Report) -> Part:
    job, pictures = opened.job, opened.parts[part]
    outputs: Mapping[str, Outputs] = score_pictures(
        job.files,
        job.folder,
        pictures,
        job.run.recipe().preprocessing,
        opened.workers,
        lambda name, seen: report.advance(seen * opened.cost_ms(name)),
    )
    report.say(f"looked at {len(pictures)} {part} pictures")
    return Part(pictures, job.task.truth(pictures), outputs)


def _memory(path: Path, report: Report) -> int:
    peak = peak_memory_kb(path)
    report.advance(MEMORY_MS)
    return peak


def _file_fields(name: str, path: Path, digest: str) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "name": name,
        "file": path.name,
        "sha256": digest,
        "bytes": len(content),
        "kb": round(len(content) / 1000, 1),
        "compressed_kb": round(len(zlib.compress(content, 9)) / 1000, 1),
    }


def _time_fields(used: Timing, measured: Sequence[Timing]) -> dict[str, Any]:
    own = {"median": used.median, "p95": used.p95, "threads": used.threads, "kernels": used.kernels}
    return {"ms": own, "timings": [each.as_dict() for each in measured]}


def _drawn(pictures: Sequence[Picture], count: int | None) -> tuple[Picture, ...]:
    """All, or so many of them by a fixed seed, in the order of their paths."""
    if count is None or count >= len(pictures):
        return tuple(pictures)
    return tuple(sorted(random.Random(SEED).sample(list(pictures), count), key=lambda each: each.path))
