"""The empty region as it was learned, and what of a picture does not belong to it. Pure: pictures in, marks out.

Light is compared as ratios, cell by cell of a coarse grid. Where nothing but the light has changed, the ratio of a
picture to the background is the same everywhere (a lamp that ages) or changes slowly from cell to cell (a soft shadow).
Where something lies, the ratio jumps: at its outline, and wherever it has a pattern. So what is looked for are jumps.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.records import Pixels

__all__ = ["Background", "Cells", "Look", "Marks", "cells_of", "moved", "slack_of", "smallest_outline", "things"]

Cells = NDArray[np.float32]
"""Shape (rows, columns, 3): the natural logarithm of each cell's light."""
Steps = NDArray[np.float32]
"""Shape (rows, columns), or one less of each: a difference of light for each cell, as a logarithm."""
Marks = NDArray[np.bool_]
"""Shape (rows, columns): the cells that something is true of."""

_LONGEST = 96
"""The grid's longer side has at most so many cells: 64 for 256 pixels, 80 for 640."""
_DARK = 32
"""Levels of 255 that are added before the logarithm: noise in the dark makes no ratios."""
_LOG = np.log(np.arange(256, dtype=np.float32) + _DARK)
_LEARN = 1 / 16
"""The newest empty picture's share in the background, once there have been 16."""
_DIFFERENT = 0.15
"""A cell whose light is off by more than so much (16 %) shows something else than before."""
_NO_SHADOW = -0.6
"""No soft shadow takes more than 45 % of the light."""
_SHAKE = 0.35
"""By so much of a cell the picture may tremble: an edge of the scene then jumps by that share of its own height."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_MOVING_SHARE = 0.005
_FLAT_LEVEL, _DARK_LEVEL = 0.45, -1.2
"""Beyond the first, up or down, an even picture is no empty region; below the second nothing is seen at all."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture shows against the background.

    `edges` are the cells at which the ratio jumps. `unlit`: the light is too far from the background's for a judgement.
    `gone`: the jumps are the background's own, so something was there when it was learned, and has left.
    """

    edges: int
    unlit: bool
    gone: bool


class Background:
    """The mean light of empty pictures. `contrast` is the smallest jump of light, as a logarithm, that is an edge.

    It is `proven` once a picture has come back to it after something was seen: what comes and goes is no background.
    """

    def __init__(self, cells: Cells, contrast: float) -> None:
        self._mean = cells.copy()
        self._contrast = contrast
        self._slack: Steps | None = None
        self._learned = 1
        self.proven = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self._mean.shape

    def learn(self, cells: Cells) -> None:
        """Take in one more empty picture."""
        self._learned += 1
        self._slack = None
        share = max(_LEARN, 1 / self._learned)
        cv2.accumulateWeighted(cells, self._mean, share)

    def look(self, cells: Cells) -> Look:
        """Compare a picture of the same grid."""
        ratio = cells - self._mean
        edges = _jumps(ratio, self._contrast, self._trembling())
        level = sum(cv2.mean(ratio)) / 3
        count = int(np.count_nonzero(edges))
        unlit = level < _DARK_LEVEL or (count == 0 and abs(level) > _FLAT_LEVEL)
        return Look(count, unlit, bool(count) and not self.proven and self._owns(edges, cells))

    def foreground(self, cells: Cells) -> Marks:
        """The cells that show a thing."""
        return things(cells, self._mean, self._trembling())

    def _trembling(self) -> Steps:
        """Most of the time the background rests, and so does this."""
        if self._slack is None:
            self._slack = slack_of(self._mean)
        return self._slack

    def _owns(self, edges: Marks, cells: Cells) -> bool:
        return bool(_steps(cells)[edges].sum() < 0.5 * _steps(self._mean)[edges].sum())


def cells_of(pixels: Pixels) -> Cells:
    """The grid of a picture (height, width, 3), which is halved until it is small."""
    while max(pixels.shape[:2]) > _LONGEST:
        height, width = pixels.shape[:2]
        size = (max(1, width // 2), max(1, height // 2))
        # At exactly one half, LINEAR is the mean of two by two pixels, several times faster than AREA.
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(cv2.LUT(pixels, _LOG), np.float32)


def slack_of(cells: Cells) -> Steps:
    """How far each cell may be off, (rows, columns), because the picture trembles: a share of the steps around it."""
    steps = cv2.copyMakeBorder(_steps(cells), 1, 0, 1, 0, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.dilate(steps, _NEIGHBOURS) * np.float32(_SHAKE), np.float32)


def moved(cells: Cells, before: Cells) -> bool:
    """Has a thing moved since the picture before? Light that changes softly is no movement."""
    jumps = _jumps(cells - before, _DIFFERENT, slack_of(before))
    return bool(np.count_nonzero(jumps) > _MOVING_SHARE * jumps.size)


def things(cells: Cells, before: Cells, slack: Steps) -> Marks:
    """The cells that show something else than in the other picture, and not only in another light or a soft shadow:
    lighter, of another colour, much darker, or between jumps of light. `slack` is that of the other picture."""
    ratio = cells - before
    sample = ratio[::4, ::4].reshape(-1, 3)
    half, three_quarters = len(sample) // 2, 3 * len(sample) // 4
    ranked = np.partition(sample, (half, three_quarters), axis=0)
    ratio -= ranked[half]
    # Where a shadow covers the larger part, the rest is no lighter thing.
    lit = float((ranked[three_quarters] - ranked[half]).max())
    blue, green, red = cv2.split(ratio)
    most, least = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    different = slack + np.float32(_DIFFERENT)
    marks = (most > different + lit) | (least < _NO_SHADOW - slack) | (most - least > different)
    marks[1:, 1:] |= _jumps(ratio, _DIFFERENT, slack)
    return np.asarray(cv2.morphologyEx(marks.view(np.uint8), cv2.MORPH_CLOSE, _NEIGHBOURS), np.bool_)


def smallest_outline(shape: tuple[int, ...], share: float) -> float:
    """How many cells are on the outline of a disc that covers this share of the grid."""
    return 2 * math.sqrt(math.pi * share * shape[0] * shape[1])


def _jumps(ratio: Cells, contrast: float, slack: Steps) -> Marks:
    """Where the ratio jumps: (rows - 1, columns - 1)."""
    return np.asarray(_steps(ratio) > slack[1:, 1:] + np.float32(contrast))


def _steps(values: Cells) -> Steps:
    """How far each cell is from the one above or the one to the left, in the channel in which it is furthest.

    The first row and the first column have none: (rows - 1, columns - 1).
    """
    across = cv2.absdiff(values[1:, 1:], values[1:, :-1])
    blue, green, red = cv2.split(cv2.max(across, cv2.absdiff(values[1:, 1:], values[:-1, 1:])))
    return np.asarray(cv2.max(cv2.max(blue, green), red), np.float32)
