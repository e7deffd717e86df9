"""Where in a picture a classifier looked: cover a place, and see how much less sure it is.

Source: Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks, section 4.2,
https://arxiv.org/abs/1311.2901
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.records import Pixels

__all__ = ["Look", "Scores", "grid_for", "look"]

Scores = Callable[[Sequence[Pixels]], NDArray[np.float32]]
"""Pictures in, the classes' scores out, shape (n, classes)."""

GREY = 127
PATCH = 0.22
"""The patch's sides as a share of the picture's: large enough to cover a part of an object, not the object."""
COARSEST, FINEST = 5, 13


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """`guess` is the class guessed, `sure` its score on the whole picture, `least` its score with the worst cover.

    `drop` has the picture's height and width: by how much the score falls, on average over the patches that cover a
    pixel. Below 0 where the network is surer without.
    """

    guess: int
    sure: float
    least: float
    drop: NDArray[np.float32]


def look(scores: Scores, pixels: Pixels, grid: int = FINEST) -> Look:
    """Slide a grey patch over `pixels` in `grid` x `grid` steps from corner to corner; `grid` + 1 calls of `scores`.

    Raises:
        ValueError: the grid is smaller than 2.
    """
    if grid < 2:
        raise ValueError(f"a grid has 2 steps or more, not {grid}")
    whole = scores([pixels])[0]
    guess = int(whole.argmax())
    height, width = pixels.shape[:2]
    fall, cover, least = np.zeros((height, width)), np.zeros((height, width)), float(whole[guess])
    for row in _rows(height, width, grid):
        left = scores([_covered(pixels, place) for place in row])[:, guess]
        least = min(least, float(left.min()))
        for place, score in zip(row, left, strict=True):
            fall[place] += whole[guess] - score
            cover[place] += 1
    return Look(guess, float(whole[guess]), least, (fall / np.maximum(cover, 1)).astype(np.float32))


def grid_for(ms: float, pictures: int, seconds: float) -> int:
    """The finest grid with which `pictures` looks take about `seconds`, if a forward pass takes `ms`."""
    passes = 1000 * seconds / (max(ms, 0.001) * max(pictures, 1))
    return min(FINEST, max(COARSEST, math.isqrt(int(passes))))


def _rows(height: int, width: int, grid: int) -> Iterator[list[tuple[slice, slice]]]:
    """The places of the patch, row by row: a row of pictures at a time is held in memory."""
    across = _steps(width, grid)
    for down in _steps(height, grid):
        yield [(down, right) for right in across]


def _steps(length: int, grid: int) -> list[slice]:
    """`grid` stretches of equal length, the first at the beginning, the last at the end."""
    side = max(1, round(PATCH * length), math.ceil(length / grid))
    starts = np.linspace(0, length - side, grid).round().astype(int).tolist()
    return [slice(start, start + side) for start in starts]


def _covered(pixels: Pixels, place: tuple[slice, slice]) -> Pixels:
    covered = pixels.copy()
    covered[place] = GREY
    return covered
