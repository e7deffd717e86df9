"""The representative pictures: which training pictures the activations' ranges are measured on."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import UsageError
from appliance.preprocess import Preprocessing
from appliance.records import Pixels
from modelworks.batches import inputs_of
from modelworks.dataset import Picture, fingerprint, labels_of

__all__ = ["Calibration", "Inputs", "draw"]

FEWEST_CLASSES = 2


@dataclass(frozen=True, slots=True)
class Calibration:
    """The pictures drawn, and the seed that drew them."""

    pictures: tuple[Picture, ...]
    seed: int

    def first(self, count: int) -> "Calibration":
        """As if only `count` had been drawn."""
        return Calibration(self.pictures[:count], self.seed)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: enough to draw them again from split.json, and to see that they are the same."""
        return {"pictures": len(self.pictures), "seed": self.seed, "fingerprint": fingerprint(self.pictures)}


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The network's inputs for decoded pictures, made one at a time as they are asked for, as often as they are.

    A thousand of 224 x 224 would be 600 MB all at once.
    """

    decoded: Sequence[Pixels]
    preprocessing: Preprocessing

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (inputs_of([pixels], self.preprocessing)[0] for pixels in self.decoded)


def draw(pictures: Sequence[Picture], labels: Sequence[str], count: int, seed: int) -> Calibration:
    """About equally many of every class, drawn by seed; all pictures if there are no more than `count`.

    A smaller draw is the beginning of a larger one, so that a sweep over `count` adds pictures and swaps none.

    Raises:
        UsageError: fewer pictures than classes are asked for, or the pictures are of one class, or lack one.
    """
    doing = "drawing the representative pictures"
    there = labels_of(pictures)
    if len(there) < FEWEST_CLASSES:
        found = f"all {len(pictures)} are of the class {there[0]!r}" if there else "there are none"
        raise UsageError(doing, found, "pictures of every class: the ranges would not hold for the others")
    if missing := sorted(set(labels) - set(there)):
        raise UsageError(doing, f"no training picture of {', '.join(missing)}", "pictures of every class")
    if count < len(there):
        raise UsageError(doing, f"{count} for {len(there)} classes", "one of each at least; some hundred are usual")
    return Calibration(_dealt(pictures, there, seed)[:count], seed)


def _dealt(pictures: Sequence[Picture], labels: Sequence[str], seed: int) -> tuple[Picture, ...]:
    """All pictures, one of every class in turn, shuffled within the class."""
    by_class: dict[str, list[Picture]] = {label: [] for label in labels}
    for picture in sorted(pictures, key=lambda each: each.path):
        by_class[picture.label].append(picture)
    for label, group in by_class.items():
        random.Random(f"{seed} {label}").shuffle(group)
    dealt = chain.from_iterable(zip_longest(*by_class.values()))
    return tuple(picture for picture in dealt if picture is not None)
