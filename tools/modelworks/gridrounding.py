"""Rounding a layer's weights to a few levels so that its outputs change least, not the weights themselves. Pure.

Rounding each weight to its nearest level errs by up to half a level everywhere, and a layer adds those errors up. But a
layer's inputs depend on each other, so what one weight's rounding spoils, the weights not yet rounded can make good.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Inputs", "nearest", "round_to_grid"]

DAMPING = 0.01
"""Of the inputs' mean square, added to every one's: inputs never seen apart stay near the weights they had."""
FAINT = 1e-12

Matrix = NDArray[np.float64]


class Inputs:
    """What is known of a layer's inputs: their products, summed over many positions of many pictures.

    `groups`: a depthwise layer has one for each channel; others have one in all. Each group has `width` inputs.
    """

    def __init__(self, groups: int, width: int) -> None:
        self.products = np.zeros((groups, width, width))
        self.with_original = np.zeros((groups, width, width))

    def add(self, rounded: NDArray[np.float32], original: NDArray[np.float32]) -> None:
        """The inputs as the rounded network before the layer makes them, and as the original one does: (n, groups,
        width) each, of the same positions."""
        mine, theirs = (np.ascontiguousarray(np.moveaxis(each, 0, 1)) for each in (rounded, original))
        turned = mine.transpose(0, 2, 1)
        self.products += turned @ mine
        self.with_original += turned @ theirs


def nearest(weights: Matrix, levels: int) -> Matrix:
    """Each weight at its nearest level; (groups, width, outputs), a scale for each output of each group."""
    scale = _scale(weights, levels)
    return np.asarray(np.round(weights / scale) * scale)


def round_to_grid(weights: Matrix, inputs: Inputs, levels: int) -> Matrix:
    """Weights of shape (groups, width, outputs), each a whole number from -levels to levels times its output's scale.

    The outputs on the rounded network's inputs come as near as can be to those of the original weights on the
    original's: errors made by earlier layers are made good as well. The largest weight of every output stays at the
    end of the scale, so that a converter that looks for the scale finds this one.

    Source: Frantar et al., GPTQ, https://arxiv.org/abs/2210.17323; the original's inputs as the aim: Nagel et al.,
    https://arxiv.org/abs/2004.10568, section 3.3.
    """
    width = weights.shape[1]
    level = DAMPING * np.trace(inputs.products, axis1=1, axis2=2)[:, None, None] / width + FAINT
    products = inputs.products + level * np.eye(width)
    wanted = np.linalg.solve(products, inputs.with_original @ weights + level * weights)
    return _rounded(wanted, products, levels)


def _rounded(wanted: Matrix, products: Matrix, levels: int) -> Matrix:
    """One input after another, the most used first; each one's error is spread over those that are left."""
    order = np.argsort(-np.diagonal(products, axis1=1, axis2=2), axis=1, kind="stable")
    scale = _scale(wanted, levels)
    left = np.take_along_axis(wanted, order[:, :, None], axis=1)
    products = np.take_along_axis(np.take_along_axis(products, order[:, :, None], axis=1), order[:, None, :], axis=2)
    spread = np.linalg.cholesky(np.linalg.inv(products)).transpose(0, 2, 1)
    grid = np.empty_like(left)
    for place in range(left.shape[1]):
        grid[:, place] = np.clip(np.round(left[:, place] / scale[:, 0]), -levels, levels)
        error = (left[:, place] - grid[:, place] * scale[:, 0]) / spread[:, place, place, None]
        left[:, place + 1 :] -= spread[:, place, place + 1 :, None] * error[:, None, :]
    back = np.argsort(order, axis=1, kind="stable")
    return _to_the_end(np.take_along_axis(grid, back[:, :, None], axis=1), wanted, levels) * scale


def _to_the_end(grid: Matrix, wanted: Matrix, levels: int) -> Matrix:
    """Every output whose weights all fell short of the scale's end gets its largest one there."""
    largest = np.abs(wanted).argmax(axis=1, keepdims=True)
    ends = np.where(np.take_along_axis(wanted, largest, axis=1) < 0, -levels, levels)
    short = np.abs(grid).max(axis=1, keepdims=True) < levels
    kept = np.take_along_axis(grid, largest, axis=1)
    np.put_along_axis(grid, largest, np.where(short, ends, kept), axis=1)
    return grid


def _scale(weights: Matrix, levels: int) -> Matrix:
    return np.asarray(np.maximum(np.abs(weights).max(axis=1, keepdims=True) / levels, FAINT))
