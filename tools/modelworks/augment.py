"""Showing a picture as the camera might have seen it: turned, mirrored, shifted, nearer, brighter, of other colour.

Works on the camera's pixels, before `appliance.preprocess`: what the network is fed goes through the machine's own
function all the same.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from appliance.records import Pixels

__all__ = ["Augmentation", "augment"]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The largest change of each kind. Shifts are shares of the side; the others are factors' distances from 1."""

    rotation_deg: float = 180.0
    flip: bool = True
    shift: float = 0.1
    scale: float = 0.25
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.3
    cast: float = 0.06
    """Each colour channel on its own: the white balance of another lamp."""

    def __post_init__(self) -> None:
        for name in ("shift", "scale", "brightness", "contrast", "saturation", "cast"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is 0 or more and below 1, not {getattr(self, name)}")
        if not 0 <= self.rotation_deg < math.inf:
            raise ValueError(f"rotation is 0 degrees or more, not {self.rotation_deg:g}")


def augment(pixels: Pixels, plan: Augmentation, rng: np.random.Generator) -> Pixels:
    """A changed copy of the same size; equal for an equal state of `rng`."""
    return _recolour(_move(pixels, plan, rng), plan, rng)


def _move(pixels: Pixels, plan: Augmentation, rng: np.random.Generator) -> Pixels:
    """Turn, scale, mirror and shift in one interpolation; what comes from outside mirrors the inside."""
    height, width = pixels.shape[:2]
    angle = math.radians(rng.uniform(-plan.rotation_deg, plan.rotation_deg))
    factor = math.exp(rng.uniform(-1, 1) * math.log1p(plan.scale))
    mirror = -1.0 if plan.flip and rng.random() < 0.5 else 1.0
    cos, sin = factor * math.cos(angle), factor * math.sin(angle)
    centre_x, centre_y = width / 2, height / 2
    to_x = centre_x + rng.uniform(-plan.shift, plan.shift) * width
    to_y = centre_y + rng.uniform(-plan.shift, plan.shift) * height
    linear = np.array([[mirror * cos, -sin], [mirror * sin, cos]])
    offset = np.array([to_x, to_y]) - linear @ np.array([centre_x, centre_y])
    matrix = np.column_stack([linear, offset])
    moved = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def _recolour(pixels: Pixels, plan: Augmentation, rng: np.random.Generator) -> Pixels:
    """Saturation about each pixel's grey, then contrast about mid-grey, brightness and cast as one gain a channel."""
    saturation = 1 + rng.uniform(-plan.saturation, plan.saturation)
    contrast = 1 + rng.uniform(-plan.contrast, plan.contrast)
    brightness = 1 + rng.uniform(-plan.brightness, plan.brightness)
    gain = (brightness * contrast * (1 + rng.uniform(-plan.cast, plan.cast, 3))).astype(np.float32)
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    mixed = cv2.addWeighted(pixels, saturation, grey, 1 - saturation, 0)
    changed = np.asarray(mixed, np.float32) * gain + np.float32(127.5 * (1 - contrast))
    rounded: Pixels = np.clip(changed + np.float32(0.5), 0, 255).astype(np.uint8)
    return rounded
