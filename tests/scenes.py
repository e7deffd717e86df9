"""Pictures with something in them, drawn from a seed: what a photograph is to a search for near duplicates."""

import cv2
import numpy as np

from appliance.records import Pixels

WIDTH, HEIGHT = 160, 120


def scene(seed: int) -> Pixels:
    """A soft coloured ground with a dozen hard-edged shapes on it, 160 wide and 120 high."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(60, 200, (4, 5, 3)).astype(np.uint8)
    pixels = cv2.resize(ground, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        centre = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        axes = (int(rng.integers(6, 30)), int(rng.integers(6, 30)))
        colour = [int(value) for value in rng.integers(0, 256, 3)]
        cv2.ellipse(pixels, centre, axes, float(rng.integers(180)), 0, 360, colour, -1)
    return pixels


def chamber(colour: tuple[int, int, int], seed: int) -> Pixels:
    """One grey floor, always the same, with a disc of `colour` in the middle; only noise and light differ by seed."""
    rng = np.random.default_rng(seed)
    floor = cv2.GaussianBlur(np.random.default_rng(99).normal(128, 40, (HEIGHT, WIDTH)), (0, 0), 4)
    pixels = np.repeat(floor[:, :, np.newaxis], 3, axis=2)
    cv2.circle(pixels, (80, 60), 26, [float(value) for value in colour], -1)
    noisy = pixels * rng.uniform(0.9, 1.1) + rng.normal(0, 3, pixels.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
