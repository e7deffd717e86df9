"""Teaching a network the classes of a folder: the head on frozen features, then the whole network, epoch by epoch.

The epoch is chosen on the validation pictures; the test pictures are not read at all: `validate` does, once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError
from appliance.records import Pixels
from modelworks import network as networks
from modelworks.batches import inputs_of, one_hot, resized, shuffled_batches
from modelworks.dataset import Picture, decode_all
from modelworks.figures import judge
from modelworks.plot import draw_curves
from modelworks.progress import Report
from modelworks.recipe import TrainRecipe
from modelworks.runfolder import TRAINED, RunFolder
from modelworks.schedule import learning_rate
from modelworks.split import Split

__all__ = ["Job", "train", "work_units"]

TRAINING_COST = 3.0
"""Forward, backward to the inputs, backward to the weights: three times what looking at a picture costs."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to train on, how, and where to keep it. `start` is where the network starts, as `network.build` takes it."""

    folder: Path
    split: Split
    recipe: TrainRecipe
    run: RunFolder
    start: Path | str | None


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Decoded pictures and the number of each one's class."""

    pixels: Sequence[Pixels]
    classes: Sequence[int]


def work_units(recipe: TrainRecipe, train: int, validation: int) -> float:
    """The cost of a whole training: pictures, weighted by their size and by what is done with them."""
    return sum(_epoch_units(recipe, size, train, validation) for size in recipe.epoch_sizes)


def train(job: Job, report: Report) -> dict[str, Any]:
    """Train, or go on with what the run folder holds; returns the figures on the validation pictures, also in trained.json.

    Raises:
        UsageError: a picture cannot be read.
        ModelError: the starting weights or a checkpoint cannot be loaded, or the loss became NaN.
        StorageError: the run folder cannot be written; the training can go on from what was saved.
    """
    networks.make_repeatable(job.recipe.seed)
    learning, choosing = _examples(job, job.split.train), _examples(job, job.split.validation)
    history = list(job.run.read("history.json")["epochs"]) if job.run.has("history.json") else []
    network = _resumed(job, len(history)) if history else _started(job, learning)
    report.say(
        f"going on after epoch {len(history)}" if history else f"head trained on {len(learning.pixels)} pictures"
    )
    _fine_tune(network, job, learning, choosing, history, report)
    job.run.write_bytes("curves.png", draw_curves(job.run.read("history.json")))
    networks.load(network, job.run.best)
    return _judged(network, job, choosing)


def _examples(job: Job, pictures: Sequence[Picture]) -> Examples:
    """Decode the pictures once, into memory."""
    classes = [job.recipe.labels.index(picture.label) for picture in pictures]
    return Examples(decode_all(job.folder, pictures), classes)


def _resumed(job: Job, done: int) -> Any:
    """The network and its optimizer as they were after `done` epochs."""
    network = networks.build(len(job.recipe.labels), job.recipe.alpha)
    networks.compile_for(network, job.recipe)
    networks.load(network, job.run.checkpoint(done))
    return network


def _started(job: Job, learning: Examples) -> Any:
    """The given weights with a head trained on their frozen features."""
    recipe = job.recipe
    network = networks.build(len(recipe.labels), recipe.alpha, None, job.start)
    networks.compile_for(network, recipe)
    features = networks.features_of(network, inputs_of(learning.pixels, recipe.preprocessing))
    networks.fit_head(network, features, one_hot(learning.classes, len(recipe.labels)), recipe)
    return network


def _fine_tune(
    network: Any, job: Job, learning: Examples, choosing: Examples, history: list[dict[str, Any]], report: Report
) -> None:
    """Train the epochs that `history` lacks; after each, everything needed to go on is on disk."""
    sizes, counts = job.recipe.epoch_sizes, (len(learning.pixels), len(choosing.pixels))
    report.advance(sum(_epoch_units(job.recipe, size, *counts) for size in sizes[: len(history)]))
    check = inputs_of(choosing.pixels, job.recipe.preprocessing)
    for epoch in range(len(history) + 1, len(sizes) + 1):
        loss = _epoch(network, learning, job.recipe, epoch, report)
        history.append(
            {"epoch": epoch, "size": sizes[epoch - 1], "loss": loss} | _look(network, check, choosing.classes)
        )
        report.advance(_look_units(job.recipe, len(check)))
        _keep(network, job.run, history)
        report.say(_told(history[-1], len(sizes)))


