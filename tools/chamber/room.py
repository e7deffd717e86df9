"""The chamber by chance: the small differences from machine to machine, from day to day."""

from numpy.random import Generator

from chamber.records import Colour, Room, Strip

__all__ = ["CAMERA_BACK_M", "CAMERA_HEIGHT_M", "STRIP_ASIDE_M", "choose_room"]

CAMERA_HEIGHT_M = 0.62
CAMERA_BACK_M = 0.1
"""The camera hangs this far behind the middle of the belt and looks at it."""
CAMERA_PLAY_M = 0.002
CAMERA_PLAY = 0.006
"""Standard deviations of a mount: metres, then radians."""
STRIP_ASIDE_M = (-0.17, 0.17)
STRIP_PLAY_M = 0.03
STRIP_POWER_W = (3.2, 5.2)
STRIP_TINT = 0.06
"""Warmer to cooler white."""
BELT_GRAIN = (40.0, 90.0)
"""Scale of Blender's noise texture across the belt."""
BELT_GREY = (0.04, 0.07)
"""The dark of the belt's two greys; the other is twice as bright."""


def choose_room(rng: Generator) -> Room:
    """One chamber on one day."""
    # Nothing uses this draw. Without it every seed would give other pictures than those that models were trained on.
    rng.uniform()
    return Room(
        grain=rng.uniform(*BELT_GRAIN),
        grey=rng.uniform(*BELT_GREY),
        strips=tuple(_choose_strip(rng, y_m) for y_m in STRIP_ASIDE_M),
        camera_x_m=rng.normal(0, CAMERA_PLAY_M),
        camera_y_m=rng.normal(0, CAMERA_PLAY_M) - CAMERA_BACK_M,
        camera_roll=rng.normal(0, CAMERA_PLAY),
    )


def _choose_strip(rng: Generator, y_m: float) -> Strip:
    x_m, power_w = rng.uniform(-STRIP_PLAY_M, STRIP_PLAY_M), rng.uniform(*STRIP_POWER_W)
    return Strip(x_m, y_m, power_w, _white(rng.uniform(-STRIP_TINT, STRIP_TINT)))


def _white(tint: float) -> Colour:
    return 1.0, 1 - abs(tint) / 2, 1 - max(tint, 0.0)
