"""Do two pictures agree when one is laid over the other? Pure: two thumbnails in, how well they agree out."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.records import Pixels

__all__ = ["Overlay", "lay_over", "same_hue"]

MIN_WHOLE = 0.95
MIN_DETAIL = 0.75
MIN_HUE = 0.75
MAX_STRETCH = 1.2
"""What two pictures of one moment reach. Of the 48 pairs that the hash proposes in TrashNet, the eight true ones that
it is not sure of reach a detail of 0.82 and a hue of 0.81, the best of the false ones a detail of 0.71. The hue tells a
green bottle from a brown one in its place (-0.3 in the chamber). tests/modelworks/test_duplicates.py repeats it."""

MIN_HUE_IN_PLACE = 0.3
"""Overexposure bleaches hues and a small shift parts them: of TrashNet pictures made brighter by a quarter, 90 of 100
are found again with this bound, 72 with the other. Other colours in one place stay below 0.15."""
GREY = 1.0
"""A picture whose hues spread less than this (of 255) has none to compare."""
STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)
BLUR_PX = 3
DETAIL_SIGMA_PX = 2.0
HUE_SIGMA_PX = 1.5
"""Hues are blurred: JPEG stores them at half the resolution."""
MARGIN = 1 / 16
"""Left out at every edge: what a shift brings in from outside is invented."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Correlations (1: equal but for brightness and contrast) of two pictures in their places: of the `whole`, of its
    `detail`, of its `hue` (1 where both are grey). `stretch`: how much one had to be enlarged or reduced, at least 1.
    """

    whole: float
    detail: float
    hue: float
    stretch: float

    @property
    def agrees(self) -> bool:
        enough = self.whole >= MIN_WHOLE and self.detail >= MIN_DETAIL and self.hue >= MIN_HUE
        return enough and self.stretch <= MAX_STRETCH


def lay_over(one: Pixels, other: Pixels) -> Overlay | None:
    """Move, turn and stretch `other` until it lies over `one` as well as it can; None where nothing fits.

    Both are small BGR pictures of one shape. The fit is the enhanced correlation coefficient's, which does not mind
    another brightness or contrast. Source: Evangelidis and Psarakis 2008,
    https://docs.opencv.org/4.x/dc/d6b/group__video__track.html (findTransformECC)
    """
    identity: NDArray[Any] = np.eye(2, 3, dtype=np.float32)
    try:
        _, warp = cv2.findTransformECC(  # type: ignore[call-overload]  # its stub refuses the mask None that it takes
            _grey(one), _grey(other), identity, cv2.MOTION_AFFINE, STEPS, None, BLUR_PX
        )
    except cv2.error:  # it did not converge: flat pictures, or nothing in common
        return None
    size, flags = one.shape[1::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = np.asarray(cv2.warpAffine(other, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    detail = _correlation(_detail(one), _detail(moved))
    return Overlay(_correlation(one, moved), detail, _hue_correlation(_hue(one), _hue(moved)), _stretch(warp))


def same_hue(one: Pixels, other: Pixels) -> bool:
    """Is nothing against it, as the two lie, that their colours are the same? True where both are grey."""
    return _hue_correlation(_hue(one), _hue(other)) >= MIN_HUE_IN_PLACE


def _grey(pixels: Pixels) -> NDArray[Any]:
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)


def _detail(pixels: Pixels) -> NDArray[np.float32]:
    """The picture less its own blur: edges and texture, without light and vignette."""
    real = pixels.astype(np.float32)
    return np.asarray(real - cv2.GaussianBlur(real, (0, 0), DETAIL_SIGMA_PX), np.float32)


def _hue(pixels: Pixels) -> NDArray[np.float32]:
    """The two channels without the brightness."""
    chroma = cv2.cvtColor(pixels, cv2.COLOR_BGR2YCrCb)[:, :, 1:].astype(np.float32)
    return np.asarray(cv2.GaussianBlur(chroma, (0, 0), HUE_SIGMA_PX), np.float32)


def _hue_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return 1.0 if max(_spread(one), _spread(other)) < GREY else _correlation(one, other)


def _spread(hue: NDArray[np.float32]) -> float:
    return float(_centred(hue).std())


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Of all values of all channels, each channel about its own mean; 0 if one of the two is flat."""
    first, second = _centred(one), _centred(other)
    energy = float((first * first).sum()) * float((second * second).sum())
    return float((first * second).sum()) / energy**0.5 if energy > 0 else 0.0


def _centred(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Without the margin, and each channel without its mean."""
    margin = round(MARGIN * min(pixels.shape[:2]))
    inner = pixels[margin:-margin, margin:-margin].astype(np.float32)
    return np.asarray(inner - inner.mean(axis=(0, 1)), np.float32)


def _stretch(warp: NDArray[Any]) -> float:
    """The larger of the affine map's greatest enlargement and its greatest reduction."""
    scales = np.linalg.svd(warp[:, :2], compute_uv=False)
    return float(max(scales.max(), 1 / max(scales.min(), 1e-6)))
