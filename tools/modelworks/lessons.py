"""Preparing a stage of a training: which part of the network learns, from which inputs, towards which targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.errors import UsageError
from modelworks.batches import PLAIN, inputs_of, one_hot, resized, smoothed
from modelworks.featurecache import FeatureCache, Views
from modelworks.learning import compile_for
from modelworks.network import build
from modelworks.networkparts import LOGITS, POOL, digest_of, part_of, share_after
from modelworks.progress import Report
from modelworks.recipe import Stage, TrainRecipe
from modelworks.runfolder import RunFolder
from modelworks.sources import Examples, Features, Pictures, Source, Targets
from modelworks.speaking import Speaker, said_by
from modelworks.split import Split
from modelworks.weightsfile import load

__all__ = [
    "Lesson",
    "check_apart",
    "epoch_units",
    "joining_units",
    "lesson_of",
    "lesson_units",
    "opinions_of",
    "opinions_units",
    "pooled_of",
    "pooled_units",
]

TRAINING_COST = 7.0
"""A training step's cost, in looks at the same pictures: measured, 1.41 s against 0.20 s for 32 of 224 x 224. Going
back through depthwise layers and batch normalization is slow on CPUs."""
ASKING_COST = 0.4
"""What a look through LiteRT costs, likewise."""
WORK = {"mobilenet_v1": 1.0, "mobilenet_v2": 0.8, "efficientnet_lite0": 1.0, "efficientnet_lite2": 1.4}
"""Of a look at a picture of one size; measured, but for V2's."""
AUGMENTATION_COST = 0.5
"""What making a view of a picture costs, likewise: 6 ms of OpenCV on one of two cores against 6."""


