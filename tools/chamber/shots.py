"""What is to be drawn: a shot is one rendering, the pictures made of it, and the seeds that decide both.

Seeds are tuples of numbers for `numpy.random.default_rng`; a shot of one seed never depends on the shots before it,
so any part of a set can be drawn again, alone, and is the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chamber.exposure import Exposure
from chamber.items import CLASSES, choose_item
from chamber.pose import choose_pose
from chamber.records import EMPTY, Scene
from chamber.room import choose_room

__all__ = ["EMPTY_FOLDER", "MOST_STILLS", "Picture", "Shot", "compose", "stills"]

MOST_STILLS = 10_000
"""A class's pictures bear four digits: more would repeat another seed's names."""
EMPTY_FOLDER = "empty"
EMPTY_SEED = 99
"""Stands where a class's number would."""
COST = {"glass-bottle": 1.05, "pet-bottle": 1.12}
"""What a shot costs, others being 1, for the time left: medians of the render times of 160 stills a class."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file, named relative to the output folder. Without an exposure it is the rendering itself."""

    file: str
    exposure: Exposure | None = None


@dataclass(frozen=True, slots=True)
class Shot:
    """One rendering. Without `item_seeds` the item goes on with the room's random numbers.

    `travel_m` is how far the belt has carried the item from where it rests.
    """

    label: str
    pictures: tuple[Picture, ...]
    room_seeds: tuple[int, ...]
    item_seeds: tuple[int, ...] = ()
    travel_m: float = 0.0

    @property
    def cost(self) -> float:
        return COST.get(self.label, 1.0)


def compose(shot: Shot) -> Scene:
    """All that chance decides about a shot; the same seeds give an equal scene."""
    rng = np.random.default_rng(shot.room_seeds)
    room = choose_room(rng)
    if shot.label == EMPTY:
        return Scene(room)
    if shot.item_seeds:
        rng = np.random.default_rng(shot.item_seeds)
    item = choose_item(shot.label, rng)
    return Scene(room, item, choose_pose(rng, item).moved(shot.travel_m))


def stills(seed: int, per_class: int, empties: int) -> Iterator[Shot]:
    """One of each class in turn, so that a set cut short is still balanced; the empty chambers last."""
    for number in range(per_class):
        for place, label in enumerate(CLASSES):
            yield Shot(label, (_still(label, seed, number),), (seed, number, place))
    for number in range(empties):
        yield Shot(EMPTY, (_still(EMPTY_FOLDER, seed, number),), (seed, number, EMPTY_SEED))


def _still(folder: str, seed: int, number: int) -> Picture:
    return Picture(f"{folder}/{folder}-{seed:02d}{number:04d}.jpg")
