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
    if logits:
        if not math.isfinite(sum(output)):
            return Prediction(None, 0.0, ())
        highest = max(output)
        output = [math.exp(value - highest) if value - highest > -700 else 0.0 for value in output]
    total = sum(output)
    # One comparison finds NaN and infinity anywhere: both survive a sum.
    if not (0 < total < math.inf) or min(output) < 0:
        return Prediction(None, 0.0, ())
    scores = tuple([value / total for value in output])
    confidence = max(scores)
    best = scores.index(confidence)
    return Prediction(labels[best], confidence, scores, _runner_up(scores, best, labels))


def _runner_up(scores: Sequence[float], best: int, labels: Sequence[str]) -> str | None:
    """The label of the highest score but one; the first of equal ones."""
    others = [*scores[:best], -1.0, *scores[best + 1 :]]
    return labels[others.index(max(others))] if len(labels) > 1 else None
