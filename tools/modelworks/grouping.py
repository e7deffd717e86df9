"""Which pictures show one object, told by whoever took them: a CSV file in, the pairs that no split may part out."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath

from appliance.errors import UsageError
from modelworks.csv_lines import Line, read_csv
from modelworks.split import Pairs

__all__ = ["read_groups"]

COLUMNS = ("picture", "group")
REMEDY = "UTF-8 text, first line `picture,group`, then a line a picture: `glass/0001.jpg,bottle-7`"


def read_groups(path: Path, folder: Path) -> Pairs:
    """The pairs of pictures below `folder` that a CSV file puts in one group; what it does not name stands alone.

    Raises:
        UsageError: it cannot be read, is no such table, names a picture that is not there or one twice, or puts
            pictures of two classes in a group; the message names the line.
    """
    doing = f"reading the groups {path}"
    header, *rest = read_csv(path, doing, REMEDY)
    names = [name.lower() for name in header.fields]
    for column in COLUMNS:
        if names.count(column) != 1:
            found = f"column {column!r} stands there {names.count(column)} times: {', '.join(header.fields)}"
            raise UsageError(f"{doing}, line {header.number}", found, REMEDY)
    places = {column: names.index(column) for column in COLUMNS}
    groups: dict[str, list[str]] = {}
    seen: dict[str, int] = {}
    for line in rest:
        picture, group = _row(line, places, len(names), f"{doing}, line {line.number}", folder)
        if picture in seen:
            found = f"{picture} stands in line {seen[picture]} already"
            raise UsageError(f"{doing}, line {line.number}", found, "one line a picture")
        seen[picture] = line.number
        groups.setdefault(group, []).append(picture)
    _check_classes(groups, seen, doing)
    return tuple(pair for pictures in groups.values() for pair in pairwise(pictures))


def _row(line: Line, places: Mapping[str, int], width: int, doing: str, folder: Path) -> tuple[str, str]:
    if len(line.fields) != width:
        raise UsageError(doing, f"{len(line.fields)} fields under {width} columns", REMEDY)
    picture, group = (line.fields[places[column]] for column in COLUMNS)
    if not group:
        raise UsageError(
            doing, f"{picture} has no group", "leave the line out: a picture that is not named stands alone"
        )
    name = PurePosixPath(picture)
    if len(name.parts) < 2 or ".." in name.parts or name.is_absolute() or not (folder / name).is_file():
        raise UsageError(doing, f"there is no picture {picture!r} in {folder}", "the path below DIR, class first")
    return str(name), group


def _check_classes(groups: Mapping[str, Sequence[str]], lines: Mapping[str, int], doing: str) -> None:
    for group, pictures in groups.items():
        first = pictures[0].partition("/")[0]
        for picture in pictures:
            if picture.partition("/")[0] != first:
                found = f"group {group!r} holds {picture} and {pictures[0]}: an object has one class"
                raise UsageError(f"{doing}, line {lines[picture]}", found, "a name for each class's group")
