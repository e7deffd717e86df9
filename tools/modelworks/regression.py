"""The task of telling a number from a picture: how full, how bright, how heavy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError, UsageError
from modelworks.csv_lines import number_in, read_csv
from modelworks.dataset import Picture
from modelworks.objective import MSE, Metric
from modelworks.task import Outputs

__all__ = ["TARGETS_FILE", "Regression", "read_targets"]

TARGETS_FILE = "targets.csv"
REMEDY = "UTF-8 text in the data folder, first line `picture,value`, then a line a picture: `folder/name.jpg,0.25`"
RESAMPLES = 2000
SEED = 1
SHOWN = 20
"""How many of the pictures that are furthest off are kept."""


@dataclass(frozen=True, slots=True)
class Regression:
    """One output, a number; `targets` has the right one of every picture by its path in the data folder.

    Intervals are bootstrapped: pictures drawn anew 2,000 times by a fixed seed, the middle 95 % of what comes out.
    Source: Efron, Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile interval).
    """

    name: ClassVar[str] = "regression"
    metric: ClassVar[Metric] = MSE
    labels: ClassVar[tuple[str, ...]] = ()
    targets: Mapping[str, float]

    def truth(self, pictures: Sequence[Picture]) -> NDArray[np.float64]:
        missing = [picture.path for picture in pictures if picture.path not in self.targets]
        if missing:
            found = f"{len(missing)} pictures have no value, {missing[0]} among them"
            raise UsageError(f"reading {TARGETS_FILE}", found, REMEDY)
        return np.array([self.targets[picture.path] for picture in pictures], np.float64)

    def check(self, name: str, outputs: int) -> None:
        if outputs != 1:
            found = f"it has {outputs} outputs, a regression has one number a picture"
            raise ModelError(f"opening {name}.tflite", found, "--task classification, if it names classes")

    def quality(self, truth: NDArray[Any], outputs: Outputs) -> dict[str, Any]:
        errors = _squared(truth, outputs)
        low, high = _interval(len(errors), lambda drawn: float(errors[drawn].mean()))
        return {"value": _short(float(errors.mean())), "low": _short(low), "high": _short(high), "n": len(errors)}

    def paired_loss(self, truth: NDArray[Any], outputs: Outputs, reference: Outputs) -> dict[str, Any]:
        """The rise of the MSE in per cent of the reference's.

        Raises:
            UsageError: the reference makes no error at all, so that no ratio to it exists.
        """
        errors, theirs = _squared(truth, outputs), _squared(truth, reference)
        if not theirs.any():
            raise UsageError("comparing with the reference", "its MSE is 0", "more, and more various, pictures")
        low, high = _interval(len(errors), lambda drawn: _rise(errors[drawn], theirs[drawn]))
        points = _rise(errors, theirs)
        return {"points": _short(points), "low": _short(low), "high": _short(high), "n": len(errors)}

    def details(self, truth: NDArray[Any], outputs: Outputs, reference: Outputs) -> dict[str, Any]:
        return {"mean_absolute_error": _short(float(np.abs(outputs[:, 0] - truth).mean()))}

    def mistakes(self, pictures: Sequence[Picture], truth: NDArray[Any], outputs: Outputs) -> list[dict[str, Any]]:
        errors = _squared(truth, outputs)
        furthest = sorted(range(len(errors)), key=lambda i: (-errors[i], pictures[i].path))[:SHOWN]
        return [
            {"picture": pictures[i].path, "truth": _short(float(truth[i])), "guess": _short(float(outputs[i, 0]))}
            for i in furthest
        ]


def read_targets(folder: Path) -> dict[str, float]:
    """The values in the data folder's targets.csv, by the picture's path.

    Raises:
        UsageError: it is not there, or not such a file; the message names the line.
    """
    doing = f"reading {folder / TARGETS_FILE}"
    header, *lines = read_csv(folder / TARGETS_FILE, doing, REMEDY)
    if header.fields != ("picture", "value"):
        raise UsageError(f"{doing}, line {header.number}", f"the columns are {', '.join(header.fields)}", REMEDY)
    targets: dict[str, float] = {}
    for line in lines:
        where = f"{doing}, line {line.number}"
        if len(line.fields) != 2:
            raise UsageError(where, f"{len(line.fields)} fields", REMEDY)
        path, text = line.fields
        if path in targets:
            raise UsageError(where, f"{path!r} stands there already", "one line a picture")
        targets[path] = number_in(text, where, "value")
    return targets


def _squared(truth: NDArray[Any], outputs: Outputs) -> NDArray[np.float64]:
    return np.asarray((outputs[:, 0].astype(np.float64) - truth) ** 2, np.float64)


def _rise(errors: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Per cent; a drawing on which the reference happens to make no error says nothing."""
    base = float(reference.mean())
    return 100 * (float(errors.mean()) / base - 1) if base else 0.0


def _interval(n: int, statistic: Callable[[NDArray[np.intp]], float]) -> tuple[float, float]:
    rng = np.random.default_rng(SEED)
    drawn = [statistic(rng.integers(0, n, n)) for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def _short(value: float) -> float:
    """Six digits that count, whatever the unit."""
    return float(f"{value:.6g}") + 0.0
