"""Made-up product prints: bands, blocks, discs, rows of strokes like text, a barcode."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from chamber.records import Print

__all__ = ["choose_print"]

WIDTH, HEIGHT = 256, 128
"""Pixels; the width goes once around the item."""
BARCODE_WIDTH, BARCODE_HEIGHT = 28, 22
BARCODE_SHARE = 0.4
INK = 0.05

Canvas = NDArray[np.float64]


def choose_print(rng: Generator) -> Print:
    """One print; two are never alike."""
    canvas: Canvas = np.ones((HEIGHT, WIDTH, 3)) * (rng.random(3) * 0.9 + 0.05)
    _add_bands(canvas, rng)
    _add_shapes(canvas, rng)
    _add_strokes(canvas, rng)
    if rng.random() < BARCODE_SHARE:
        _add_barcode(canvas, rng)
    return Print(WIDTH, HEIGHT, (canvas * 255 + 0.5).astype(np.uint8).tobytes())


def _add_bands(canvas: Canvas, rng: Generator) -> None:
    for _ in range(rng.integers(1, 4)):
        row, thickness = rng.integers(0, HEIGHT), rng.integers(6, 45)
        canvas[row : row + thickness] = rng.random(3)


def _add_shapes(canvas: Canvas, rng: Generator) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for _ in range(rng.integers(2, 6)):
        column, row, radius = rng.integers(0, WIDTH), rng.integers(0, HEIGHT), rng.integers(8, 34)
        colour, disc = rng.random(3), rng.random() < 0.5
        aside = np.abs(columns - column)
        around = np.minimum(aside, WIDTH - aside)
        if disc:
            canvas[around**2 + (rows - row) ** 2 < radius**2] = colour
        else:
            canvas[(around < radius) & (np.abs(rows - row) < radius * 0.6)] = colour


def _add_strokes(canvas: Canvas, rng: Generator) -> None:
    for _ in range(rng.integers(2, 7)):
        row, column, colour = rng.integers(4, HEIGHT - 8), rng.integers(0, WIDTH), rng.random(3)
        for _ in range(rng.integers(4, 14)):
            width, start = rng.integers(2, 7), column % WIDTH
            canvas[row : row + rng.integers(3, 7), start : start + width] = colour
            column += width + 2


def _add_barcode(canvas: Canvas, rng: Generator) -> None:
    row, column = rng.integers(0, HEIGHT - BARCODE_HEIGHT - 2), rng.integers(0, WIDTH - BARCODE_WIDTH - 2)
    canvas[row : row + BARCODE_HEIGHT, column : column + BARCODE_WIDTH] = 1.0
    for bar in range(column, column + BARCODE_WIDTH, 2):
        canvas[row + 2 : row + BARCODE_HEIGHT - 4, bar : bar + rng.integers(1, 3)] = INK
