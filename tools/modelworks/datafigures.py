"""What was counted in a folder of pictures: by class, by part, by size; and all of it for a script. Pure."""

from collections import Counter
from collections.abc import Iterable
from statistics import median
from typing import Any

from modelworks.datacheck import DataCheck, NearPair
from modelworks.dataset import Picture, labels_of

__all__ = ["PARTS", "as_dict", "counts", "odd_sizes", "paths_of", "size_range"]

PARTS = ("train", "validation", "test")
ODD_SHAPE = 1.5
ODD_AREA = 4.0
"""A picture this many times wider, higher, larger or smaller than the median was hardly taken by the same camera."""


def counts(check: DataCheck) -> dict[str, dict[str, int]]:
    """By label: the readable pictures, and how many of them are in each part."""
    return {
        label: {"pictures": len(own)} | {part: _in_part(check, own, part) for part in PARTS}
        for label in labels_of(check.listing.pictures)
        for own in [[picture for picture in check.readable if picture.label == label]]
    }


def size_range(check: DataCheck) -> dict[str, tuple[int, int]]:
    """The smallest, middle and largest picture, by area."""
    ordered = sorted(check.sizes.values(), key=lambda size: (size[0] * size[1], size))
    if not ordered:
        return {}
    return {"min": ordered[0], "median": ordered[(len(ordered) - 1) // 2], "max": ordered[-1]}


def odd_sizes(check: DataCheck) -> list[str]:
    """The paths of the pictures whose shape or area is far from the median."""
    if not check.sizes:
        return []
    shape = median(width / height for width, height in check.sizes.values())
    area = median(width * height for width, height in check.sizes.values())
    return [
        path
        for path, (width, height) in check.sizes.items()
        if _times(width / height, shape) >= ODD_SHAPE or _times(width * height, area) >= ODD_AREA
    ]


def paths_of(group: Iterable[Picture]) -> list[str]:
    return [picture.path for picture in group]


def as_dict(check: DataCheck) -> dict[str, Any]:
    """All that was seen, ready for JSON; no list is cut short."""
    return {
        "folder": check.folder.absolute().name,
        "pictures": len(check.readable),
        "classes": counts(check),
        "sizes": size_range(check) | {"odd": odd_sizes(check)},
        "unreadable": [*check.unreadable, *(path for path, _ in check.listing.unopened)],
        "two_labels": [paths_of(group) for group in check.listing.contradictions],
        "copies": [paths_of(group) for group in check.listing.copies],
        "split": {"name": check.parts.name, "error": str(check.parts.error or ""), "gone": list(check.parts.gone)},
        "near_duplicates": [_pair_dict(pair) for pair in check.pairs],
        "near_duplicates_complete": check.every_pair,
        "with_near_duplicate_in_train": {part: sorted(check.leaked(part)) for part in PARTS[1:]},
    }


def _times(one: float, other: float) -> float:
    return max(one / other, other / one)


def _in_part(check: DataCheck, pictures: Iterable[Picture], part: str) -> int:
    return Counter(check.parts.of.get(picture.sha256) for picture in pictures)[part]


def _pair_dict(pair: NearPair) -> dict[str, Any]:
    return {
        "pictures": [pair.first.path, pair.second.path],
        "parts": list(pair.parts),
        "distance": pair.distance,
        "across_parts": pair.crosses,
        "across_labels": pair.disagrees,
    }
