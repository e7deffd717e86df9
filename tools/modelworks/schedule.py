"""The learning rate over a training: a linear warm-up, then half a cosine down to nearly nothing. Pure."""

import math

__all__ = ["learning_rate"]

FLOOR = 0.01
"""The last step's share of the peak."""


def learning_rate(step: int, steps: int, warmup: int, peak: float) -> float:
    """The rate for step `step` of `steps` (from 0), of which the first `warmup` climb to `peak`.

    Source: Loshchilov and Hutter, SGDR, https://arxiv.org/abs/1608.03983 (one period, no restart).
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup - 1)
    return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
