"""Teaching a network the classes of a folder: the head on frozen features, then more of the network, epoch by epoch.

The epoch is chosen on the validation pictures, if any is; the test pictures are not read at all: `validate` does, once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError, UsageError
from modelworks.averaging import RunningMean
from modelworks.backend import make_repeatable
from modelworks.batches import inputs_of, shuffled
from modelworks.dataset import Picture, decode_all
from modelworks.figures import judge
from modelworks.learning import fit_head, set_rate
from modelworks.lessons import (
    Lesson,
    check_apart,
    epoch_units,
    joining_units,
    lesson_of,
    lesson_units,
    opinions_of,
    opinions_units,
    pooled_of,
    pooled_units,
)
from modelworks.network import build
from modelworks.networkparts import outputs_of, part_of
from modelworks.plot import draw_curves
from modelworks.progress import Report
from modelworks.recipe import Stage, TrainRecipe
from modelworks.runfolder import HISTORY, TRAINED, RunFolder
from modelworks.schedule import learning_rate
from modelworks.sidebyside import divide_logits, join
from modelworks.sources import Examples, Features, blended, class_weights
from modelworks.split import Split
from modelworks.temperature import best_temperature
from modelworks.weightsfile import load, save

__all__ = ["Job", "train", "work_units"]


@dataclass(frozen=True, slots=True)
class Job:
    """What to train on, how, and where to keep it.

    `start` is where the network starts, as `network.build` takes it; `cache` the folder of kept features; `teachers`
    the runs that the recipe's teachers were trained in, `members` those of the networks that it joins.

    Raises:
        UsageError: they are not as many as the recipe names.
    """

    folder: Path
    split: Split
    recipe: TrainRecipe
    run: RunFolder
    start: Path | str | None
    cache: Path
    teachers: tuple[RunFolder, ...] = ()
    members: tuple[RunFolder, ...] = ()

    def __post_init__(self) -> None:
        if len(self.members) != len(self.recipe.members):
            found = f"the recipe names {len(self.recipe.members)} members, and {len(self.members)} are known"
            raise UsageError(f"joining {self.run.path}", found, "join them again")
        wanted = self.recipe.distillation.teachers if self.recipe.distillation else ()
        if len(wanted) != len(self.teachers):
            found = f"the recipe names {len(wanted)} teachers, and {len(self.teachers)} are known"
            raise UsageError(f"training {self.run.path}", found, "train again, with --teacher for each")

    @property
    def learned(self) -> tuple[Picture, ...]:
        """The pictures that it learns from."""
        return self.split.learned(refit=self.recipe.refit)


def work_units(job: Job) -> float:
    """The cost of a whole training, in looks at a picture of 224 x 224.

    Raises:
        UsageError: a teacher or a member does not fit.
    """
    if job.members:
        _check_members(job)
        return joining_units(job)
    recipe, counts = job.recipe, (len(job.learned), len(job.split.validation))
    network = build(recipe)
    learning = sum(lesson_units(recipe, stage, counts, network) for stage in recipe.stages)
    return pooled_units(recipe, counts[0]) + learning + opinions_units(job)


def train(job: Job, report: Report) -> dict[str, Any]:
    """Train, or go on with what the run folder holds; returns the chosen epoch's validation figures, as trained.json.

    Networks that were trained already are joined: nothing is learned then.

    Raises:
        UsageError: a picture cannot be read, or the recipe names a layer that is not there.
        ModelError: the starting weights or a checkpoint cannot be loaded, or the loss became NaN.
        StorageError: the run folder or the cache cannot be written; the training can go on from what was saved.
    """
    make_repeatable(job.recipe.seed)
    if job.members:
        return _join(job, report)
    learning, choosing = _examples(job, job.learned), _examples(job, job.split.validation)
    history = _history(job)
    if history:
        network = _resumed(job, len(history))
        report.skip(pooled_units(job.recipe, len(learning.pixels)))
        report.say(f"going on after epoch {len(history)}")
    else:
        network = _started(job, learning, report)
        report.say(f"head trained on {len(learning.pixels)} pictures")
    if not job.recipe.stages:
        save(network, job.run.best)
        return _judged(job, choosing)
    opinions = opinions_of(job, learning, report)
    _Course(job, network, learning, choosing, opinions, history, report).run()
    job.run.write_bytes("curves.png", draw_curves(job.run.read(HISTORY)))
    return _judged(job, choosing)


def _join(job: Job, report: Report) -> dict[str, Any]:
    """The members' networks in one, as sure of what it says as its recipe or the validation pictures let it be."""
    _check_members(job)
    joined, parts = build(job.recipe), []
    for run, member in zip(job.members, job.recipe.members, strict=True):
        parts.append(build(member.recipe))
        load(parts[-1], run.best)
    join(joined, parts)
    choosing = _examples(job, job.split.validation)
    temperature = job.recipe.temperature or _fitted_temperature(job, joined, choosing)
    divide_logits(joined, temperature)
    save(joined, job.run.best)
    figures = _judged(job, choosing, temperature=round(temperature, 6))
    report.advance(joining_units(job))
    report.say(f"{len(parts)} networks joined, their logits divided by {temperature:.2f}")
    return figures


