"""Which pictures show one object, told by whoever took them: a CSV file in, the pairs that no split may part out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

from appliance.errors import UsageError
from modelworks.csv_lines import Line, csv_lines, read_bytes
from modelworks.dataset import Listing
from modelworks.split import Pairs

__all__ = ["NO_GROUPS", "Groups", "read_groups"]

COLUMNS = ("picture", "group")
REMEDY = "UTF-8 text, first line `picture,group`, then a line a picture: `glass/0001.jpg,bottle-7`"


@dataclass(frozen=True, slots=True)
class Groups:
    """`pairs` of paths that show one object; `digest`: the SHA-256 of the file that said so, "" if none did.

    `count` groups with `pictures` in all are named there.
    """

    pairs: Pairs = ()
    digest: str = ""
    count: int = 0
    pictures: int = 0


NO_GROUPS = Groups()


def read_groups(path: Path, listing: Listing) -> Groups:
    """What a CSV file says of the pictures that were found; pictures that it does not name stand alone.

    It may also name pictures that are left out: a copy binds the picture that is kept in its place, and whatever is
    left out still binds the others of its group.

    Raises:
        UsageError: it cannot be read, is no such table, names a picture that is not there or one twice, or puts
            pictures of two classes in a group; the message names the line.
    """
    doing = f"reading the groups {path}"
    content = read_bytes(path, doing, REMEDY)
    header, *rest = csv_lines(content, doing, REMEDY)
    names = [name.lower() for name in header.fields]
    for column in COLUMNS:
        if names.count(column) != 1:
            found = f"column {column!r} stands there {names.count(column)} times: {', '.join(header.fields)}"
            raise UsageError(f"{doing}, line {header.number}", found, REMEDY)
    places = [names.index(column) for column in COLUMNS]
    known, groups, seen = _known(listing), dict[str, list[str]](), dict[str, int]()
    for line in rest:
        where = f"{doing}, line {line.number}"
        picture, group = _row(line, places, len(names), where, known)
        if picture in seen:
            raise UsageError(where, f"{picture} stands in line {seen[picture]} already", "one line a picture")
        seen[picture] = line.number
        groups.setdefault(group, []).append(picture)
    _check_classes(groups, seen, doing)
    same = ((group[0].path, each.path) for group in listing.copies for each in group[1:] if each.path in seen)
    pairs = tuple(chain(same, (pair for pictures in groups.values() for pair in pairwise(pictures))))
    return Groups(pairs, hashlib.sha256(content).hexdigest(), len(groups), len(seen))


def _known(listing: Listing) -> set[str]:
    """Every picture's path, also of those that are left out."""
    found = chain(listing.pictures, *listing.copies, *listing.contradictions)
    return {picture.path for picture in found} | {path for path, _ in listing.unopened}


def _row(line: Line, places: Sequence[int], width: int, doing: str, known: set[str]) -> tuple[str, str]:
    if len(line.fields) != width:
        raise UsageError(doing, f"{len(line.fields)} fields under {width} columns", REMEDY)
    picture, group = (line.fields[place] for place in places)
    if picture not in known:
        raise UsageError(doing, f"there is no picture {picture[:80]!r}", "its path below DIR: the class, '/', the file")
    if not group:
        raise UsageError(doing, f"{picture} has no group", "leave the line out: what is not named stands alone")
    return picture, group


def _check_classes(groups: Mapping[str, Sequence[str]], lines: Mapping[str, int], doing: str) -> None:
    for group, pictures in groups.items():
        first = pictures[0].partition("/")[0]
        for picture in pictures:
            if picture.partition("/")[0] != first:
                found = f"group {group!r} holds {picture} and {pictures[0]}: an object has one class"
                raise UsageError(f"{doing}, line {lines[picture]}", found, "a group for each class")
