"""Quantization-aware training from the outside: hands the network to a process of its own and takes a file back.

The library for it (tfmot) knows only the older Keras 2, and a process that has loaded Keras 3 cannot go back.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from appliance.errors import ModelError, StorageError, UsageError
from modelworks.layers import RoundedReLU
from modelworks.progress import Report
from modelworks.qatjob import JOB, LAYERS, PREPARATION, RESULT, TRAINED_FILE, WEIGHTS, QatPlan
from modelworks.subject import Subject

__all__ = ["train_quantized"]

LOG = "training.log"
REMEDY = "leave qat-int8 out with --recipe; see that the extra `train` is installed whole"


def train_quantized(subject: Subject, plan: QatPlan, scratch: Path, report: Report) -> tuple[bytes, dict[str, Any]]:
    """The file of the best epoch by the held pictures, and what the training did: steps, epochs, history.

    Raises:
        UsageError: the network is no run of `train`, whose pictures and augmentation are needed.
        ModelError: the training failed.
        StorageError: `scratch` is full.
    """
    if subject.run is None:
        found = f"{subject.origin['network']} comes without them"
        raise UsageError("training with the rounding in the loop", f"it needs a run's training: {found}", "name a RUN")
    _write_job(subject, subject.run.path, plan, scratch)
    for message in _messages(scratch):
        report.advance(message.get("units", 0.0))
        if "say" in message:
            report.say(message["say"])
    report.advance(PREPARATION)
    return (scratch / TRAINED_FILE).read_bytes(), json.loads((scratch / RESULT).read_bytes())


def _write_job(subject: Subject, run: Path, plan: QatPlan, scratch: Path) -> None:
    job = asdict(plan) | {"run": str(run.absolute()), "data": str(subject.folder.absolute())}
    weights = {
        f"{layer.name} {place}": values
        for layer in subject.network.layers
        for place, values in enumerate(layer.get_weights())
    }
    try:
        (scratch / JOB).write_text(json.dumps(job))
        (scratch / LAYERS).write_text(json.dumps([_described(layer) for layer in subject.network.layers]))
        np.savez(scratch / WEIGHTS, **weights)
    except OSError as error:
        raise StorageError(
            f"writing to {scratch}", str(error), "make room, then give the same command again"
        ) from error


def _described(layer: Any) -> dict[str, Any]:
    """A Keras 3 layer in words that Keras 2 also knows: initializers and the like decide nothing any more."""
    plain = {name: value for name, value in layer.get_config().items() if not isinstance(value, dict)}
    kind = type(layer).__name__
    if isinstance(layer, RoundedReLU):  # Keras 2 has no such layer, and rounds by itself
        kind = "ReLU"
        plain.pop("bits")
    inputs = [] if "batch_shape" in plain else layer.input if isinstance(layer.input, list) else [layer.input]
    before = [tensor._keras_history.operation.name for tensor in inputs]
    return {"kind": kind, "config": plain, "from": before}


def _messages(scratch: Path) -> Iterator[dict[str, Any]]:
    """What the training process tells, line by line, until it has ended well.

    Raises:
        ModelError: it ended otherwise.
    """
    search = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "PYTHONPATH": search, "TF_NUM_INTEROP_THREADS": "1"}
    argv = [sys.executable, "-m", "modelworks.qattraining", str(scratch)]
    with (
        (scratch / LOG).open("wb") as log,
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, env=environment, text=True) as child,
    ):
        try:
            assert child.stdout is not None
            for line in child.stdout:
                yield json.loads(line)
        finally:
            if child.poll() is None and sys.exc_info()[0] is not None:
                child.kill()
    if child.returncode:
        raise ModelError("training with the rounding in the loop", _reason(scratch, child.returncode), REMEDY)


def _reason(scratch: Path, code: int) -> str:
    lines = (scratch / LOG).read_text(errors="replace").strip().splitlines()
    return f"exit code {code}, {lines[-1] if lines else 'without a word'}"
