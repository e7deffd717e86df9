"""Since when does the picture show what it shows? Pure: a frozen sensor gives new frames of an old moment."""

from typing import Any

import numpy as np

from appliance.capture.ring import fingerprint

__all__ = ["Sameness"]


class Sameness:
    """Compares each picture with the one before. A real sensor's noise makes two of them differ.

    A picture of one single value (lights off, lens cap, all white) has no noise to tell by: it is never the same.
    """

    def __init__(self, shown: tuple[int, int] | None = None) -> None:
        """`shown` is the fingerprint and the stamp of what an earlier process gave: a restart must not make it new."""
        self._last: int | None = None
        self._since_ns = 0
        if shown is not None:
            self._last, self._since_ns = shown
        self.repeats = 0

    def since(self, pixels: Any, stamp_ns: int) -> int:
        """The stamp of the first picture in a row of equal ones that ends with this; `repeats` counts the others."""
        now = None if _is_flat(pixels) else fingerprint(pixels)
        if now is not None and now == self._last:
            self.repeats += 1
        else:
            self._last, self._since_ns, self.repeats = now, stamp_ns, 0
        return self._since_ns


def _is_flat(pixels: Any) -> bool:
    rows = pixels[:: max(1, len(pixels) // 16)]
    return bool(np.all(rows == rows[0, 0]))
