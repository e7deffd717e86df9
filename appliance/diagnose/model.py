"""Can the model be loaded, does it fit the bins, and does it say something sensible?"""

import time
from collections.abc import Callable

import numpy as np

from appliance.classifier import Classifier
from appliance.config import Config
from appliance.diagnose import Finding, Verdict

__all__ = ["check"]

_TRIES = 20


def check(config: Config, make: Callable[[Config], Classifier]) -> list[Finding]:
    """Load it, classify grey and noise, take the time.

    Raises:
        ModelError, ConfigError: it cannot be used at all.
    """
    classifier = make(config)
    try:
        height, width = _size(config)
        noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        pictures = (np.full((height, width, 3), 128, np.uint8), noise)
        predictions = [classifier.classify(picture) for picture in pictures]
        times = []
        for _ in range(_TRIES):
            before = time.perf_counter()
            classifier.classify(noise)
            times.append((time.perf_counter() - before) * 1e3)
    finally:
        classifier.close()
    if any(one.label is None for one in predictions):
        remedy = "train or convert it again; until then every item goes to the reject bin"
        return [Finding("model", Verdict.FAIL, f"{classifier.name} gives NaN or infinity", remedy, 12)]
    labels = ", ".join(classifier.labels)
    evidence = f"{classifier.name}: {np.median(times):.1f} ms a picture; labels {labels}"
    return [Finding("model", Verdict.OK, evidence)]


def _size(config: Config) -> tuple[int, int]:
    """A frame that holds the region of interest."""
    roi = config.camera.roi
    return (480, 640) if roi is None else (roi.y + roi.height, roi.x + roi.width)
