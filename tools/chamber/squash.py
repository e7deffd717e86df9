"""Dents and flattening: chosen by chance, then pressed into an item's points."""

import math

import numpy as np
from numpy.random import Generator

from chamber.records import Dent, Points, Squash

__all__ = ["choose_squash", "squashed"]

MOST_DENTS = 4
DENT_DEPTH = (0.3, 1.0)
"""Of the depth that the kind of item allows."""
DENT_REACH_ANGLE = (0.25, 0.6)
DENT_REACH_M = (0.015, 0.04)
FLAT_PER_M = 12.0
"""Soft items dent deep and flatten much: the most that the middle loses, per metre of the allowed dent."""
FLAT_REACH = 0.35
"""Of the item's height: how far the flattening reaches from the middle."""
BULGE = 0.25
"""What is pressed in on one side comes out on the other, by this share."""
LEAST_RADIUS = 0.3
"""No dent leaves less than this share of a radius: walls would pass through each other."""


def choose_squash(rng: Generator, deepest_m: float, height_m: float) -> Squash:
    """Up to four dents no deeper than `deepest_m`, and a flattened middle every other time."""
    dents = tuple(_choose_dent(rng, deepest_m, height_m) for _ in range(rng.integers(0, MOST_DENTS + 1)))
    flat = rng.uniform(0, deepest_m * FLAT_PER_M) if rng.random() < 0.5 else 0.0
    return Squash(height_m, dents, flat, rng.uniform(0, math.pi))


def squashed(points: Points, squash: Squash) -> Points:
    """`points` of an item that stands on the origin, pressed out of shape; heights stay."""
    x, y, z = points.T
    x, y = _dented(x, y, z, squash)
    x, y = _flattened(x, y, z, squash)
    return np.stack([x, y * squash.oval, z], axis=1)


def _choose_dent(rng: Generator, deepest_m: float, height_m: float) -> Dent:
    return Dent(
        angle=rng.uniform(0, 2 * math.pi),
        height_m=rng.uniform(0.1, 0.9) * height_m,
        depth_m=rng.uniform(*DENT_DEPTH) * deepest_m,
        reach_angle=rng.uniform(*DENT_REACH_ANGLE),
        reach_m=rng.uniform(*DENT_REACH_M),
    )


def _dented(x: Points, y: Points, z: Points, squash: Squash) -> tuple[Points, Points]:
    angle = np.arctan2(y, x)
    inward_m = np.zeros_like(x)
    for dent in squash.dents:
        turn = (angle - dent.angle + math.pi) % (2 * math.pi) - math.pi
        inward_m += dent.depth_m * np.exp(-((turn / dent.reach_angle) ** 2) - ((z - dent.height_m) / dent.reach_m) ** 2)
    left = np.maximum(LEAST_RADIUS, 1 - inward_m / np.hypot(x, y))
    return x * left, y * left


def _flattened(x: Points, y: Points, z: Points, squash: Squash) -> tuple[Points, Points]:
    cos, sin = math.cos(squash.flat_angle), math.sin(squash.flat_angle)
    flat = squash.flat * np.exp(-(((z - squash.height_m / 2) / (squash.height_m * FLAT_REACH)) ** 2))
    across, along = (x * cos + y * sin) * (1 - flat), (y * cos - x * sin) * (1 + BULGE * flat)
    return across * cos - along * sin, across * sin + along * cos
