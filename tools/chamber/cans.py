"""Cans by chance: drinks cans of aluminium, food cans of steel.

The order in which a function asks `rng` is part of its promise: it decides which can a seed gives.
"""

import math

import numpy as np
from numpy.random import Generator

from chamber.prints import choose_print
from chamber.records import AXIS_M, Item, Material, Part, Profile
from chamber.squash import choose_squash
from chamber.turning import even_profile

__all__ = ["choose_aluminium_can", "choose_steel_can"]

ALUMINIUM_RADIUS_M = (0.026, 0.034)
ALUMINIUM_HEIGHT_M = (0.09, 0.165)
ALUMINIUM_DENT_M = 0.012
ALUMINIUM = (0.8, 0.8, 0.82)

STEEL_RADIUS_M = (0.032, 0.05)
STEEL_HEIGHT_M = (0.055, 0.125)
STEEL_DENT_M = 0.005
STEEL = (0.72, 0.71, 0.68)
RIB_M = 0.0012
RIB_PITCH_M = 0.006
RIB_POINTS = 60
PAPER_SHARE = 0.75
PAPER_GAP_M = 0.0016


def choose_aluminium_can(rng: Generator) -> Item:
    """A drinks can from the slim 0.15 l to the 0.5 l: printed all around, a bare lid."""
    radius, height = rng.uniform(*ALUMINIUM_RADIUS_M), rng.uniform(*ALUMINIUM_HEIGHT_M)
    squash = choose_squash(rng, ALUMINIUM_DENT_M, height)
    printed = Material(metallic=0.85, roughness=rng.uniform(0.2, 0.4), print=choose_print(rng))
    bare = Material(ALUMINIUM, metallic=1.0, roughness=rng.uniform(0.15, 0.35))
    parts = (
        Part("can", _aluminium_body(radius, height), printed, squash),
        Part("lid", _aluminium_lid(radius, height), bare, squash),
    )
    return Item("aluminium-can", parts, radius, height)


def choose_steel_can(rng: Generator) -> Item:
    """A food can with ribs; three in four wear their paper."""
    radius, height = rng.uniform(*STEEL_RADIUS_M), rng.uniform(*STEEL_HEIGHT_M)
    squash = choose_squash(rng, STEEL_DENT_M, height)
    tin = Material(STEEL, metallic=1.0, roughness=rng.uniform(0.22, 0.45))
    parts = [Part("tin", _steel_body(radius, height), tin, squash)]
    if rng.random() < PAPER_SHARE:
        around = radius + PAPER_GAP_M
        paper = Material(roughness=rng.uniform(0.4, 0.8), print=choose_print(rng))
        parts.append(Part("paper", even_profile([(around, height * 0.06), (around, height * 0.94)]), paper, squash))
    return Item("steel-can", tuple(parts), radius, height)


def _aluminium_body(radius: float, height: float) -> Profile:
    return even_profile(
        [
            (AXIS_M, 0.004),
            (radius * 0.78, 0.004),
            (radius * 0.82, 0.0),
            (radius, 0.009),
            (radius, height - 0.014),
            (radius * 0.82, height - 0.003),
            (radius * 0.84, height),
            (radius * 0.8, height - 0.004),
            (AXIS_M, height - 0.005),
        ]
    )


def _aluminium_lid(radius: float, height: float) -> Profile:
    return even_profile([(AXIS_M, height - 0.0045), (radius * 0.79, height - 0.0035), (radius * 0.83, height + 0.0003)])


def _steel_body(radius: float, height: float) -> Profile:
    bottom = ((AXIS_M, 0.003), (radius * 0.94, 0.003), (radius * 1.02, 0.0))
    top = ((radius * 1.02, height), (radius * 0.94, height - 0.004), (AXIS_M, height - 0.004))
    return (*bottom, *_ribs(radius, height), *top)


def _ribs(radius: float, height: float) -> Profile:
    return tuple(
        (radius + _rib(z) if height * 0.25 < z < height * 0.75 else radius, z)
        for z in np.linspace(0.003, height - 0.003, RIB_POINTS).tolist()
    )


def _rib(z: float) -> float:
    return RIB_M * math.sin(z * 2 * math.pi / RIB_PITCH_M)
