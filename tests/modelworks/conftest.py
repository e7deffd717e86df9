"""Generated pictures that a tiny network can tell apart, so that the tests need no data."""

from pathlib import Path

import cv2
import numpy as np
import pytest

COLOURS = {"blue": (200, 60, 40), "green": (40, 190, 60), "red": (40, 50, 200)}
PER_CLASS = 12


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three classes, twelve noisy pictures of one colour each, 64 wide and 48 high."""
    folder = tmp_path_factory.mktemp("data") / "colours"
    rng = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for number in range(PER_CLASS):
            noise = rng.integers(-30, 31, (48, 64, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / label / f"{label}{number:03d}.png"), pixels)
    return folder
