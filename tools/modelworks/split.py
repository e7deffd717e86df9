"""Which pictures train, which choose, which test. Pure: file names and a seed in, three lists out.

Photographs of one object often bear neighbouring numbers. If one of them trains and the other tests, the accuracy is
flattered; so whole blocks of numbers go to one split (plan "blocks"). Where every picture shows another object, each
is a group of its own (plan "pictures").
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from appliance.errors import UsageError
from modelworks.dataset import Picture

__all__ = ["Split", "SplitPlan", "group_of", "split_pictures"]

_NUMBER = re.compile(r"(\d+)(?!.*\d)")


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """`by` "blocks": `block` consecutive numbers of one class stay together. `by` "pictures": each on its own.

    `validation` and `test` are the shares of each class's pictures, as near as whole groups allow.
    """

    by: Literal["blocks", "pictures"] = "blocks"
    block: int = 20
    validation: float = 0.1
    test: float = 0.2
    seed: int = 1

    def __post_init__(self) -> None:
        if self.by not in ("blocks", "pictures"):
            raise ValueError(f"a split is by 'blocks' or by 'pictures', not by {self.by!r}")
        if self.block < 1:
            raise ValueError(f"a block holds at least one number, not {self.block}")
        if not (0 < self.validation < 1 and 0 < self.test < 1 and self.validation + self.test < 1):
            raise ValueError(f"the shares leave nothing to train on: {self.validation} + {self.test}")


@dataclass(frozen=True, slots=True)
class Split:
    """The pictures of each part, in the order of their paths. Every picture is in exactly one."""

    train: tuple[Picture, ...]
    validation: tuple[Picture, ...]
    test: tuple[Picture, ...]

    def parts(self) -> dict[str, tuple[Picture, ...]]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def group_of(picture: Picture, plan: SplitPlan) -> str:
    """The name of the group that must not be torn apart.

    Raises:
        UsageError: the plan wants blocks and the file name has no number.
    """
    if plan.by == "pictures":
        return picture.path
    number = _NUMBER.search(picture.path.rpartition("/")[2])
    if number is None:
        found = f"{picture.path} has no number in its name"
        raise UsageError(
            "splitting by blocks of numbers", found, "--split pictures, if every picture shows another object"
        )
    return f"{picture.label}/{int(number[1]) // plan.block}"


def split_pictures(pictures: Sequence[Picture], plan: SplitPlan) -> Split:
    """Assign every picture to one part, class by class; equal for equal pictures and plan.

    Raises:
        UsageError: a class has too few groups for three parts, or a name has no number.
    """
    parts: dict[str, list[Picture]] = {"train": [], "validation": [], "test": []}
    by_class: dict[str, dict[str, list[Picture]]] = {}
    for picture in sorted(pictures, key=lambda each: each.path):
        by_class.setdefault(picture.label, {}).setdefault(group_of(picture, plan), []).append(picture)
    for label, groups in sorted(by_class.items()):
        for part, names in _deal(label, groups, plan).items():
            parts[part] += [picture for name in names for picture in groups[name]]
    ordered = {part: tuple(sorted(chosen, key=lambda each: each.path)) for part, chosen in parts.items()}
    return Split(**ordered)


def _deal(label: str, groups: Mapping[str, Sequence[Picture]], plan: SplitPlan) -> dict[str, list[str]]:
    """The names of one class's groups for each part: test filled first, then validation, the rest trains."""
    if len(groups) < 3:
        raise UsageError(
            "splitting the pictures",
            f"class {label!r} has {len(groups)} group(s), and three parts need three",
            "more pictures, a smaller --block, or --split pictures if every picture shows another object",
        )
    names = sorted(groups)
    random.Random(f"{plan.seed} {label}").shuffle(names)
    total = sum(len(group) for group in groups.values())
    test = _fill(names, groups, plan.test * total, keep=2)
    validation = _fill(names, groups, plan.validation * total, keep=1)
    return {"train": names, "validation": validation, "test": test}


def _fill(names: list[str], groups: Mapping[str, Sequence[Picture]], wanted: float, keep: int) -> list[str]:
    """Take groups off the end of `names` until about `wanted` pictures are taken; leave `keep` groups at least."""
    taken = [names.pop()]
    count = len(groups[taken[0]])
    while len(names) > keep and count + len(groups[names[-1]]) / 2 <= wanted:
        taken.append(names.pop())
        count += len(groups[taken[-1]])
    return taken
