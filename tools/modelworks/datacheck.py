"""Looking at every picture of a folder: can it be read, how large is it, what is like it, in which part is it."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import UsageError
from appliance.records import Pixels
from modelworks.dataset import Listing, Picture, decode, unreadable
from modelworks.duplicates import PROPOSED, close_pairs, confirmed, hashes_of, thumbnail
from modelworks.progress import Report
from modelworks.split import Pairs, Split, SplitPlan, split_pictures

__all__ = ["DataCheck", "NearPair", "OpenReport", "Parts", "check_data", "near_duplicates"]

OpenReport = Callable[[str, float], AbstractContextManager[Report]]
"""(title, units of work) -> a report, open while the work goes on."""


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two pictures that show the same, `distance` bits apart. `parts` are theirs, "" for one that is in none."""

    first: Picture
    second: Picture
    distance: int
    parts: tuple[str, str] = ("", "")

    @property
    def crosses(self) -> bool:
        """Are they in two parts, so that one teaches what the other should test?"""
        return "" not in self.parts and self.parts[0] != self.parts[1]

    @property
    def leaks(self) -> bool:
        """Does it cross under one label? A pair under two labels is no leak but a doubt about a label."""
        return self.crosses and not self.disagrees

    @property
    def disagrees(self) -> bool:
        return self.first.label != self.second.label


@dataclass(frozen=True, slots=True)
class Parts:
    """A split of the pictures in a folder. `of`: SHA-256 of a picture -> its part, so that renaming changes nothing.

    `error` says why the pictures cannot be split as asked; then `of` is empty. `gone`: pictures of a run's split that
    are no longer in the folder.
    """

    name: str
    of: Mapping[str, str]
    error: UsageError | None = None
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was seen. `sizes` are (width, height) of the readable pictures, by path."""

    folder: Path
    listing: Listing
    unreadable: tuple[str, ...]
    sizes: Mapping[str, tuple[int, int]]
    parts: Parts
    pairs: tuple[NearPair, ...]
    every_pair: bool

    @property
    def readable(self) -> tuple[Picture, ...]:
        return tuple(picture for picture in self.listing.pictures if picture.path in self.sizes)

    @property
    def crossing(self) -> tuple[NearPair, ...]:
        return tuple(pair for pair in self.pairs if pair.leaks)

    def leaked(self, part: str) -> set[str]:
        """The pictures of `part` that have a near duplicate among those that train."""
        both_ways = [((pair.first, pair.second), pair.parts) for pair in self.crossing]
        both_ways += [(pictures[::-1], parts[::-1]) for pictures, parts in both_ways]
        return {pictures[0].path for pictures, parts in both_ways if parts == (part, "train")}


def check_data(
    folder: Path,
    listing: Listing,
    split: Split | SplitPlan,
    open_report: OpenReport,
    distance: int = PROPOSED,
    groups: Pairs = (),
) -> DataCheck:
    """Look at all pictures in `folder`, split as a run has them or as a plan would; `groups`: pairs of one object."""
    seen = _look_at_all(folder, listing.pictures, open_report)
    readable = [picture for picture in listing.pictures if picture.path in seen]
    pairs, complete = _near_pairs(readable, [seen[picture.path][1] for picture in readable], distance, open_report)
    bound = [*((pair.first.path, pair.second.path) for pair in pairs), *groups]
    parts = _parts_of_run(split, listing) if isinstance(split, Split) else _parts_of_plan(split, readable, bound)
    return DataCheck(
        folder=folder,
        listing=listing,
        unreadable=tuple(picture.path for picture in listing.pictures if picture.path not in seen),
        sizes={path: size for path, (size, _) in seen.items()},
        parts=parts,
        pairs=tuple(_placed(pair, parts) for pair in pairs),
        every_pair=complete,
    )


def near_duplicates(folder: Path, pictures: Sequence[Picture], open_report: OpenReport) -> Pairs:
    """The paths of every two pictures that show the same: what a split must not part.

    Raises:
        UsageError: a picture cannot be read, or so many are alike that not all pairs can be looked at.
    """
    seen = _look_at_all(folder, pictures, open_report)
    if len(seen) < len(pictures):
        raise unreadable(folder, [picture.path for picture in pictures if picture.path not in seen])
    pairs, complete = _near_pairs(pictures, [seen[each.path][1] for each in pictures], PROPOSED, open_report)
    if not complete:
        found = f"more than {len(pairs)} pairs of near duplicates"
        raise UsageError(f"splitting the pictures in {folder}", found, "modelworks data check; thin out what is a film")
    return tuple((pair.first.path, pair.second.path) for pair in pairs)


def _look_at_all(
    folder: Path, pictures: Sequence[Picture], open_report: OpenReport
) -> dict[str, tuple[tuple[int, int], Pixels]]:
    """((width, height), thumbnail) of every readable picture, by path. OpenCV decodes on all cores at once."""
    seen = {}
    with open_report("reading pictures", len(pictures)) as report, ThreadPoolExecutor(os.cpu_count()) as pool:
        for picture, look in zip(pictures, pool.map(lambda one: _look(folder, one), pictures), strict=True):
            if look is not None:
                seen[picture.path] = look
            report.advance(1)
    return seen


def _look(folder: Path, picture: Picture) -> tuple[tuple[int, int], Pixels] | None:
    try:
        pixels = decode(folder, picture)
    except UsageError:
        return None
    return (pixels.shape[1], pixels.shape[0]), thumbnail(pixels)


def _near_pairs(
    pictures: Sequence[Picture], thumbs: Sequence[Pixels], distance: int, open_report: OpenReport
) -> tuple[list[NearPair], bool]:
    proposals = close_pairs(hashes_of(thumbs), distance)
    if not len(proposals.pairs):
        return [], True
    with open_report("comparing pairs", len(proposals.pairs)) as report:
        found = confirmed(proposals, thumbs, report.advance)
    return [NearPair(pictures[first], pictures[second], bits) for first, second, bits in found], proposals.complete


def _placed(pair: NearPair, parts: Parts) -> NearPair:
    first, second = (parts.of.get(picture.sha256, "") for picture in (pair.first, pair.second))
    return NearPair(pair.first, pair.second, pair.distance, (first, second))


def _parts_of_run(split: Split, listing: Listing) -> Parts:
    here = {picture.sha256 for picture in listing.pictures}
    there = [picture for chosen in split.parts().values() for picture in chosen]
    return Parts("the run's split", _by_hash(split), gone=tuple(one.path for one in there if one.sha256 not in here))


def _parts_of_plan(plan: SplitPlan, pictures: Sequence[Picture], bound: Pairs) -> Parts:
    name = f"blocks of {plan.block} numbers" if plan.by == "blocks" else "each picture on its own"
    name += ", groups kept together" if plan.groups else ""
    try:
        return Parts(name, _by_hash(split_pictures(pictures, plan, bound)))
    except UsageError as error:
        return Parts(name, {}, error)


def _by_hash(split: Split) -> dict[str, str]:
    return {picture.sha256: part for part, chosen in split.parts().items() for picture in chosen}