def _fitted_temperature(job: Job, joined: Any, choosing: Examples) -> float:
    logits = outputs_of(part_of(joined), inputs_of(choosing.pixels, job.recipe.preprocessing))
    return best_temperature(logits, np.asarray(choosing.classes))


def _check_members(job: Job) -> None:
    for run in job.members:
        check_apart(f"joining {run.path}", run, run.recipe(), job.recipe, job.split)


def _history(job: Job) -> list[dict[str, Any]]:
    """The epochs that are done.

    Raises:
        UsageError: another version kept the best of them by another rule.
    """
    if not job.run.has(HISTORY):
        return []
    known = job.run.read(HISTORY)
    if known["best"] != _kept_epoch(known["epochs"], job.recipe):
        found = "it was begun by a version that chose the epoch otherwise"
        raise UsageError(f"going on with the training in {job.run.path}", found, "train again, into another -o")
    return list(known["epochs"])


def _examples(job: Job, pictures: Sequence[Picture]) -> Examples:
    """Decode the pictures once, into memory."""
    classes = [job.recipe.labels.index(picture.label) for picture in pictures]
    return Examples(pictures, decode_all(job.folder, pictures), classes)


def _resumed(job: Job, done: int) -> Any:
    """The network as it was after `done` epochs."""
    network = build(job.recipe)
    load(network, job.run.checkpoint(done))
    return network


def _started(job: Job, learning: Examples, report: Report) -> Any:
    """The given weights with a head trained on their frozen features."""
    network = build(job.recipe, None, job.start)
    fit_head(network, *pooled_of(job, network, learning, report), job.recipe)
    return network


