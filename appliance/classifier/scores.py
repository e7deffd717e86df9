"""From a network's raw output to a distribution. Pure."""

import math
from collections.abc import Sequence

from appliance.records import Prediction

__all__ = ["looks_like_probabilities", "prediction"]

_SUM_TOLERANCE = 0.1
"""A quantized softmax of ten classes is off by up to 10 half steps of 1/256 each; logits are off by far more."""


def looks_like_probabilities(output: Sequence[float]) -> bool:
    """Is this output a distribution already, rather than logits?"""
    return min(output) >= 0 and abs(math.fsum(output) - 1) <= _SUM_TOLERANCE


def prediction(output: Sequence[float], labels: Sequence[str], *, logits: bool) -> Prediction:
    """The prediction for one output of real numbers, one a label.

    Probabilities are scaled to sum to 1 (quantization leaves them a little off); logits go through a softmax. An output
    that is not finite, or all zero, is no distribution: label None.

    Plain Python on purpose: after an inference the caches are cold, and for a handful of labels a dozen numpy calls
    take four times as long (240 us against 64 where it was measured).
    """
    if not all(map(math.isfinite, output)):
        return Prediction(None, 0.0, ())
    if logits:
        highest = max(output)
        output = [math.exp(value - highest) for value in output]
    total = sum(output)
    if not 0 < total < math.inf or min(output) < 0:
        return Prediction(None, 0.0, ())
    scores = tuple(value / total for value in output)
    best = scores.index(max(scores))
    second = max((index for index in range(len(scores)) if index != best), key=scores.__getitem__, default=None)
    return Prediction(labels[best], scores[best], scores, None if second is None else labels[second])
