"""How sure a network is made to sound: one number that all its logits are divided by, so no answer changes. Pure."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

__all__ = ["MOST", "best_temperature"]

MOST = 4.0
"""At most so many times as modest or as sure as before: a few pictures that are all right would ask for certainty."""


def best_temperature(logits: NDArray[np.float32], classes: NDArray[np.intp]) -> float:
    """The temperature, from 1 / `MOST` to `MOST`, with the lowest cross-entropy on these pictures.

    `logits`: (pictures, classes); `classes`: the number of each one's class. Below 1: the network was too modest.
    Source: Guo et al., On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599.
    """
    wide = logits.astype(np.float64)

    def loss(log: float) -> float:
        scaled = wide / np.exp(log)
        return float((logsumexp(scaled, axis=1) - scaled[np.arange(len(classes)), classes]).mean())

    found = minimize_scalar(loss, bounds=(-np.log(MOST), np.log(MOST)), method="bounded")
    return float(np.exp(found.x))