class _Course:
    """The epochs of one training. State: the network, its running mean, what was seen so far."""

    def __init__(
        self,
        job: Job,
        network: Any,
        learning: Examples,
        choosing: Examples,
        opinions: Sequence[Features],
        history: list[dict[str, Any]],
        report: Report,
    ) -> None:
        self._job, self._recipe, self._report = job, job.recipe, report
        self._network, self._learning, self._choosing, self._opinions = network, learning, choosing, opinions
        self._truth = np.asarray(choosing.classes)
        self._history = history
        self._weights = class_weights(learning.classes, len(job.recipe.labels))
        self._counts = (len(learning.pixels), len(choosing.pixels))
        self._steps = sum(1 for _ in shuffled(len(learning.pixels), job.recipe.batch, 0, 0))
        self._mean = self._running_mean()

    def run(self) -> None:
        """Train what the history lacks; after each epoch everything needed to go on is on disk."""
        first = 1
        for stage in self._recipe.stages:
            after = first + stage.epochs
            if self._is_tired():
                return
            if len(self._history) + 1 < after:
                self._teach(stage, first, after)
            else:
                self._report.skip(lesson_units(self._recipe, stage, self._counts, self._network))
            first = after

    def _teach(self, stage: Stage, first: int, after: int) -> None:
        """The epochs of one stage, from `first` to before `after`, or those of them that are left."""
        done = max(0, len(self._history) - first + 1)
        resumed = len(self._history) if done else 0
        examples = (self._learning, self._choosing)
        lesson = lesson_of(self._job, stage, self._network, examples, self._opinions, resumed, self._report)
        judged = part_of(self._mean.mean if self._mean else self._network, stage.frozen, last="scores")
        units = epoch_units(self._recipe, stage, self._counts, self._network)
        self._report.skip(units * done)
        for epoch in range(first + done, after):
            if self._is_tired():
                return
            self._one(lesson, judged, epoch, units)

    def _one(self, lesson: Lesson, judged: Any, epoch: int, units: float) -> None:
        """An epoch; `judged` is the part of what is kept that says how good it is."""
        loss = self._pass(lesson, epoch, units / self._steps)
        if self._mean:
            self._mean.settle()
        entry = {"epoch": epoch, "size": lesson.stage.size, "frozen": lesson.stage.frozen, "loss": loss}
        self._history.append(entry | _look(judged, lesson.check, self._truth))
        if not np.isfinite(self._history[-1]["val_loss"]):
            raise ModelError(f"judging epoch {epoch}", "the loss is not a number", "a lower --learning-rate")
        self._keep()
        self._report.say(_told(self._history[-1], len(self._recipe.epoch_stages)))

    def _pass(self, lesson: Lesson, epoch: int, units: float) -> float:
        """One pass over the training pictures; the mean loss."""
        recipe, losses = self._recipe, []
        total, warmup = self._steps * len(recipe.epoch_stages), self._steps * recipe.warmup_epochs
        batches = shuffled(len(self._learning.pixels), recipe.batch, recipe.seed, epoch)
        for step, chosen in enumerate(batches, (epoch - 1) * self._steps):
            set_rate(lesson.part, learning_rate(step, total, warmup, recipe.learning_rate, recipe.cycles))
            rng = np.random.default_rng([recipe.seed, epoch, step])
            inputs, targets = lesson.source.inputs(chosen, epoch), lesson.targets.of(chosen, epoch)
            mixed = blended(inputs, targets, recipe.mixup, rng)
            losses.append(float(lesson.part.train_on_batch(*mixed, sample_weight=self._weights_of(chosen))))
            if self._mean:
                self._mean.follow(self._network)
            self._report.advance(units)
        loss = float(np.mean(losses))
        if not np.isfinite(loss):
            raise ModelError(f"training epoch {epoch}", "the loss is not a number", "a lower --learning-rate")
        return round(loss, 5)

    def _weights_of(self, chosen: NDArray[np.intp]) -> NDArray[np.float32] | None:
        if not self._recipe.class_weights:
            return None
        return self._weights[[self._learning.classes[index] for index in chosen]]

    def _running_mean(self) -> RunningMean | None:
        if not self._recipe.average:
            return None
        mean, done = build(self._recipe), len(self._history)
        mean.set_weights(self._network.get_weights())
        if done:
            load(mean, self._job.run.mean(done))
        return RunningMean(mean, self._recipe.average, done * self._steps)

    def _keep(self) -> None:
        """Save the epoch so that a power cut at any point leaves an epoch to go on from."""
        run, epoch, best = self._job.run, len(self._history), _kept_epoch(self._history, self._recipe)
        save(self._network, run.checkpoint(epoch))
        if self._mean:
            save(self._mean.mean, run.mean(epoch))
        if best == epoch:
            run.keep_best(run.mean(epoch) if self._mean else run.checkpoint(epoch))
        run.write(HISTORY, {"epochs": self._history, "best": best})
        run.drop_epoch(epoch - 1)

    def _is_tired(self) -> bool:
        """Has nothing become better for as long as the recipe's patience lasts?"""
        patience = self._recipe.patience
        return bool(patience and self._history) and len(self._history) - _best_epoch(self._history) >= patience


def _look(network: Any, inputs: NDArray[np.float32], truth: NDArray[np.intp]) -> dict[str, float]:
    """Accuracy and loss on the validation pictures, as the machine would see them."""
    scores = outputs_of(network, inputs)
    chosen = scores[np.arange(len(truth)), truth]
    accuracy = float((scores.argmax(axis=1) == truth).mean())
    return {"val_accuracy": round(accuracy, 5), "val_loss": round(float(-np.log(np.maximum(chosen, 1e-7)).mean()), 5)}


def _kept_epoch(history: Sequence[dict[str, Any]], recipe: TrainRecipe) -> int:
    return len(history) if recipe.last_epoch else _best_epoch(history)


def _best_epoch(history: Sequence[dict[str, Any]]) -> int:
    """The epoch with the lowest loss on the validation pictures: a hundred of them cannot tell two epochs by how many
    are right."""
    return int(min(history, key=lambda entry: entry["val_loss"])["epoch"])


def _judged(job: Job, choosing: Examples, **told: float) -> dict[str, Any]:
    """The figures of the chosen epoch; written last, with what else is `told`, they say that training is over."""
    network = build(job.recipe)
    load(network, job.run.best)
    scores = outputs_of(network, inputs_of(choosing.pixels, job.recipe.preprocessing))
    figures = judge(choosing.classes, scores, job.recipe.labels)
    job.run.write(TRAINED, {"validation": figures, **told, **job.run.caution()})
    return figures


def _told(entry: dict[str, Any], epochs: int) -> str:
    return (
        f"epoch {entry['epoch']}/{epochs} at {entry['size']} px, loss {entry['loss']:.3f}, "
        f"validation {entry['val_accuracy']:.2%}, loss {entry['val_loss']:.3f}"
    )
