"""From a network's raw output to a distribution. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.records import Prediction

__all__ = ["looks_like_probabilities", "prediction"]

_SUM_TOLERANCE = 0.1
"""A quantized softmax of ten classes is off by up to 10 half steps of 1/256 each; logits are off by far more."""


def looks_like_probabilities(output: NDArray[np.float64]) -> bool:
    """Is this output a distribution already, rather than logits?"""
    return bool(np.all(output >= 0) and abs(float(output.sum()) - 1) <= _SUM_TOLERANCE)


def prediction(output: NDArray[Any], labels: Sequence[str], *, logits: bool) -> Prediction:
    """The prediction for one output vector of real numbers, shape (labels,).

    Probabilities are scaled to sum to 1 (quantization leaves them a little off); logits go through a softmax. An output
    that is not finite, or all zero, is no distribution: label None.
    """
    real = np.asarray(output, np.float64)
    if not np.all(np.isfinite(real)):
        return Prediction(None, 0.0, ())
    if logits:
        real = np.exp(real - real.max())
    total = float(real.sum())
    if not total > 0 or real.min() < 0:
        return Prediction(None, 0.0, ())
    scores = real / total
    order = np.argsort(-scores, kind="stable")
    best = int(order[0])
    runner_up = labels[int(order[1])] if len(labels) > 1 else None
    return Prediction(labels[best], float(scores[best]), tuple(scores.tolist()), runner_up)