class Assignment(Protocol):
    """What of a `training.Job` is needed here."""

    @property
    def recipe(self) -> TrainRecipe: ...
    @property
    def split(self) -> Split: ...
    @property
    def run(self) -> RunFolder: ...
    @property
    def cache(self) -> Path: ...
    @property
    def teachers(self) -> tuple[RunFolder, ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One stage, ready: `part` of the network learns from `source` towards `targets`.

    `check`: what the part is shown to choose the epoch.
    """

    stage: Stage
    part: Any
    source: Source
    targets: Targets
    check: NDArray[np.float32]


def lesson_of(
    job: Assignment,
    stage: Stage,
    network: Any,
    examples: tuple[Examples, Examples],
    opinions: Sequence[Features],
    resumed: int,
    report: Report,
) -> Lesson:
    """Make the network ready for a stage, its optimizer as after `resumed` epochs, or new (0).

    `examples`: to learn from, and to choose the epoch by.

    Raises:
        UsageError: the stage freezes a layer that is not there.
        ModelError: the checkpoint cannot be loaded, or the frozen layers cannot be asked.
        StorageError: the features cannot be kept.
    """
    recipe, (learning, choosing) = job.recipe, examples
    part = compile_for(network, recipe, stage.frozen)
    if resumed:
        load(network, job.run.checkpoint(resumed))
    targets = Targets(learning, recipe, opinions)
    how = Views(resized(recipe.preprocessing, stage.size), recipe.augmentation, recipe.seed)
    if not stage.frozen:
        check = inputs_of(choosing.pixels, recipe.preprocessing)
        return Lesson(stage, part, Pictures(learning, how, recipe.views), targets, check)
    trunk = part_of(network, last=stage.frozen)
    cache = _cache(job.cache, trunk, how)
    _prepare(cache, learning, recipe.views, _features_cost(stage, network), report)
    machine = Views(recipe.preprocessing, recipe.augmentation, recipe.seed)
    plain = cache if machine == how else _cache(job.cache, trunk, machine)
    plain.prepare(choosing.pictures, choosing.pixels, PLAIN)
    check = plain.rows(choosing.pictures, [PLAIN] * len(choosing.pictures))
    return Lesson(stage, part, Features(learning, cache, recipe.views), targets, check)


def opinions_of(job: Assignment, learning: Examples, report: Report) -> tuple[Features, ...]:
    """Each teacher's logits for every view of every training picture.

    Raises:
        UsageError: a teacher has other labels, or has learned from pictures that are to choose or to test.
        ModelError: its weights cannot be loaded.
        StorageError: what it says cannot be kept.
    """
    return tuple(_opinion(job, teacher, learning, report) for teacher in job.teachers)


def pooled_of(
    job: Assignment, network: Any, learning: Examples, report: Report
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the head sees of every training picture and, if the recipe has a number of views, of all of them too.

    Returns features (n, features) and smoothed targets (n, classes).

    Raises:
        ModelError: the network cannot be asked.
        StorageError: the features cannot be kept.
    """
    recipe = job.recipe
    targets = smoothed(one_hot(learning.classes, len(recipe.labels)), recipe.label_smoothing)
    if not recipe.views:
        inputs = inputs_of(learning.pixels, recipe.preprocessing)
        features = said_by(part_of(network, last=POOL), inputs)[:, 0, 0, :]
        report.advance(pooled_units(recipe, len(inputs)))
        return features, targets
    cache, cost = _asked(job, network, recipe, POOL), _asking_cost(recipe, recipe)
    cache.prepare(learning.pictures, learning.pixels, PLAIN, lambda count: report.advance(cost * count))
    _prepare(cache, learning, recipe.views, cost, report)
    views = range(PLAIN, recipe.views + 1)
    rows = [cache.rows(learning.pictures, [view] * len(learning.pictures)) for view in views]
    return np.concatenate(rows)[:, 0, 0, :], np.tile(targets, (len(rows), 1))


def pooled_units(recipe: TrainRecipe, count: int) -> float:
    """What `pooled_of` costs for so many pictures."""
    return count * (1 + recipe.views) * _asking_cost(recipe, recipe)


def _opinion(job: Assignment, teacher: RunFolder, learning: Examples, report: Report) -> Features:
    """One teacher's. What its frozen layers say is kept by itself: other folds' teachers say the same."""
    recipe, taught = job.recipe, teacher.recipe()
    check_apart(f"asking the teacher {teacher.path}", teacher, taught, recipe, job.split)
    network = build(taught)
    load(network, teacher.best)
    report.say(f"asking the teacher {teacher.path.name}")
    cache = _asked(job, network, taught, LOGITS)
    _prepare(cache, learning, recipe.views, _asking_cost(taught, recipe), report)
    return Features(learning, cache, recipe.views)


def _asked(job: Assignment, network: Any, recipe: TrainRecipe, last: str) -> FeatureCache:
    """Where it is kept what a network says at its layer `last` of the job's views. What its frozen layers say is kept
    beside it, where there are any."""
    how = Views(recipe.preprocessing, job.recipe.augmentation, job.recipe.seed)
    frozen = _always_frozen(recipe)
    if frozen in ("", last):
        return _cache(job.cache, part_of(network, last=last), how)
    trunk = _cache(job.cache, part_of(network, last=frozen), how)
    return _cache(job.cache, part_of(network, frozen, last), how, trunk)


def _always_frozen(recipe: TrainRecipe) -> str:
    """The last of the layers that learned in no stage; "" if all learned in some."""
    if not (recipe.stages or recipe.members):
        return POOL
    layers = {stage.frozen for stage in recipe.stages}
    return layers.pop() if len(layers) == 1 else ""


def lesson_units(recipe: TrainRecipe, stage: Stage, counts: tuple[int, int], network: Any) -> float:
    """What a whole stage costs: preparing features, epochs, and looking at the validation pictures after each."""
    features = counts[0] * recipe.views * _features_cost(stage, network) if stage.frozen else 0.0
    return features + stage.epochs * epoch_units(recipe, stage, counts, network)


def epoch_units(recipe: TrainRecipe, stage: Stage, counts: tuple[int, int], network: Any) -> float:
    """What one epoch costs, in looks at a picture of 224 x 224; `counts`: training and validation pictures."""
    learning = TRAINING_COST * share_after(network, stage.frozen) * _cost(stage.size)
    learning += 0.0 if stage.frozen else AUGMENTATION_COST
    looking = share_after(network, stage.frozen) * _cost(recipe.preprocessing.size[0])
    return counts[0] * learning + counts[1] * looking


def opinions_units(job: Assignment) -> float:
    """What asking the teachers costs.

    Raises:
        UsageError: as `opinions_of`.
    """
    for teacher in job.teachers:
        check_apart(f"asking the teacher {teacher.path}", teacher, teacher.recipe(), job.recipe, job.split)
    looks = len(job.split.learned(refit=job.recipe.refit)) * job.recipe.views
    return float(looks * sum(_asking_cost(teacher.recipe(), job.recipe) for teacher in job.teachers))


def _cache(folder: Path, part: Any, how: Views, behind: FeatureCache | None = None) -> FeatureCache:
    return FeatureCache(folder, digest_of(part), how, Speaker(part), behind)


def _prepare(cache: FeatureCache, learning: Examples, views: int, cost: float, report: Report) -> None:
    for view in range(1, views + 1):
        cache.prepare(learning.pictures, learning.pixels, view, lambda count: report.advance(cost * count))
        report.say(f"view {view} of {views} is known")


def joining_units(job: Assignment) -> float:
    """What joining networks costs: a look at the validation pictures."""
    return len(job.split.validation) * _weight(job.recipe) * _cost(job.recipe.preprocessing.size[0])


def check_apart(doing: str, run: RunFolder, taught: TrainRecipe, recipe: TrainRecipe, split: Split) -> None:
    """See that a run that has a say in a training knows its classes, and none of the pictures that judge it.

    Raises:
        UsageError: it knows others, or has learned from pictures that choose or test.
    """
    if taught.labels != recipe.labels:
        raise UsageError(doing, f"it knows {', '.join(taught.labels)}", "one trained on the same classes")
    kept_back = {picture.sha256 for picture in (*(() if recipe.refit else split.validation), *split.test)}
    leaked = sum(picture.sha256 in kept_back for picture in run.split().learned(refit=taught.refit))
    if leaked:
        found = f"it has learned from {leaked} pictures that choose or test here"
        raise UsageError(doing, found, "one trained with the same split options and seed")


def _features_cost(stage: Stage, network: Any) -> float:
    return AUGMENTATION_COST + ASKING_COST * _cost(stage.size) * (1 - share_after(network, stage.frozen))


def _asking_cost(taught: TrainRecipe, recipe: TrainRecipe) -> float:
    heavier = _weight(taught) / _weight(recipe)
    return AUGMENTATION_COST + ASKING_COST * heavier * _cost(taught.preprocessing.size[0])


def _weight(recipe: TrainRecipe) -> float:
    """The work of a look, as a share of MobileNet V1's: twice the width is about three times the work.

    That a network ends early is left out of account.
    """
    if recipe.members:
        return (1 + recipe.mirrored) * sum(_weight(member.recipe) for member in recipe.members)
    return WORK[recipe.architecture] * float(recipe.alpha**1.5)


def _cost(size: int) -> float:
    """What looking at one picture costs, in pictures of 224 x 224."""
    return (size / 224) ** 2
