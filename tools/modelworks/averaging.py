"""A running mean of a network's weights over the steps of a training: steadier than the last step's."""

from typing import Any

import numpy as np

__all__ = ["RunningMean"]


class RunningMean:
    """`mean` is a network of the same shape whose weights follow those of the one that learns.

    The momentum grows from 0.1 to its value, so that the first steps are forgotten.
    Source: Izmailov et al., https://arxiv.org/abs/1803.05407; the growing momentum as in TensorFlow's
    ExponentialMovingAverage with `num_updates`.
    """

    def __init__(self, mean: Any, momentum: float, steps: int = 0) -> None:
        self.mean = mean
        self._momentum = momentum
        self._steps = steps
        self._values = [np.array(values) for values in mean.get_weights()]

    def follow(self, network: Any) -> None:
        """Take in the network's weights after a step."""
        momentum = min(self._momentum, (1 + self._steps) / (10 + self._steps))
        self._steps += 1
        for value, variable in zip(self._values, network.weights, strict=True):
            value += (1 - momentum) * (variable.numpy() - value)

    def settle(self) -> None:
        """Let `mean` have the mean of all that was taken in."""
        self.mean.set_weights(self._values)
