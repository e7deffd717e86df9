"""The pictures of a report: thumbnails, and heat where the network looked, as JPEG bytes."""

import cv2
import numpy as np

from appliance.records import Pixels
from modelworks.occlusion import Look

__all__ = ["heat_picture", "thumbnail"]

SIDE = 240
"""The longer side, in pixels: large enough for a phone, about 10 kB."""
QUALITY = 82
SOFTNESS = 0.03
"""Of the edges that the patches leave, as a share of the picture's longer side."""
FAINTEST = 0.1
"""A fall of the score below this is not stretched to the full colour: it would show noise as if it were sight."""
STRONGEST = 0.75


def thumbnail(pixels: Pixels) -> bytes:
    """The picture, small."""
    return _jpeg(_small(pixels))


def heat_picture(pixels: Pixels, look: Look) -> bytes:
    """The picture in grey; the warmer and brighter a place, the more the guess rests on it."""
    small = _small(pixels)
    height, width = small.shape[:2]
    fall = cv2.resize(np.maximum(look.drop, 0), (width, height), interpolation=cv2.INTER_LINEAR)
    fall = cv2.GaussianBlur(fall, (0, 0), SOFTNESS * max(height, width))
    heat = np.clip(fall / max(float(fall.max()), FAINTEST), 0, 1)
    colours = cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_INFERNO)
    grey = cv2.cvtColor(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    share = (STRONGEST * heat)[:, :, np.newaxis]
    return _jpeg((grey * (1 - share) + colours * share).astype(np.uint8))


def _small(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(pixels: Pixels) -> bytes:
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return encoded.tobytes()
