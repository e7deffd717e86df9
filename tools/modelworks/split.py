"""Which pictures train, which choose, which test. Pure: file names and a seed in, three lists out.

Photographs of one object often bear neighbouring numbers. If one of them trains and the other tests, the accuracy is
flattered; so whole blocks of numbers go to one split (plan "blocks"). Where every picture shows another object, each
is a group of its own (plan "pictures"). Near duplicates bind their groups together, wherever their numbers stand, and
so does what the photographer knows to be one object (`grouping`).
"""

import random
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from appliance.errors import UsageError
from modelworks.dataset import Picture

__all__ = ["Pairs", "Split", "SplitPlan", "fold_splits", "group_of", "split_pictures"]

LARGEST = 1.5
"""A group that chooses or tests has at most so many times the pictures that are wanted, or usual in a group."""
Pairs = Collection[tuple[str, str]]

_NUMBER = re.compile(r"(\d+)(?!.*\d)")


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """`by` "blocks": `block` consecutive numbers of one class stay together. `by` "pictures": each on its own.

    `validation` and `test` are the shares of each class's pictures, as near as whole groups allow. With `folds` the
    test pictures are those of the fold `fold`, from 1 to `folds`, as in a cross-validation. `groups`: the SHA-256 of
    the file that told which pictures show one object, "" if none did.
    """

    by: Literal["blocks", "pictures"] = "blocks"
    block: int = 20
    validation: float = 0.1
    test: float = 0.2
    seed: int = 1
    fold: int = 0
    folds: int = 0
    groups: str = ""

    def __post_init__(self) -> None:
        if (self.fold or self.folds) and not (self.folds >= 2 and 1 <= self.fold <= self.folds):
            raise ValueError(f"a fold is one of 1 to 2 or more, not {self.fold} of {self.folds}")
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

    def learned(self, *, refit: bool) -> tuple[Picture, ...]:
        """What a training learns from: a refit, which has nothing left to choose, from the validation pictures too."""
        if not refit:
            return self.train
        return tuple(sorted((*self.train, *self.validation), key=lambda each: each.path))


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


def split_pictures(pictures: Sequence[Picture], plan: SplitPlan, together: Pairs = ()) -> Split:
    """Assign every picture to one part, class by class; equal for equal arguments.

    `together`: pairs of paths whose groups must not be parted (pairs under two labels are left to themselves).

    Raises:
        UsageError: a class has too few groups for three parts, or a name has no number.
    """
    if plan.folds:
        return fold_splits(pictures, plan, plan.folds, together)[plan.fold - 1]
    parts: dict[str, list[Picture]] = {"train": [], "validation": [], "test": []}
    for label, groups in sorted(_grouped(pictures, plan, together).items()):
        for part, names in _deal(label, groups, plan).items():
            parts[part] += [picture for name in names for picture in groups[name]]
    ordered = {part: tuple(sorted(chosen, key=lambda each: each.path)) for part, chosen in parts.items()}
    return Split(**ordered)


def fold_splits(pictures: Sequence[Picture], plan: SplitPlan, count: int, together: Pairs = ()) -> tuple[Split, ...]:
    """`count` splits in which every picture tests exactly once; groups stay together, validation is as in the plan.

    Raises:
        UsageError: a class has too few groups, or a name has no number.
    """
    dealt = _dealt(pictures, plan, count, together)
    folds = []
    for number in range(count):
        rest = [picture for fold, there in enumerate(dealt) if fold != number for picture in there]
        share = min(0.9, plan.validation * len(pictures) / max(1, len(rest)))
        chosen = set(_drawn(rest, plan, share, together))
        train = [picture for picture in rest if picture not in chosen]
        folds.append(
            Split(*(tuple(sorted(part, key=lambda each: each.path)) for part in (train, chosen, dealt[number])))
        )
    return tuple(folds)


def _drawn(pictures: Sequence[Picture], plan: SplitPlan, share: float, together: Pairs) -> Iterator[Picture]:
    """About `share` of each class's pictures, one group at least and one group left.

    Raises:
        UsageError: a class has one group only.
    """
    for label, groups in sorted(_grouped(pictures, plan, together).items()):
        if len(groups) < 2:
            found = f"class {label!r} has one group besides those that a fold tests on"
            raise UsageError("splitting into folds", found, "more pictures, or a smaller --block")
        wanted = share * sum(len(group) for group in groups.values())
        for name in _fill(_shuffled(label, groups, plan), groups, wanted, keep=1):
            yield from groups[name]


