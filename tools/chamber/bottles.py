"""Bottles by chance: of glass, of PET, of HDPE.

The order in which a function asks `rng` is part of its promise: it decides which bottle a seed gives.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from chamber.prints import choose_print
from chamber.records import AXIS_M, Colour, Item, Material, Part, Profile
from chamber.squash import choose_squash
from chamber.turning import even_profile

__all__ = ["choose_glass_bottle", "choose_hdpe_bottle", "choose_pet_bottle"]

GLASS_RADIUS_M = (0.028, 0.042)
GLASS_HEIGHT_M = (0.17, 0.3)
GLASS_WALL_M = (0.0025, 0.004)
GLASS_COLOURS: tuple[Colour, ...] = ((0.04, 0.22, 0.05), (0.32, 0.12, 0.02), (0.85, 0.93, 0.9), (0.12, 0.3, 0.12))
GLASS_LABEL_GAP_M = 0.0006
GLASS_LABEL_SHARE, GLASS_CAP_SHARE = 0.6, 0.3

PET_RADIUS_M = (0.028, 0.045)
PET_HEIGHT_M = (0.17, 0.31)
PET_NECK_M = 0.0125
PET_WALL_M = 0.0006
PET_DENT_M = 0.014
PET_RIB_M = (0.0, 0.0022)
PET_RIB_PITCH_M = (0.012, 0.022)
PET_BODY_POINTS = 70
PET_COLOURS: tuple[Colour, ...] = ((0.93, 0.97, 1.0), (0.75, 0.88, 1.0), (0.6, 0.9, 0.65), (0.95, 0.96, 0.96))
PET_LABEL_GAP_M = 0.0008
PET_LABEL_SHARE, PET_CAP_SHARE = 0.7, 0.7

HDPE_RADIUS_M = (0.035, 0.055)
HDPE_HEIGHT_M = (0.15, 0.27)
HDPE_DENT_M = 0.006
HDPE_OVAL = (0.6, 1.0)
HDPE_COLOURS: tuple[Colour, ...] = (
    (0.9, 0.9, 0.88),
    (0.1, 0.25, 0.6),
    (0.75, 0.1, 0.1),
    (0.9, 0.6, 0.05),
    (0.08, 0.45, 0.2),
    (0.85, 0.85, 0.3),
    (0.3, 0.1, 0.4),
)
HDPE_LABEL_SHARE, HDPE_CAP_SHARE = 0.65, 0.75


def choose_glass_bottle(rng: Generator) -> Item:
    """A beer, wine or lemonade bottle: thick and never dented; six in ten wear a label, three in ten a crown."""
    radius, height = rng.uniform(*GLASS_RADIUS_M), rng.uniform(*GLASS_HEIGHT_M)
    neck, shoulder = radius * rng.uniform(0.36, 0.45), height * rng.uniform(0.5, 0.66)
    glass = Material(_one_of(GLASS_COLOURS, rng), roughness=rng.uniform(0.0, 0.06), transmission=1.0, ior=1.5)
    profile = _glass_body(radius, height, neck, shoulder)
    parts = [Part("glass", profile, glass, wall_m=rng.uniform(*GLASS_WALL_M))]
    if rng.random() < GLASS_LABEL_SHARE:
        band = _band(rng, radius + GLASS_LABEL_GAP_M, height, (0.1, 0.2), (0.36, 0.48))
        parts.append(Part("label", band, Material(roughness=0.6, print=choose_print(rng))))
    if rng.random() < GLASS_CAP_SHARE:
        crown = ((AXIS_M, height + 0.004), (neck * 1.35, height + 0.003), (neck * 1.4, height - 0.008))
        parts.append(Part("cap", crown, Material(_any_colour(rng), metallic=0.8, roughness=0.3)))
    return Item("glass-bottle", tuple(parts), radius, height)


def choose_pet_bottle(rng: Generator) -> Item:
    """A thin, clear or tinted drinks bottle with a waist, often ribbed, often crushed."""
    radius, height = rng.uniform(*PET_RADIUS_M), rng.uniform(*PET_HEIGHT_M)
    squash = choose_squash(rng, PET_DENT_M, height)
    rib, pitch, shoulder = rng.uniform(*PET_RIB_M), rng.uniform(*PET_RIB_PITCH_M), height * rng.uniform(0.6, 0.7)
    colour = _one_of(PET_COLOURS, rng)
    clear = Material(colour, roughness=rng.uniform(0.02, 0.12), transmission=1.0, ior=rng.uniform(1.2, 1.35))
    parts = [Part("pet", _pet_body(radius, height, shoulder, rib, pitch), clear, squash, PET_WALL_M)]
    if rng.random() < PET_LABEL_SHARE:
        band = _band(rng, radius * 1.01 + PET_LABEL_GAP_M, height, (0.28, 0.36), (0.46, 0.58))
        parts.append(Part("label", band, Material(roughness=0.3, print=choose_print(rng)), squash))
    if rng.random() < PET_CAP_SHARE:
        cap = ((AXIS_M, height + 0.003), (PET_NECK_M * 1.15, height + 0.003), (PET_NECK_M * 1.2, height - 0.012))
        parts.append(Part("cap", cap, Material(_any_colour(rng, brightest=0.9), roughness=0.35)))
    return Item("pet-bottle", tuple(parts), radius, height)


def choose_hdpe_bottle(rng: Generator) -> Item:
    """An opaque bottle for milk, shampoo or cleaner, more or less oval."""
    radius, height = rng.uniform(*HDPE_RADIUS_M), rng.uniform(*HDPE_HEIGHT_M)
    neck = radius * rng.uniform(0.3, 0.45)
    squash = replace(choose_squash(rng, HDPE_DENT_M, height), oval=rng.uniform(*HDPE_OVAL))
    profile = _hdpe_body(radius, height, neck, waist=radius * rng.uniform(0.9, 1.02))
    opaque = Material(_one_of(HDPE_COLOURS, rng), roughness=rng.uniform(0.3, 0.55))
    parts = [Part("hdpe", profile, opaque, squash)]
    if rng.random() < HDPE_LABEL_SHARE:
        band = _band(rng, radius * 1.025, height, (0.15, 0.2), (0.5, 0.6))
        parts.append(Part("label", band, Material(roughness=0.45, print=choose_print(rng)), squash))
    if rng.random() < HDPE_CAP_SHARE:
        cap = ((AXIS_M, height + 0.012), (neck * 1.1, height + 0.011), (neck * 1.2, height - 0.014))
        parts.append(Part("cap", cap, Material(_any_colour(rng), roughness=0.4), squash))
    return Item("hdpe-bottle", tuple(parts), radius, height)


def _glass_body(radius: float, height: float, neck: float, shoulder: float) -> Profile:
    return even_profile(
        [
            (AXIS_M, 0.002),
            (radius * 0.9, 0.0),
            (radius, 0.006),
            (radius, shoulder),
            (radius * 0.86, shoulder + height * 0.08),
            (neck * 1.05, shoulder + height * 0.2),
            (neck, height * 0.93),
            (neck * 1.2, height * 0.935),
            (neck * 1.2, height),
        ]
    )


def _pet_body(radius: float, height: float, shoulder: float, rib: float, pitch: float) -> Profile:
    foot = ((AXIS_M, 0.005), (radius * 0.5, 0.004), (radius * 0.8, 0.0), (radius * 0.97, 0.006))
    body = tuple(
        (radius * _waist(z / height) + rib * math.sin(z * 2 * math.pi / pitch), z)
        for z in np.linspace(0.008, shoulder, PET_BODY_POINTS).tolist()
    )
    neck = even_profile(
        [
            (radius, shoulder),
            (radius * 0.8, shoulder + height * 0.1),
            (PET_NECK_M * 1.1, height * 0.92),
            (PET_NECK_M, height * 0.93),
            (PET_NECK_M * 1.3, height * 0.935),
            (PET_NECK_M, height * 0.945),
            (PET_NECK_M, height),
        ]
    )
    return (*foot, *body, *neck)


def _hdpe_body(radius: float, height: float, neck: float, waist: float) -> Profile:
    return even_profile(
        [
            (AXIS_M, 0.003),
            (radius * 0.9, 0.0),
            (radius, 0.01),
            (waist, height * 0.5),
            (radius * 0.97, height * 0.66),
            (radius * 0.7, height * 0.8),
            (neck, height * 0.86),
            (neck, height),
        ]
    )


def _waist(share_of_height: float) -> float:
    return 1 - 0.06 * math.exp(-(((share_of_height - 0.33) / 0.06) ** 2))


def _band(
    rng: Generator, radius: float, height: float, bottom: tuple[float, float], top: tuple[float, float]
) -> Profile:
    return even_profile([(radius, height * rng.uniform(*bottom)), (radius, height * rng.uniform(*top))])


def _one_of(colours: tuple[Colour, ...], rng: Generator) -> Colour:
    return colours[rng.integers(0, len(colours))]


def _any_colour(rng: Generator, brightest: float = 1.0) -> Colour:
    red, green, blue = (rng.random(3) * brightest).tolist()
    return red, green, blue
