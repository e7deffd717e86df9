"""The classes, each with the function that makes up one of its kind. A new class is one entry here."""

from collections.abc import Callable, Mapping

from numpy.random import Generator

from chamber.bottles import choose_glass_bottle, choose_hdpe_bottle, choose_pet_bottle
from chamber.cans import choose_aluminium_can, choose_steel_can
from chamber.records import Item

__all__ = ["CLASSES", "choose_item"]

CLASSES: Mapping[str, Callable[[Generator], Item]] = {
    "aluminium-can": choose_aluminium_can,
    "glass-bottle": choose_glass_bottle,
    "hdpe-bottle": choose_hdpe_bottle,
    "pet-bottle": choose_pet_bottle,
    "steel-can": choose_steel_can,
}
"""A class's place in this order is part of its pictures' seeds: add new ones at the end."""


def choose_item(label: str, rng: Generator) -> Item:
    """One item of the class `label`, of another size, design and state each time."""
    return CLASSES[label](rng)