def _keep(network: Any, run: RunFolder, history: list[dict[str, Any]]) -> None:
    """Save the epoch so that a power cut at any point leaves an epoch to go on from."""
    epoch, best = len(history), _best_epoch(history)
    networks.save(network, run.checkpoint(epoch))
    if best == epoch:
        run.keep_best(epoch)
    run.write("history.json", {"epochs": history, "best": best})
    run.drop_checkpoint(epoch - 1)


def _epoch(network: Any, learning: Examples, recipe: TrainRecipe, epoch: int, report: Report) -> float:
    """One pass over the training pictures; the mean loss."""
    size, targets = recipe.epoch_sizes[epoch - 1], one_hot(learning.classes, len(recipe.labels))
    steps = -(-len(targets) // recipe.batch)
    spec, losses = resized(recipe.preprocessing, size), []
    batches = shuffled_batches(learning.pixels, spec, recipe.augmentation, recipe.batch, recipe.seed, epoch)
    for step, (chosen, inputs) in enumerate(batches, (epoch - 1) * steps):
        total, warmup = steps * len(recipe.epoch_sizes), steps * recipe.warmup_epochs
        networks.set_rate(network, learning_rate(step, total, warmup, recipe.learning_rate))
        losses.append(float(network.train_on_batch(inputs, targets[chosen])))
        report.advance(TRAINING_COST * len(chosen) * _cost(size))
    loss = float(np.mean(losses))
    if not np.isfinite(loss):
        raise ModelError(f"training epoch {epoch}", "the loss is not a number", "a lower --learning-rate")
    return round(loss, 5)


def _look(network: Any, inputs: NDArray[np.float32], classes: Sequence[int]) -> dict[str, float]:
    """Accuracy and loss on the validation pictures, as the machine would see them."""
    scores = networks.outputs_of(network, inputs)
    chosen = scores[np.arange(len(classes)), np.asarray(classes)]
    accuracy = float((scores.argmax(axis=1) == np.asarray(classes)).mean())
    return {"val_accuracy": round(accuracy, 5), "val_loss": round(float(-np.log(np.maximum(chosen, 1e-7)).mean()), 5)}


def _best_epoch(history: Sequence[dict[str, Any]]) -> int:
    """The epoch with the most validation pictures right; of equal ones the one with the lowest loss."""
    return int(max(history, key=lambda entry: (entry["val_accuracy"], -entry["val_loss"]))["epoch"])


def _judged(network: Any, job: Job, choosing: Examples) -> dict[str, Any]:
    scores = networks.outputs_of(network, inputs_of(choosing.pixels, job.recipe.preprocessing))
    figures = judge(choosing.classes, scores, job.recipe.labels)
    job.run.write(TRAINED, {"validation": figures})
    return figures


def _epoch_units(recipe: TrainRecipe, size: int, train: int, validation: int) -> float:
    return TRAINING_COST * train * _cost(size) + _look_units(recipe, validation)


def _look_units(recipe: TrainRecipe, pictures: int) -> float:
    return pictures * _cost(recipe.preprocessing.size[0])


def _cost(size: int) -> float:
    """What looking at one picture costs, in pictures of 224 x 224."""
    return (size / 224) ** 2


def _told(entry: dict[str, Any], epochs: int) -> str:
    return (
        f"epoch {entry['epoch']}/{epochs} at {entry['size']} px, loss {entry['loss']:.3f}, "
        f"validation {entry['val_accuracy']:.2%}, loss {entry['val_loss']:.3f}"
    )
