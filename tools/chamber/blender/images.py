"""Pixels into Blender's images, out of them again."""

from typing import Any

import bpy
import numpy as np

from chamber.records import Pixels

__all__ = ["new_image", "pixels_of"]


def new_image(name: str, width: int, height: int, rows: Pixels) -> Any:
    """Blender's image of `rows`, the bottom row first."""
    image = bpy.data.images.new(name, width, height)
    filled = np.ones((height, width, 4), np.float32)
    filled[..., :3] = rows / np.float32(255)
    image.pixels.foreach_set(filled.ravel())
    image.update()
    return image


def pixels_of(image: Any) -> Pixels:
    """The image's pixels; it must be of 8 bits a channel, which come out unchanged."""
    width, height = image.size
    filled = np.empty(height * width * 4, np.float32)
    image.pixels.foreach_get(filled)
    rows = filled.reshape(height, width, 4)[::-1, :, :3]
    pixels: Pixels = np.rint(rows * 255).astype(np.uint8)
    return pixels
