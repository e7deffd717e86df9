"""Cross-validation: the run's recipe trained anew for every fold, so that every picture tests a network once.

One held-out part of some hundred pictures cannot tell 91 % from 93 %; all pictures together can tell about a point.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError, UsageError
from modelworks.dataset import Picture, decode_all, fingerprint
from modelworks.figures import agreement, judge, paired_loss
from modelworks.integrity import digests_of
from modelworks.litert import LiteModel
from modelworks.progress import Report
from modelworks.quantizing import quantize
from modelworks.quantplan import QuantPlan
from modelworks.quantplan import work_units as quantizing_units
from modelworks.quantrecipes import REFERENCE
from modelworks.recipe import Distillation, TrainRecipe
from modelworks.runfolder import TRAINED, RunFolder
from modelworks.split import Split, fold_splits
from modelworks.subject import subject_of_run
from modelworks.training import Job, train, work_units

__all__ = ["FOLDS", "Series", "cross_validate", "fold_units"]

FOLDS = "folds.json"
NO_LOSS = {"points": 0.0, "low": 0.0, "high": 0.0}
"""Of the reference against itself."""


@dataclass(frozen=True, slots=True)
class Series:
    """What to cross-validate: `job` is the run's own training, `plan` the files to make of every fold's network.

    Each fold is a run folder of its own below RUN/folds, but for the one that RUN itself was trained as (`train
    --fold`); what is finished is not trained again.
    """

    job: Job
    count: int
    plan: QuantPlan

    def splits(self) -> tuple[Split, ...]:
        """The folds' splits: every picture of the run tests in exactly one.

        Raises:
            UsageError: a class has too few groups.
        """
        job = self.job
        return fold_splits(_all(job.split), job.recipe.split, self.count, job.run.together())

    def run(self, number: int) -> RunFolder:
        """The run folder of a fold, from 1: the run's own, if it was trained as this fold."""
        return _run_of(self.job.run, self.job.recipe, number, self.count)


def fold_units(series: Series) -> float:
    """The cost of it all, in looks at a picture of 224 x 224.

    Raises:
        UsageError: as `cross_validate`.
    """
    making = sum(
        work_units(_fold_job(series, number, split))
        + quantizing_units(series.plan, len(split.train), len(split.validation))
        for number, split in enumerate(series.splits(), 1)
    )
    return making + len(_all(series.job.split)) * len(series.plan.names)


def cross_validate(series: Series, command: str, report: Report) -> dict[str, Any]:
    """Train, quantize and test every fold; returns the pooled figures, also in folds.json.

    Raises:
        UsageError: the run's pictures or the teacher's folds do not fit.
        ModelError, StorageError: as in training and quantizing; what is finished stays, and it can go on.
    """
    truth: list[int] = []
    scores: dict[str, list[NDArray[np.float32]]] = {name: [] for name in series.plan.names}
    folds = []
    for number, split in enumerate(series.splits(), 1):
        job = _fold_job(series, number, split)
        _trained(job, command, series, number, report)
        classes = [job.recipe.labels.index(picture.label) for picture in split.test]
        pixels = decode_all(job.folder, split.test)
        for name in series.plan.names:
            scores[name].append(LiteModel(job.run.tflite(name)).scores(pixels, job.recipe.preprocessing))
            report.advance(len(pixels))
        folds.append({"fold": number, "test": len(classes)} | _accuracies(classes, scores, job.recipe.labels))
        truth += classes
        report.say(f"fold {number} of {series.count} tested")
    pooled = {name: np.concatenate(rows) for name, rows in scores.items()}
    figures = {
        "command": command,
        "folds": series.count,
        "data": fingerprint(_all(series.job.split)),
        "rows": {name: _row(truth, each, pooled[REFERENCE], series.job.recipe.labels) for name, each in pooled.items()},
        "per_fold": folds,
    }
    series.job.run.count_test_read(command)
    series.job.run.write(FOLDS, figures)
    return figures


