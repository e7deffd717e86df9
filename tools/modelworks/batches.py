"""From decoded pictures to a network's input, always through `appliance.preprocess`."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.preprocess import Preprocessing, Preprocessor, TensorFormat
from appliance.records import Pixels
from modelworks.augment import Augmentation, augment

__all__ = ["PLAIN", "inputs_of", "key_of", "one_hot", "resized", "shuffled", "smoothed", "view_inputs", "view_of"]

PLAIN = 0
"""The view of a picture as it is. The others are augmented, each in its own way."""


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


def smoothed(targets: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """`share` of each row of `targets`, (n, classes), goes to all classes alike: label smoothing."""
    return np.asarray(targets * (1 - share) + share / targets.shape[1], np.float32)


def key_of(sha256: str) -> int:
    """A picture's number in every drawing of lots: its content decides, not its place in a list."""
    return int(sha256[:15], 16)


def view_of(key: int, epoch: int, views: int) -> int:
    """Which view of a picture an epoch (from 1) shows: each of the `views` in turn, or always a new one (0)."""
    return epoch if views == 0 else 1 + (key + epoch) % views


def view_inputs(
    pictures: Sequence[Pixels],
    keys: Sequence[int],
    views: Sequence[int],
    spec: Preprocessing,
    plan: Augmentation,
    seed: int,
) -> NDArray[Any]:
    """The network's input for these views of these pictures, shape (n, height, width, 3); equal for equal arguments."""

    def shown(pixels: Pixels, key: int, view: int) -> Pixels:
        return pixels if view == PLAIN else augment(pixels, plan, np.random.default_rng([seed, view, key]))

    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="views") as threads:  # OpenCV lets go of the lock
        return inputs_of(list(threads.map(shown, pictures, keys, views)), spec)


def shuffled(count: int, batch: int, seed: int, epoch: int) -> Iterator[NDArray[np.intp]]:
    """Every index once, in batches, in an order that seed and epoch alone decide, so a training can go on.

    A last batch of a single picture is left out: batch normalization cannot use it.
    """
    order = np.random.default_rng([seed, epoch]).permutation(count)
    for start in range(0, count, batch):
        chosen = order[start : start + batch]
        if len(chosen) > 1:
            yield chosen
