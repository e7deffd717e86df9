"""A stream past one camera: empty frames, then items that come, rest and go, with gaps between them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from chamber.exposure import Exposure
from chamber.items import CLASSES
from chamber.records import EMPTY
from chamber.shots import Picture, Shot

__all__ = ["FRAMES_FILE", "Clip", "Row", "plan_clip"]

FRAMES_FILE = "frames.json"
LEADING_EMPTIES = 15
"""Long enough to learn the background from."""
GAP_FRAMES = (3, 8)
RESTING_FRAMES = (3, 4)
"""Fewest and most."""
PASSING_FRAMES = 2
"""On the way in, and again on the way out."""
PASSING_M = 0.03
"""How far from its rest an item is then."""
GAIN_SWING = 0.05
GAIN_PERIOD = 160
"""The light swings by this share, once in so many frames."""
SHAKE = 0.0015
"""Standard deviation, as a share of the picture's side: 0.4 of 256 pixels."""

ORDER_SEED, ROOM_SEED, ITEM_SEED, EXPOSURE_SEED, GAP_SEED = 777, 778, 779, 780, 781
"""Stand second in the seeds of a clip: its items are others than those of the stills of the same seed."""

Sight = tuple[int | None, float]
"""What a frame shows: the item's number and its travel in metres, or nothing."""
NOTHING: Sight = (None, 0.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One frame's line in frames.json: label "" and no item if the chamber is empty."""

    file: str
    label: str
    item: int | None


@dataclass(frozen=True, slots=True)
class Clip:
    """`rows` in the order of time; `shots` as few as show it: frames of one sight share a rendering."""

    shots: tuple[Shot, ...]
    rows: tuple[Row, ...]


def plan_clip(seed: int, items: int) -> Clip:
    """A clip of `items` items, the classes as even as the number allows, in random order."""
    classes = tuple(CLASSES)
    order = np.random.default_rng((seed, ORDER_SEED)).permutation(np.arange(items) % len(classes))
    labels = [classes[place] for place in order]
    sights = tuple(_sights(items, np.random.default_rng((seed, GAP_SEED))))
    rows = tuple(
        Row(f"frame-{number:04d}.jpg", EMPTY if item is None else labels[item], item)
        for number, (item, _) in enumerate(sights)
    )
    return Clip(tuple(_shots(seed, sights, rows)), rows)


def _sights(items: int, rng: Generator) -> Iterator[Sight]:
    yield from [NOTHING] * LEADING_EMPTIES
    for item in range(items):
        yield from [NOTHING] * _between(GAP_FRAMES, rng)
        yield from [(item, -PASSING_M)] * PASSING_FRAMES
        yield from [(item, 0.0)] * _between(RESTING_FRAMES, rng)
        yield from [(item, PASSING_M)] * PASSING_FRAMES
    yield from [NOTHING] * _between(GAP_FRAMES, rng)


def _between(fewest_most: tuple[int, int], rng: Generator) -> int:
    return int(rng.integers(*fewest_most, endpoint=True))


def _shots(seed: int, sights: Sequence[Sight], rows: Sequence[Row]) -> Iterator[Shot]:
    numbers: dict[Sight, list[int]] = {}
    for number, sight in enumerate(sights):
        numbers.setdefault(sight, []).append(number)
    for (item, travel_m), frames in numbers.items():
        pictures = tuple(Picture(rows[number].file, _exposure(seed, number)) for number in frames)
        item_seeds = () if item is None else (seed, ITEM_SEED, item)
        yield Shot(rows[frames[0]].label, pictures, (seed, ROOM_SEED), item_seeds, travel_m)


def _exposure(seed: int, number: int) -> Exposure:
    seeds = (seed, EXPOSURE_SEED, number)
    right, down = np.random.default_rng(seeds).normal(0, SHAKE, 2).tolist()
    gain = 1 + GAIN_SWING * math.sin(2 * math.pi * number / GAIN_PERIOD)
    return Exposure(gain, right, down, (*seeds, 0))
