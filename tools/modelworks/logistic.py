"""Logistic regression: the best linear head for features that do not change."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

__all__ = ["logistic_regression"]

STEPS = 500


def logistic_regression(
    features: NDArray[np.float32], targets: NDArray[np.float32], decay: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The kernel (features, classes) and the bias (classes,) with the lowest cross-entropy plus decay / 2 times the
    kernel's squares.

    `features`: (pictures, features), of about unit variance; `targets`: (pictures, classes), rows that add up to 1. The
    problem is convex, so the answer depends on neither a seed nor a learning rate.
    """
    count, width, classes = *features.shape, targets.shape[1]
    wide = features.astype(np.float32)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        kernel, bias = flat[:-classes].reshape(width, classes), flat[-classes:]
        logits = (wide @ kernel.astype(np.float32)).astype(np.float64) + bias
        logs = logits - logsumexp(logits, axis=1, keepdims=True)
        error = (np.exp(logs) - targets) / count
        slope = (wide.T @ error.astype(np.float32)).astype(np.float64) + decay * kernel
        value = -float((targets * logs).sum()) / count + decay / 2 * float((kernel**2).sum())
        return value, np.concatenate([slope.ravel(), error.sum(axis=0)])

    start = np.zeros((width + 1) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    return found[:-classes].reshape(width, classes).astype(np.float32), found[-classes:].astype(np.float32)
