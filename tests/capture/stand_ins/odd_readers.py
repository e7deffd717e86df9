"""Readers that do what no driver should, for the tests of their owner: loaded in the capture process only."""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from appliance.capture.reader import Picture
from appliance.errors import FrameUnreadable

HEIGHT, WIDTH = 48, 64


class _Reader:
    def __init__(self, options: Mapping[str, Any]) -> None:
        self.number = 0

    def open(self) -> Mapping[str, Any]:
        return {"warnings": ["it is a test"]}

    def read(self) -> Picture:
        time.sleep(0.01)
        self.number += 1
        return Picture(self.draw(), time.monotonic_ns(), "test")

    def draw(self) -> Any:
        pixels = np.random.default_rng(self.number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        pixels[0, 0, :2] = os.getpid() % 251, self.number % 251
        return pixels

    def close(self) -> None:
        pass


class Noisy(_Reader):
    """Every picture is new."""


class Still(_Reader):
    """The sensor shows one picture for ever, whoever opens it."""

    def draw(self) -> Any:
        return np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


class Dark(_Reader):
    """The lights are off: black, without noise."""

    def draw(self) -> Any:
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8)


class Late(_Reader):
    """Pictures of two seconds ago, as a network's buffer gives them."""

    def read(self) -> Picture:
        picture = super().read()
        return Picture(picture.pixels, picture.stamp_ns - 2_000_000_000, "test")


class Growing(_Reader):
    """The format changes while it runs."""

    def draw(self) -> Any:
        side = HEIGHT if self.number < 5 else 2 * HEIGHT
        return np.random.default_rng(self.number).integers(0, 256, (side, WIDTH, 3), np.uint8)


class HalfCorrupt(_Reader):
    """Every second picture cannot be decoded."""

    def read(self) -> Picture:
        picture = super().read()
        if self.number % 2 == 0:
            raise FrameUnreadable("reading", "half a picture")
        return picture


class Raising(_Reader):
    """A defect of the reader itself."""

    def read(self) -> Picture:
        raise ZeroDivisionError("a defect")


class Chatty(_Reader):
    """Prints on standard output, where a driver has no business."""

    def read(self) -> Picture:
        sys.stdout.write("{}\n")
        sys.stdout.flush()
        os.write(1, b"frame\n")
        return super().read()


class Silent(_Reader):
    """Opens, and never gives a picture."""

    def read(self) -> Picture:
        while True:
            time.sleep(3600)


class NeverOpens(_Reader):
    def open(self) -> Mapping[str, Any]:
        while True:
            time.sleep(3600)