def _shuffled(label: str, groups: Mapping[str, Sequence[Picture]], plan: SplitPlan) -> list[str]:
    """The names of one class's groups, in an order that the seed alone decides."""
    names = sorted(groups)
    random.Random(f"{plan.seed} {label}").shuffle(names)
    return names


def _dealt(pictures: Sequence[Picture], plan: SplitPlan, count: int, together: Pairs) -> list[list[Picture]]:
    """The pictures in `count` parts of about equally many of every class, groups untorn."""
    parts: list[list[Picture]] = [[] for _ in range(count)]
    for label, groups in sorted(_grouped(pictures, plan, together).items()):
        if len(groups) < count + 2:
            found = f"class {label!r} has {len(groups)} group(s), and {count} folds need {count + 2}"
            raise UsageError(
                "splitting into folds", found, "fewer --folds, more pictures, or smaller groups (--block, --groups)"
            )
        names = _shuffled(label, groups, plan)
        names.sort(key=lambda name: -len(groups[name]))  # the largest first, so that the last ones level the folds
        filled = [0] * count
        for name in names:
            least = filled.index(min(filled))
            parts[least] += groups[name]
            filled[least] += len(groups[name])
    return parts


def _grouped(pictures: Sequence[Picture], plan: SplitPlan, together: Pairs) -> dict[str, dict[str, list[Picture]]]:
    """Class -> group -> pictures, in the order of their paths."""
    group = {picture.path: group_of(picture, plan) for picture in pictures}
    alike = [pair for pair in together if _class_of(pair[0]) == _class_of(pair[1])]
    # A picture that is not among them binds those that are bound to it all the same.
    bound = _bound((group.get(one, one), group.get(other, other)) for one, other in alike)
    by_class: dict[str, dict[str, list[Picture]]] = {}
    for picture in sorted(pictures, key=lambda each: each.path):
        name = group[picture.path]
        by_class.setdefault(picture.label, {}).setdefault(bound.get(name, name), []).append(picture)
    return by_class


def _class_of(path: str) -> str:
    return path.partition("/")[0]


def _bound(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Group -> the first name, alphabetically, of all that are bound to it through any number of pairs."""
    parent: dict[str, str] = {}

    def first(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]  # halves the way for the next one who asks
            name = parent[name]
        return name

    for one, other in pairs:
        low, high = sorted((first(one), first(other)))
        parent[high] = low
    return {name: first(name) for name in tuple(parent)}


def _deal(label: str, groups: Mapping[str, Sequence[Picture]], plan: SplitPlan) -> dict[str, list[str]]:
    """The names of one class's groups for each part: test filled first, then validation, the rest trains."""
    if len(groups) < 3:
        raise UsageError(
            "splitting the pictures",
            f"class {label!r} has {len(groups)} group(s), and three parts need three",
            "more pictures, smaller groups (--groups, --block), or --split pictures if each shows another object",
        )
    names = _shuffled(label, groups, plan)
    total = sum(len(group) for group in groups.values())
    test = _fill(names, groups, plan.test * total, keep=2)
    validation = _fill(names, groups, plan.validation * total, keep=1)
    return {"train": names, "validation": validation, "test": test}


def _fill(names: list[str], groups: Mapping[str, Sequence[Picture]], wanted: float, keep: int) -> list[str]:
    """Take groups off the end of `names` until about `wanted` pictures are taken; leave `keep` groups at least.

    Groups that are larger than the part should be, as near duplicates can make them, are passed over: they train.
    """
    usual = median(len(group) for group in groups.values())
    fitting = [name for name in reversed(names) if len(groups[name]) <= LARGEST * max(wanted, usual)]
    taken = [fitting[0] if fitting else min(reversed(names), key=lambda name: len(groups[name]))]
    count = len(groups[taken[0]])
    for name in fitting[1:]:
        if len(names) - len(taken) <= keep or count + len(groups[name]) / 2 > wanted:
            break
        taken.append(name)
        count += len(groups[name])
    for name in taken:
        names.remove(name)
    return taken
