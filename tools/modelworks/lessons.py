"""Preparing a stage of a training: which part of the network learns, from which inputs, towards which targets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from appliance.errors import UsageError
from modelworks import network as networks
from modelworks.batches import resized
from modelworks.featurecache import FeatureCache, Views
from modelworks.progress import Report
from modelworks.recipe import Stage, TrainRecipe
from modelworks.runfolder import RunFolder
from modelworks.sources import Examples, Features, Pictures, Source, Targets
from modelworks.split import Split

__all__ = ["Lesson", "epoch_units", "lesson_of", "lesson_units", "opinions_of", "opinions_units"]

TRAINING_COST = 7.0
"""A training step's cost, in looks at the same pictures: measured, 1.41 s against 0.20 s for 32 of 224 x 224. Going
back through depthwise layers and batch normalization is slow on CPUs."""


AUGMENTATION_COST = 1.0
"""What making a view of a picture costs, likewise: measured, 6 ms of OpenCV against 6 ms for a look."""


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
    def teacher(self) -> RunFolder | None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One stage, ready: `part` of the network learns from `source` towards `targets`."""

    stage: Stage
    part: Any
    source: Source
    targets: Targets


def lesson_of(
    job: Assignment,
    stage: Stage,
    network: Any,
    learning: Examples,
    opinions: Features | None,
    resumed: int,
    report: Report,
) -> Lesson:
    """Make the network ready for a stage, its optimizer as after `resumed` epochs, or new (0).

    Raises:
        UsageError: the stage freezes a layer that is not there.
        ModelError: the checkpoint cannot be loaded.
        StorageError: the features cannot be kept.
    """
    recipe: TrainRecipe = job.recipe
    part = networks.compile_for(network, recipe, stage.frozen)
    if resumed:
        networks.load(network, job.run.checkpoint(resumed))
    targets = Targets(learning, recipe, opinions)
    how = Views(resized(recipe.preprocessing, stage.size), recipe.augmentation, recipe.seed)
    if not stage.frozen:
        return Lesson(stage, part, Pictures(learning, how, recipe.views), targets)
    trunk = networks.part_of(network, last=stage.frozen)
    cost = _features_cost(stage, network)
    cache = _prepared(job.cache, trunk, how, learning, recipe.views, cost, report)
    return Lesson(stage, part, Features(learning, cache, recipe.views), targets)


def opinions_of(job: Assignment, learning: Examples, report: Report) -> Features | None:
    """The teacher's logits for every view of every training picture; None without a teacher.

    Raises:
        UsageError: the teacher has other labels, or has learned from pictures that are to choose or to test.
        ModelError: its weights cannot be loaded.
    """
    recipe: TrainRecipe = job.recipe
    if job.teacher is None:
        return None
    taught = job.teacher.recipe()
    _check_teacher(job.teacher, taught, recipe, job.split)
    network = networks.build(taught)
    networks.load(network, job.teacher.best)
    how = Views(taught.preprocessing, recipe.augmentation, recipe.seed)
    report.say(f"asking the teacher {job.teacher.path.name}")
    speaker, cost = networks.part_of(network), _teacher_cost(taught, recipe)
    return Features(learning, _prepared(job.cache, speaker, how, learning, recipe.views, cost, report), recipe.views)


def lesson_units(recipe: TrainRecipe, stage: Stage, counts: tuple[int, int], network: Any) -> float:
    """What a whole stage costs: preparing features, epochs, and looking at the validation pictures after each."""
    features = counts[0] * recipe.views * _features_cost(stage, network) if stage.frozen else 0.0
    return features + stage.epochs * epoch_units(recipe, stage, counts, network)


def epoch_units(recipe: TrainRecipe, stage: Stage, counts: tuple[int, int], network: Any) -> float:
    """What one epoch costs, in looks at a picture of 224 x 224; `counts`: training and validation pictures."""
    learning = TRAINING_COST * networks.share_after(network, stage.frozen) * _cost(stage.size)
    learning += 0.0 if stage.frozen else AUGMENTATION_COST
    return counts[0] * learning + counts[1] * _cost(recipe.preprocessing.size[0])


def opinions_units(job: Assignment) -> float:
    """What asking the teacher costs.

    Raises:
        UsageError: as `opinions_of`.
    """
    if job.teacher is None:
        return 0.0
    _check_teacher(job.teacher, job.teacher.recipe(), job.recipe, job.split)
    return float(len(job.split.train) * job.recipe.views * _teacher_cost(job.teacher.recipe(), job.recipe))


def _prepared(
    folder: Path, part: Any, how: Views, learning: Examples, views: int, cost: float, report: Report
) -> FeatureCache:
    cache = FeatureCache(folder, networks.digest_of(part), how, lambda inputs: networks.outputs_of(part, inputs))
    for view in range(1, views + 1):
        cache.prepare(learning.pictures, learning.pixels, view, lambda count: report.advance(cost * count))
        report.say(f"view {view} of {views} is known")
    return cache


def _check_teacher(teacher: RunFolder, taught: TrainRecipe, recipe: TrainRecipe, split: Split) -> None:
    doing = f"asking the teacher {teacher.path}"
    if taught.labels != recipe.labels:
        raise UsageError(doing, f"it knows {', '.join(taught.labels)}", "a teacher trained on the same classes")
    kept_back = {picture.sha256 for picture in (*split.validation, *split.test)}
    leaked = sum(picture.sha256 in kept_back for picture in teacher.split().train)
    if leaked:
        found = f"it has learned from {leaked} pictures that choose or test here"
        raise UsageError(doing, found, "a teacher trained with the same split options and seed")


def _features_cost(stage: Stage, network: Any) -> float:
    return AUGMENTATION_COST + _cost(stage.size) * (1 - networks.share_after(network, stage.frozen))


def _teacher_cost(taught: TrainRecipe, recipe: TrainRecipe) -> float:
    """Twice the width is about three times the work."""
    return AUGMENTATION_COST + _cost(taught.preprocessing.size[0]) * (taught.alpha / recipe.alpha) ** 1.5


def _cost(size: int) -> float:
    """What looking at one picture costs, in pictures of 224 x 224."""
    return (size / 224) ** 2
