"""Counting how good a classifier is. Pure: labels and scores in, figures out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["agreement", "confusion_matrix", "judge", "wilson_interval"]

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


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
