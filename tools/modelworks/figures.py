"""Counting how good a classifier is. Pure: labels and scores in, figures out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "agreement",
    "calibration_error",
    "confusion_matrix",
    "judge",
    "paired_difference",
    "paired_loss",
    "share",
    "wilson_interval",
]

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
BINS = 15
"""Of the calibration error, as in its source."""


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval for a share of `right` in `total`; (0, 1) when nothing was counted.

    Source: Wilson 1927, https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval
    """
    if total == 0:
        return 0.0, 1.0
    share, z2 = right / total, Z_95**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z_95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def confusion_matrix(truth: Sequence[int], guessed: Sequence[int], classes: int) -> NDArray[np.int64]:
    """Counts, shape (classes, classes): row the true class, column the guessed one."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (np.asarray(truth), np.asarray(guessed)), 1)
    return matrix


def share(right: int, total: int) -> dict[str, Any]:
    """A share with its 95 % interval and the counts it comes from."""
    low, high = wilson_interval(right, total)
    value = right / total if total else 0.0
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4), "right": right, "n": total}


def judge(truth: Sequence[int], scores: NDArray[np.float32], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy with its interval, recall and precision of each class, and the confusion matrix, ready for JSON."""
    matrix = confusion_matrix(truth, scores.argmax(axis=1).tolist(), len(labels))
    per_class = {
        label: {
            "recall": share(int(matrix[i, i]), int(matrix[i].sum())),
            "precision": share(int(matrix[i, i]), int(matrix[:, i].sum())),
        }
        for i, label in enumerate(labels)
    }
    accuracy = share(int(matrix.trace()), int(matrix.sum()))
    return {"accuracy": accuracy, "per_class": per_class, "labels": list(labels), "confusion": matrix.tolist()}


def agreement(scores: NDArray[np.float32], reference: NDArray[np.float32]) -> dict[str, Any]:
    """On how many pictures two classifiers name the same class."""
    same = scores.argmax(axis=1) == reference.argmax(axis=1)
    return share(int(same.sum()), len(same))


def paired_difference(both: int, first: int, second: int, neither: int) -> tuple[float, float, float]:
    """(difference, low, high) of two shares counted on the same n pictures, with its 95 % interval.

    `both` were right by both, `first` only by the first, `second` only by the second: the difference is that of the
    first's share minus the second's. Wilson's intervals of the two shares, put together by their correlation, so it is
    narrow where the two agree and never of no width. (0, -1, 1) when nothing was counted.

    The interval takes the pictures for independent draws. Where several show one object it is too narrow.

    Source: Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions based on
    paired data", Statistics in Medicine 17, method 10.
    """
    n = both + first + second + neither
    if n == 0:
        return 0.0, -1.0, 1.0
    ones, twos = both + first, both + second
    one, two = ones / n, twos / n
    (low_one, high_one), (low_two, high_two) = wilson_interval(ones, n), wilson_interval(twos, n)
    phi = _correlation(both, first, second, neither)
    below = _joined(one - low_one, high_two - two, phi)
    above = _joined(high_one - one, two - low_two, phi)
    return one - two, max(-1.0, one - two - below), min(1.0, one - two + above)


def paired_loss(right: NDArray[np.bool_], reference: NDArray[np.bool_]) -> dict[str, Any]:
    """Percentage points of accuracy lost against the reference on the very same pictures, ready for JSON.

    Both arrays say of every picture, in the same order, whether it was judged right.
    """
    both, lost, won = (int(part.sum()) for part in (right & reference, reference & ~right, right & ~reference))
    points, low, high = paired_difference(both, lost, won, len(right) - both - lost - won)
    values = {name: round(100 * value, 4) + 0.0 for name, value in (("points", points), ("low", low), ("high", high))}
    return values | {"n": len(right)}


def calibration_error(truth: Sequence[int], scores: NDArray[np.float32]) -> float:
    """How far confidence and accuracy lie apart on average: 0 where, of the answers given at 80 %, 80 % are right.

    Expected calibration error over 15 bins of equal width.
    Source: Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 3.
    """
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == np.asarray(truth)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = [abs(float((right[bins == each] - confidence[bins == each]).sum())) for each in range(BINS)]
    return round(sum(gaps) / len(right), 4) if len(right) else 0.0


def _correlation(both: int, first: int, second: int, neither: int) -> float:
    """Newcombe's phi: corrected for continuity where it is above 0, and 0 where a margin is empty."""
    n = both + first + second + neither
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    product = float(both * neither - first * second)
    if product > 0:
        product = max(product - n / 2, 0.0)
    return product / math.sqrt(margins) if margins else 0.0


def _joined(one: float, two: float, phi: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * two + two**2))
