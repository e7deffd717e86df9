"""Where an epoch's inputs and targets come from: pictures augmented live, features of frozen layers, teachers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.records import Pixels
from modelworks.batches import key_of, one_hot, smoothed, view_inputs, view_of
from modelworks.dataset import Picture
from modelworks.featurecache import FeatureCache, Views
from modelworks.recipe import TrainRecipe

__all__ = ["Examples", "Features", "Pictures", "Source", "Targets", "blended", "class_weights"]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Pictures, their decoded pixels, and the number of each one's class."""

    pictures: Sequence[Picture]
    pixels: Sequence[Pixels]
    classes: Sequence[int]

    def views(self, chosen: NDArray[np.intp], epoch: int, count: int) -> list[int]:
        """The view of each chosen picture in this epoch."""
        return [view_of(key_of(self.pictures[index].sha256), epoch, count) for index in chosen]


class Source(Protocol):
    """What a part of the network is fed."""

    def inputs(self, chosen: NDArray[np.intp], epoch: int) -> NDArray[Any]:
        """The chosen examples as this epoch shows them, shape (n, ...)."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures themselves, augmented as they are needed; `count` views of each, 0: another one every epoch."""

    examples: Examples
    how: Views
    count: int

    def inputs(self, chosen: NDArray[np.intp], epoch: int) -> NDArray[Any]:
        examples, how = self.examples, self.how
        pixels = [examples.pixels[index] for index in chosen]
        keys = [key_of(examples.pictures[index].sha256) for index in chosen]
        return view_inputs(pixels, keys, examples.views(chosen, epoch, self.count), how.spec, how.plan, how.seed)


@dataclass(frozen=True, slots=True)
class Features:
    """What the frozen layers say of the views; the cache is prepared."""

    examples: Examples
    cache: FeatureCache
    count: int

    def inputs(self, chosen: NDArray[np.intp], epoch: int) -> NDArray[Any]:
        pictures = [self.examples.pictures[index] for index in chosen]
        return self.cache.rows(pictures, self.examples.views(chosen, epoch, self.count))


class Targets:
    """What the network is to say: smoothed labels, and beside them the teachers' mean softened opinion of the view."""

    def __init__(self, examples: Examples, recipe: TrainRecipe, opinions: Sequence[Features] = ()) -> None:
        count = len(recipe.labels)
        self._hard = smoothed(one_hot(examples.classes, count), recipe.label_smoothing)
        self._taught = recipe.distillation
        self._opinions = opinions

    def of(self, chosen: NDArray[np.intp], epoch: int) -> NDArray[np.float32]:
        """Shape (n, classes), or (n, 2 classes) with teachers."""
        hard = self._hard[chosen].astype(np.float32)
        if self._taught is None:
            return hard
        softened = [_softened(each.inputs(chosen, epoch), self._taught.temperature) for each in self._opinions]
        return np.concatenate([hard, np.mean(softened, axis=0)], axis=1)


def class_weights(classes: Sequence[int], count: int) -> NDArray[np.float32]:
    """A weight for each class, so that all weigh the same together and the mean weight of an example is 1."""
    there = np.bincount(np.asarray(classes), minlength=count)
    return np.asarray(len(classes) / (count * np.maximum(there, 1)), np.float32)


def blended(
    inputs: NDArray[Any], targets: NDArray[np.float32], strength: float, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Each example with a smaller share of another one, inputs and targets alike; strength 0 changes nothing.

    Source: Zhang et al., mixup, https://arxiv.org/abs/1710.09412; on features of inner layers: Verma et al., manifold
    mixup, https://arxiv.org/abs/1806.05236.
    """
    if not strength:
        return inputs, targets
    drawn = rng.beta(strength, strength)
    share, other = np.float32(max(drawn, 1 - drawn)), rng.permutation(len(inputs))
    return share * inputs + (1 - share) * inputs[other], share * targets + (1 - share) * targets[other]


def _softened(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    scaled = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float32)
