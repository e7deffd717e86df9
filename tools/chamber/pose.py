"""Where an item comes to rest, by chance."""

import math

from numpy.random import Generator

from chamber.records import Item, Pose

__all__ = ["choose_pose"]

LYING_SHARE = 0.85
TALLEST_STANDING_M = 0.2
"""What is taller falls over."""
REST_X_M = 0.05
REST_Y_M = 0.045
"""Both ways from the middle of the belt."""


def choose_pose(rng: Generator, item: Item) -> Pose:
    """Most items lie; those too tall to stand always do."""
    lying = bool(rng.random() < LYING_SHARE)
    return Pose(
        lying=lying or item.height_m > TALLEST_STANDING_M,
        yaw=rng.uniform(0, 2 * math.pi),
        roll=rng.uniform(0, 2 * math.pi),
        x_m=rng.uniform(-REST_X_M, REST_X_M),
        y_m=rng.uniform(-REST_Y_M, REST_Y_M),
    )
