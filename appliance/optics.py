"""What can be measured of a scene: sharpness, light, colour, and how far it has moved. Pure: pictures in, numbers out.

Pictures are reduced first, and several of one scene are taken as two means, of the first, third, fifth ... and of the
others: what is in both is the scene, what is in one only is the sensor's noise. Only figures of one and the same scene
can be compared.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.records import Pixels

__all__ = ["Light", "Measures", "Shift", "Stack", "View", "measure", "reduced", "shift_between", "view_of"]

_LONGEST = 320
"""The reduced picture's longer side has at most so many pixels: a network sees 224, so finer blur does it no harm."""
_SHIFT_LONGEST = 160
"""The same for the search for a shift, whose cost grows fastest."""
_LEAST_LIKENESS = 0.05
"""Two means whose outlines correlate less than this share noise only: there is nothing sharp in the scene."""
_LEAST_RESPONSE = 0.3
"""A correlation peak lower than this is one among the noise: the scenes have nothing clear in common."""
_LEAST_SIDE = 8

Light = NDArray[np.float32]
"""Shape (height, width, 3), channels blue, green, red: mean light in levels of 0..255."""


@dataclass(frozen=True, slots=True)
class Measures:
    """The figures of one scene.

    `focus`: the standard deviation of the Laplacian of what both means show, in percent of the mean light; blur lowers
    it, brightness does not move it. `brightness`: the mean light in levels of 0..255. `blue`, `red`: how much of these
    there is beside green, as the natural logarithm of the ratio of the means; 0.1 is about 10 %, and light of another
    strength moves neither.
    """

    focus: float
    brightness: float
    blue: float
    red: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A scene, measured. `light` is the mean of its reduced pictures, `scale` a picture's pixels for one of `light`."""

    measures: Measures
    light: Light
    scale: float


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a scene has moved to the right and down, in pixels of the pictures before they were reduced.

    For a picture 640 wide it is right to within 2 pixels.
    """

    x: float
    y: float

    @property
    def length(self) -> float:
        return math.hypot(self.x, self.y)


class Stack:
    """Pictures of one scene, added up in turn into two sums. All have one size."""

    def __init__(self) -> None:
        self._sums: list[Light] = []
        self._scale = 1.0
        self.count = 0

    def add(self, pixels: Pixels) -> None:
        """One more picture (height, width, 3).

        Raises:
            ValueError: it is smaller than 8 pixels a side, or of another size than the others.
        """
        small = reduced(pixels)
        if not self._sums:
            self._sums = [np.zeros(small.shape, np.float32), np.zeros(small.shape, np.float32)]
            self._scale = pixels.shape[1] / small.shape[1]
        total = self._sums[self.count % 2]
        if total.shape != small.shape:
            raise ValueError(f"a picture of {small.shape} among those of {total.shape}")
        cv2.accumulate(small, total)
        self.count += 1

    def halves(self) -> tuple[Light, Light]:
        """The two means.

        Raises:
            ValueError: there are not two pictures yet.
        """
        if self.count < 2:
            raise ValueError("at least two pictures make two means")
        odd, even = self._sums
        return odd / np.float32((self.count + 1) // 2), even / np.float32(self.count // 2)

    def view(self) -> View:
        """The scene, measured.

        Raises:
            ValueError: there are not two pictures yet.
        """
        first, second = self.halves()
        return View(measure(first, second), (first + second) / np.float32(2), self._scale)

    def steady(self) -> bool:
        """Is there enough in the scene for a shift to be found? Its two means are where they are, and say so.

        Raises:
            ValueError: there are not two pictures yet.
        """
        first, second = self.halves()
        found = shift_between(_plain(first), _plain(second))
        return found is not None and found.length < 1


def reduced(pixels: Pixels, longest: int = _LONGEST) -> Pixels:
    """The picture, halved until its longer side is short enough.

    Raises:
        ValueError: a side is shorter than 8 pixels.
    """
    if min(pixels.shape[:2]) < _LEAST_SIDE:
        raise ValueError(f"a picture to be measured has at least {_LEAST_SIDE} pixels a side, not {pixels.shape[:2]}")
    while max(pixels.shape[:2]) > longest:
        # At exactly one half, LINEAR is the mean of two by two pixels, several times faster than AREA.
        pixels = np.asarray(_halved(pixels), np.uint8)
    return pixels


def view_of(pixels: Pixels) -> View:
    """A single picture, measured as it is: its noise counts as sharpness. For a person who turns a lens.

    Raises:
        ValueError: a side is shorter than 8 pixels.
    """
    light = reduced(pixels).astype(np.float32)
    return View(measure(light, light), light, pixels.shape[1] / light.shape[1])


def measure(first: Light, second: Light) -> Measures:
    """The figures of a scene of which there are two means; of a single picture, given twice, its noise is a part."""
    one, other = (cv2.cvtColor(mean, cv2.COLOR_BGR2GRAY) for mean in (first, second))
    blue, green, red = (np.add(cv2.mean(first)[:3], cv2.mean(second)[:3]) / 2).tolist()
    brightness = (cv2.mean(one)[0] + cv2.mean(other)[0]) / 2
    # One level more: a black picture has no colour and no focus, instead of no figures.
    return Measures(
        focus=100 * _sharpness(one, other) / (brightness + 1),
        brightness=brightness,
        blue=math.log((blue + 1) / (green + 1)),
        red=math.log((red + 1) / (green + 1)),
    )


def shift_between(before: View, after: View) -> Shift | None:
    """By how much `after` shows the scene of `before` elsewhere; None if the two have nothing clear in common.

    Raises:
        ValueError: the pictures are of different sizes.
    """
    if before.light.shape != after.light.shape:
        raise ValueError(f"scenes of one size are compared, not {before.light.shape} and {after.light.shape}")
    one, other = _small_grey(before.light), _small_grey(after.light)
    # The window keeps the picture's own border, which never moves, from counting as the scene.
    window = cv2.createHanningWindow((one.shape[1], one.shape[0]), cv2.CV_32F)
    (x, y), response = cv2.phaseCorrelate(one, other, window)
    pixels = before.scale * before.light.shape[1] / one.shape[1]
    return Shift(x * pixels, y * pixels) if response >= _LEAST_RESPONSE else None


def _sharpness(one: NDArray[Any], other: NDArray[Any]) -> float:
    """The square root of the covariance of the two Laplacians: noise, which differs, drops out; 0 if all is noise."""
    edges, others = cv2.Laplacian(one, cv2.CV_32F), cv2.Laplacian(other, cv2.CV_32F)
    (mean,), (deviation,) = (values.ravel().tolist() for values in cv2.meanStdDev(edges))
    (mean_2,), (deviation_2,) = (values.ravel().tolist() for values in cv2.meanStdDev(others))
    shared = cv2.mean(cv2.multiply(edges, others))[0] - mean * mean_2
    return math.sqrt(shared) if shared > _LEAST_LIKENESS * deviation * deviation_2 else 0.0


def _small_grey(light: Light) -> NDArray[np.float32]:
    grey = cv2.cvtColor(light, cv2.COLOR_BGR2GRAY)
    while max(grey.shape) > _SHIFT_LONGEST:
        grey = _halved(grey)
    # Without its mean: the window times the mean would be the same in any two pictures.
    return np.asarray(grey - np.float32(cv2.mean(grey)[0]), np.float32)


def _halved(picture: NDArray[Any]) -> NDArray[Any]:
    height, width = picture.shape[:2]
    return cv2.resize(picture, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_LINEAR)


def _plain(light: Light) -> View:
    return View(Measures(0, 0, 0, 0), light, 1.0)
