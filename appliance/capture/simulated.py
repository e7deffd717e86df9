"""A SIMULATED driver: pictures at a rate, and the faults of real drivers on order, in a real capture process.

The pictures are drawn, or those of a folder in its order, for ever from the beginning: a rehearsal with real scenes.

A word in the file `orders` is obeyed from the next picture on, and when the file is opened: `hang` (the call never
returns, not even when the order is withdrawn), `stall` (nothing comes), `frozen` (the same picture with new stamps),
`old` (an old picture with its old stamp), `corrupt` (nothing can be decoded), `gone` (unplugged), `crash` (the decoder
takes the process with it). No file, or an empty one: all is well.
"""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from appliance.capture.reader import Picture
from appliance.errors import CameraError, FrameUnreadable

__all__ = ["SimulatedReader", "drawn_at_ns"]

_POLL_S = 0.005
_SQUARE = 24
_NOISE = 3


class SimulatedReader:
    """Options: width, height, fps, orders and pictures (paths, or None)."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._period_ns = int(1e9 / options["fps"])
        self._orders = Path(options["orders"]) if options.get("orders") else None
        self._scene = _scene(options)
        self._next_ns = 0
        self._shown: Picture | None = None

    def open(self) -> Mapping[str, Any]:
        if (order := self._order()) != "corrupt":
            self._obey(order)
        self._scene.open()
        self._next_ns = time.monotonic_ns()
        return {"rate": 1e9 / self._period_ns, "controls": {"SIMULATED": True}, "warnings": []}

    def read(self) -> Picture:
        self._wait_for_the_next()
        order = self._order()
        self._obey(order)
        now_ns = time.monotonic_ns()
        if order == "frozen" and self._shown is not None:
            return Picture(self._shown.pixels, now_ns, "SIMULATED")
        if order == "old" and self._shown is not None:
            return self._shown
        self._shown = Picture(self._scene.at(now_ns), now_ns, "SIMULATED")
        return self._shown

    def close(self) -> None:
        self._shown = None

    def _obey(self, order: str) -> None:
        if order == "hang":
            while True:
                time.sleep(3600)
        if order == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if order == "gone":
            raise CameraError("reading the SIMULATED camera", "it is gone (a fault on order)", "withdraw the order")
        if order == "corrupt":
            raise FrameUnreadable("reading the SIMULATED camera", "the picture is corrupt (a fault on order)")
        while order == "stall":
            time.sleep(_POLL_S)
            order = self._order()

    def _order(self) -> str:
        if self._orders is None:
            return ""
        try:
            return self._orders.read_text("ascii").strip()
        except OSError:
            return ""

    def _wait_for_the_next(self) -> None:
        wait_ns = self._next_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns / 1e9)
        # After a pause it goes on from now: a sensor does not make up for what it missed.
        self._next_ns = max(self._next_ns, time.monotonic_ns() - self._period_ns) + self._period_ns


def _scene(options: Mapping[str, Any]) -> Any:
    """What it looks at: has `open()`, and `at(now_ns)`, the next picture."""
    if not options.get("pictures"):
        return _Drawn(int(options["width"]), int(options["height"]))
    # Here, because it brings OpenCV: a capture process that only draws stays as small as those of real drivers.
    from appliance.capture.shown import ShownPictures

    return ShownPictures(Path(options["pictures"]))


class _Drawn:
    """A grey chamber with noise and a square that wanders; the first 8 bytes are the moment it was drawn."""

    def __init__(self, width: int, height: int) -> None:
        self._noise = np.random.default_rng(1).integers(0, _NOISE, (height, width, 3), np.uint8)
        self._number = 0

    def open(self) -> None: ...

    def at(self, now_ns: int) -> Any:
        self._number += 1
        height, width = self._noise.shape[:2]
        pixels = 96 + np.roll(self._noise, self._number * 7, axis=1)
        x = self._number * 5 % max(1, width - _SQUARE)
        pixels[height // 3 : height // 3 + _SQUARE, x : x + _SQUARE] = (40, 160, 220)
        pixels.reshape(-1)[:8] = np.frombuffer(now_ns.to_bytes(8, "little"), np.uint8)
        return pixels


def drawn_at_ns(pixels: Any) -> int:
    """The moment that a drawn picture carries, on the host's monotonic clock: whatever stamp a fault gave it."""
    return int.from_bytes(pixels.reshape(-1)[:8].tobytes(), "little")
