"""The learning rate over a training: a linear warm-up, then cosines down, each cycle lower than the last. Pure."""

import math

__all__ = ["learning_rate"]

FLOOR = 0.01
"""A cycle's last step, as a share of its first."""
DECAY = 0.5
"""A cycle's peak, as a share of the peak before it."""


def learning_rate(step: int, steps: int, warmup: int, peak: float, cycles: int = 1) -> float:
    """The rate for step `step` of `steps` (from 0), of which the first `warmup` climb to `peak`.

    The other steps are shared among the cycles; each begins at its peak and ends at nearly nothing.
    Source: Loshchilov and Hutter, SGDR, https://arxiv.org/abs/1608.03983 (restarts of equal length).
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    left = max(1, steps - warmup)
    place = min(step - warmup, left - 1) * cycles / left
    cycle = int(place)
    length = left / cycles
    done = min(1.0, (place - cycle) * length / max(1.0, length - 1))
    return peak * DECAY**cycle * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))
