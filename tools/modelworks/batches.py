"""From decoded pictures to a network's input, always through `appliance.preprocess`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.preprocess import Preprocessing, Preprocessor, TensorFormat
from appliance.records import Pixels
from modelworks.augment import Augmentation, augment

__all__ = ["inputs_of", "one_hot", "resized", "shuffled_batches"]


def resized(spec: Preprocessing, size: int) -> Preprocessing:
    """The same preprocessing to a square of another side."""
    return replace(spec, size=(size, size))


def inputs_of(pictures: Sequence[Pixels], spec: Preprocessing, tensor: TensorFormat | None = None) -> NDArray[Any]:
    """What the machine would feed for these pictures, bit for bit: shape (n, height, width, 3)."""
    preprocessor = Preprocessor(spec, tensor)
    inputs = np.empty((len(pictures), *spec.size, 3), preprocessor.tensor.dtype)
    for place, pixels in zip(inputs, pictures, strict=True):
        preprocessor.write(pixels, place)
    return inputs


def one_hot(classes: Sequence[int], count: int) -> NDArray[np.float32]:
    """Shape (n, count), 1 at each picture's class."""
    return np.eye(count, dtype=np.float32)[np.asarray(classes, np.intp)]


def shuffled_batches(
    pictures: Sequence[Pixels], spec: Preprocessing, plan: Augmentation, batch: int, seed: int, epoch: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[Any]]]:
    """Every picture once, augmented: (indices, inputs). Depends on seed and epoch alone, so a training can go on.

    A last batch of a single picture is left out: batch normalization cannot use it.
    """
    order = np.random.default_rng([seed, epoch]).permutation(len(pictures))
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        if len(chosen) < 2:
            return
        changed = [augment(pictures[i], plan, np.random.default_rng([seed, epoch, int(i)])) for i in chosen]
        yield chosen, inputs_of(changed, spec)
