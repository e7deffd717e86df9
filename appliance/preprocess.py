"""From a camera's pixels to a network's input: the one function that trains, validates and sorts.

A network sees what it was trained on only if every step is the same at both ends, so training, validation and the
machine all call `Preprocessor.write`. The default resize is OpenCV's LINEAR without antialiasing: fast, and harmless
because training used it too.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.records import Pixels

__all__ = ["Preprocessing", "Preprocessor", "Region", "TensorFormat"]

_INTERPOLATION = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a frame in pixels, `x`, `y` its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def fits(self, pixels: Pixels) -> bool:
        """Does it lie within the frame?"""
        height, width = pixels.shape[:2]
        return min(self.x, self.y) >= 0 and self.x + self.width <= width and self.y + self.height <= height

    def of(self, pixels: Pixels) -> Pixels:
        """The rectangle as a view.

        Raises:
            ValueError: it does not lie within the frame.
        """
        if not self.fits(pixels):
            height, width = pixels.shape[:2]
            raise ValueError(
                f"the region {self.width}x{self.height}+{self.x}+{self.y} leaves the {width}x{height} frame"
            )
        return pixels[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a model wants its pictures; the manifest carries it.

    `size` is (height, width). `resize`: "stretch" ignores the aspect ratio, "crop" takes the largest centred part
    of the right aspect ratio first. A channel value v of 0..255 stands for the real number (v - mean) / std.
    """

    size: tuple[int, int] = (224, 224)
    resize: Literal["stretch", "crop"] = "stretch"
    interpolation: Literal["nearest", "linear", "area"] = "linear"
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: float = 127.5
    std: float = 127.5

    def __post_init__(self) -> None:
        if len(self.size) != 2 or not all(1 <= side <= 4096 for side in self.size):
            raise ValueError(f"size is (height, width), each 1..4096, not {self.size}")
        if self.resize not in ("stretch", "crop"):
            raise ValueError(f"resize is 'stretch' or 'crop', not {self.resize!r}")
        if self.interpolation not in _INTERPOLATION:
            raise ValueError(f"interpolation is one of {sorted(_INTERPOLATION)}, not {self.interpolation!r}")
        if self.colour not in ("rgb", "bgr"):
            raise ValueError(f"colour is 'rgb' or 'bgr', not {self.colour!r}")
        if not self.std > 0:
            raise ValueError(f"std is above 0, not {self.std}")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"size": list(self.size)}


@dataclass(frozen=True, slots=True)
class TensorFormat:
    """The input tensor's type: real = (q - zero_point) * scale for the integer types; float32 has scale 0.

    Source: https://ai.google.dev/edge/litert/models/quantization_spec
    """

    dtype: Literal["float32", "uint8", "int8"] = "float32"
    scale: float = 0.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        if self.dtype not in ("float32", "uint8", "int8"):
            raise ValueError(f"the input tensor is float32, uint8 or int8, not {self.dtype}")
        if self.dtype != "float32" and not self.scale > 0:
            raise ValueError(f"a {self.dtype} input tensor needs a scale above 0, not {self.scale}")


class Preprocessor:
    """Writes frames straight into an input tensor. Keeps its scratch pictures: one instance, one thread."""

    def __init__(self, spec: Preprocessing, tensor: TensorFormat | None = None, region: Region | None = None) -> None:
        self.spec = spec
        self.tensor = tensor or TensorFormat()
        self.region = region
        height, width = spec.size
        self._resized = np.empty((height, width, 3), np.uint8)
        self._ordered = np.empty((height, width, 3), np.uint8)
        self._table = _table(spec, self.tensor)
        self._shape, self._dtype = (height, width, 3), np.dtype(self.tensor.dtype)
        self._interpolation = _INTERPOLATION[spec.interpolation]
        self._swap = spec.colour == "rgb"

    def write(self, pixels: Pixels, out: NDArray[Any]) -> None:
        """Fill `out`, shape (height, width, 3) and the tensor's dtype, from a BGR picture of any size.

        Raises:
            ValueError: the region of interest does not lie within the picture, or `out` has another shape or dtype.
        """
        if out.shape != self._shape or out.dtype != self._dtype:
            raise ValueError(f"the input tensor is {self._shape} {self._dtype}, not {out.shape} {out.dtype}")
        height, width, _ = self._shape
        view = self.region.of(pixels) if self.region else pixels
        if self.spec.resize == "crop":
            view = _centre(view, width / height)
        cv2.resize(view, (width, height), dst=self._resized, interpolation=self._interpolation)
        if self._table is None:
            if self._swap:
                cv2.cvtColor(self._resized, cv2.COLOR_BGR2RGB, dst=out)
            else:
                np.copyto(out, self._resized)
            return
        ordered: NDArray[Any] = self._resized
        if self._swap:
            ordered = cv2.cvtColor(self._resized, cv2.COLOR_BGR2RGB, dst=self._ordered)
        cv2.LUT(ordered, self._table, dst=out)

    def __call__(self, pixels: Pixels) -> NDArray[Any]:
        """The input for one picture in an array of its own, shape (height, width, 3)."""
        out = np.empty((*self.spec.size, 3), self.tensor.dtype)
        self.write(pixels, out)
        return out


def _table(spec: Preprocessing, tensor: TensorFormat) -> NDArray[Any] | None:
    """The 256 tensor values for the 256 channel values; None where the bytes can go in as they are.

    A uint8 tensor over [-1, 1] stores 0..255 almost unchanged (zero point 127 or 128 for 127.5): at most one step off,
    which is what rounding costs anyway. Then no table is needed.
    """
    real = (np.arange(256, dtype=np.float64) - spec.mean) / spec.std
    if tensor.dtype == "float32":
        return real.astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    steps = np.clip(np.rint(real / tensor.scale + tensor.zero_point), limits.min, limits.max)
    if tensor.dtype == "uint8" and np.abs(steps - np.arange(256)).max() <= 1:
        return None
    return steps.astype(tensor.dtype)


def _centre(pixels: Pixels, aspect: float) -> Pixels:
    """The largest centred part whose width / height is `aspect`, as a view."""
    height, width = pixels.shape[:2]
    if width / height > aspect:
        keep = max(1, round(height * aspect))
        left = (width - keep) // 2
        return pixels[:, left : left + keep]
    keep = max(1, round(width / aspect))
    top = (height - keep) // 2
    return pixels[top : top + keep]
