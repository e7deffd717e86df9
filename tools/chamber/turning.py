"""From a profile to a mesh, as on a lathe."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chamber.records import Part, Points, Profile
from chamber.squash import squashed

__all__ = ["SEGMENTS", "Mesh", "even_profile", "turned"]

SEGMENTS = 64
"""Steps around; the seam has its points twice, so that a print may end where it begins."""
STEP_M = 0.004
"""Dents need points: no straight piece of a profile stays longer than two of these."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """`points` (n, 3), `places` (n, 2) on the print from 0 to 1, `faces` (m, 4): the numbers of their corners."""

    points: Points
    places: NDArray[np.float64]
    faces: NDArray[np.int64]


def even_profile(corners: Sequence[tuple[float, float]]) -> Profile:
    """The same line with points along its straight pieces."""
    even = [corners[0]]
    for (radius, height), (to_radius, to_height) in pairwise(corners):
        steps = max(1, int(math.hypot(to_radius - radius, to_height - height) / STEP_M))
        even += [
            (radius + (to_radius - radius) * step / steps, height + (to_height - height) * step / steps)
            for step in range(1, steps + 1)
        ]
    return tuple(even)


def turned(part: Part) -> Mesh:
    """The part's profile turned around the upright axis, squashed if the part is."""
    radii, heights = np.array(part.profile).T
    angles = 2 * math.pi * np.arange(SEGMENTS + 1) / SEGMENTS
    points = np.stack(
        np.broadcast_arrays(np.outer(radii, np.cos(angles)), np.outer(radii, np.sin(angles)), heights[:, None]), axis=2
    )
    points = points.reshape(-1, 3)
    return Mesh(
        points if part.squash is None else squashed(points, part.squash),
        _places(heights),
        _faces(len(radii)),
    )


def _places(heights: Points) -> NDArray[np.float64]:
    around, up = np.arange(SEGMENTS + 1) / SEGMENTS, (heights - heights.min()) / np.ptp(heights)
    return np.stack(np.meshgrid(around, up), axis=2).reshape(-1, 2)


def _faces(rings: int) -> NDArray[np.int64]:
    ring = SEGMENTS + 1
    first = (np.arange(rings - 1)[:, None] * ring + np.arange(SEGMENTS)).reshape(-1)
    return np.stack([first, first + 1, first + ring + 1, first + ring], axis=1)