def _fold_job(series: Series, number: int, split: Split) -> Job:
    """The training of one fold; its teachers and members are the same fold of their own cross-validations."""
    job = series.job
    recipe = replace(job.recipe, split=replace(job.recipe.split, fold=number, folds=series.count))
    teachers = _of_fold(job.teachers, number, series.count, f"asking the teacher of fold {number}")
    members = _of_fold(job.members, number, series.count, f"joining the networks of fold {number}")
    if recipe.distillation:
        recipe = replace(recipe, distillation=_same_fold(recipe.distillation, teachers))
    recipe = replace(recipe, members=tuple(run.as_member() for run in members))
    return replace(job, recipe=recipe, split=split, run=series.run(number), teachers=teachers, members=members)


def _of_fold(runs: Sequence[RunFolder], number: int, count: int, doing: str) -> tuple[RunFolder, ...]:
    """The same fold of other runs.

    Raises:
        UsageError: one of them was not cross-validated.
    """
    theirs = tuple(_run_of(each, each.recipe(), number, count) for each in runs)
    untrained = [each.path for each in theirs if not each.has(TRAINED)]
    if untrained:
        remedy = f"`modelworks validate {untrained[0].parents[1].name} --folds {count}` first"
        raise UsageError(doing, f"{untrained[0]} is not trained", remedy)
    return theirs


def _run_of(run: RunFolder, recipe: TrainRecipe, number: int, count: int) -> RunFolder:
    """Where a fold of a run is, from 1: the run itself, if it was trained as this fold."""
    own = recipe.split
    return run if (own.fold, own.folds) == (number, count) else run.fold(number)


def _same_fold(whole: Distillation, runs: Sequence[RunFolder]) -> Distillation:
    return replace(whole, teachers=tuple(run.as_teacher() for run in runs))


def _trained(job: Job, command: str, series: Series, number: int, report: Report) -> None:
    """Make what the fold's run folder lacks."""
    prefixed = Report(report.advance, lambda text: report.say(f"fold {number}: {text}"), report.skip)
    if job.run.exists() and (job.run.recipe() != job.recipe or job.run.split() != job.split):
        found = f"{job.run.path} holds a fold of another recipe or of other pictures"
        own = job.run.path == series.job.run.path
        remedy = "train it again, into another -o" if own else f"remove {job.run.path}"
        raise UsageError(f"training fold {number}", found, remedy)
    if not job.run.exists():
        job.run.begin(job.folder, job.recipe, job.split, {}, command)
    if job.run.has(TRAINED):
        report.skip(work_units(job))
    else:
        train(job, prefixed)
    if _is_quantized(job.run, series.plan):
        report.skip(quantizing_units(series.plan, len(job.split.train), len(job.split.validation)))
    else:
        quantize(subject_of_run(job.folder, job.run), job.run, series.plan, command, prefixed)


def _is_quantized(run: RunFolder, plan: QuantPlan) -> bool:
    """Are the plan's files there, as they were written?"""
    try:
        digests_of(run, plan.names)
    except (UsageError, ModelError):
        return False
    return True


def _row(
    truth: Sequence[int], scores: NDArray[np.float32], reference: NDArray[np.float32], labels: Sequence[str]
) -> dict[str, Any]:
    """The pooled figures of one form."""
    right, other = (each.argmax(axis=1) == np.asarray(truth) for each in (scores, reference))
    judged = judge(truth, scores, labels)
    loss = paired_loss(right, other) if scores is not reference else NO_LOSS | {"n": len(truth)}
    same = {"agreement": agreement(scores, reference), "paired_loss": loss}
    return {name: judged[name] for name in ("accuracy", "per_class", "confusion")} | same


def _accuracies(
    classes: Sequence[int], scores: Mapping[str, Sequence[NDArray[np.float32]]], labels: Sequence[str]
) -> dict[str, Any]:
    """Of the fold that was scored last."""
    return {"accuracy": {name: judge(classes, rows[-1], labels)["accuracy"] for name, rows in scores.items()}}


def _all(split: Split) -> tuple[Picture, ...]:
    return tuple(sorted(_every(split), key=lambda each: each.path))


def _every(split: Split) -> Iterator[Picture]:
    for part in split.parts().values():
        yield from part
