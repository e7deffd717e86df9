"""From what every file said of every picture to the rows of validation.json. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from appliance.errors import UsageError
from modelworks.contenders import candidate_of
from modelworks.dataset import Picture
from modelworks.objective import baseline_of, standings
from modelworks.quantrecipes import REFERENCE
from modelworks.task import Outputs, Task

__all__ = ["Part", "check_reference", "judged_row", "with_objectives"]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of the split: its pictures, what is right of them, and what each file said."""

    pictures: Sequence[Picture]
    truth: NDArray[Any]
    outputs: Mapping[str, Outputs]


def check_reference(task: Task, validation: Part) -> None:
    """Refuse a reference that nothing can be compared with, before the test pictures are read.

    Raises:
        UsageError: it names no validation picture right, or makes no error at all in a regression.
    """
    quality = task.quality(validation.truth, validation.outputs[REFERENCE])
    if quality["value"] == 0:
        found = f"its {task.metric.name} on {quality['n']} validation pictures is 0: no ratio to it exists"
        raise UsageError(f"comparing with {REFERENCE}", found, "train longer, or more and more various pictures")


def judged_row(name: str, task: Task, parts: Mapping[str, Part]) -> dict[str, Any]:
    """How good a file is on each part; what has no part in its name is of the test pictures."""
    metric, test, validation = task.metric.name, parts["test"], parts["validation"]
    return {
        metric: task.quality(test.truth, test.outputs[name]),
        f"train_{metric}": task.quality(parts["train"].truth, parts["train"].outputs[name]),
        f"validation_{metric}": task.quality(validation.truth, validation.outputs[name]),
        **task.details(test.truth, test.outputs[name], test.outputs[REFERENCE]),
        "paired_loss": _loss(name, task, test),
        "validation_paired_loss": _loss(name, task, validation),
        "mistakes": task.mistakes(test.pictures, test.truth, test.outputs[name]),
    }


def with_objectives(rows: Sequence[dict[str, Any]], task: Task) -> list[dict[str, Any]]:
    """The rows with L_paper and L against the reference, by the quality on the validation pictures."""
    candidates = [candidate_of(row, task.metric) for row in rows]
    judged = standings(candidates, baseline_of(candidates, REFERENCE), task.metric)
    return [
        row | {"L_paper": round(each.paper, 6), "L": round(each.mended, 6)}
        for row, each in zip(rows, judged, strict=True)
    ]


def _loss(name: str, task: Task, part: Part) -> dict[str, Any]:
    """The reference loses nothing against itself, and that is certain."""
    if name == REFERENCE:
        return {"points": 0.0, "low": 0.0, "high": 0.0, "n": len(part.truth)}
    return task.paired_loss(part.truth, part.outputs[name], part.outputs[REFERENCE])
