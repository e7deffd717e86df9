"""What a camera adds to a drawn picture in a stream: noise, a little shake, light that slowly comes and goes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chamber.records import Pixels

__all__ = ["Exposure", "exposed"]

NOISE_LEVELS = 1.75
"""Standard deviation of the noise in one channel, of 255 levels."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """One frame's own: `gain` times the light, moved right and down by shares of the side, noise by seed."""

    gain: float
    right: float
    down: float
    noise_seeds: tuple[int, ...]


def exposed(pixels: Pixels, exposure: Exposure) -> Pixels:
    """The picture as that frame would show it."""
    height, width, _ = pixels.shape
    moved = _slid(_slid(pixels.astype(np.float64), exposure.right * width, axis=1), exposure.down * height, axis=0)
    noise = np.random.default_rng(exposure.noise_seeds).normal(0, NOISE_LEVELS, pixels.shape)
    return np.clip(np.rint(moved * exposure.gain + noise), 0, 255).astype(np.uint8)


def _slid(pixels: NDArray[np.float64], by_px: float, axis: int) -> NDArray[np.float64]:
    """Moved by a part of a pixel; what comes in at the edge repeats it."""
    last = pixels.shape[axis] - 1
    places = np.clip(np.arange(last + 1) - by_px, 0, last)
    before = places.astype(np.intp)
    share = (places - before).reshape([-1 if each == axis else 1 for each in range(pixels.ndim)])
    after = np.minimum(before + 1, last)
    slid: NDArray[np.float64] = pixels.take(before, axis) * (1 - share) + pixels.take(after, axis) * share
    return slid
