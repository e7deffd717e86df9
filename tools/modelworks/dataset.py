"""A folder of labelled photographs: one sub-folder a class, its name the label."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from appliance.errors import UsageError
from appliance.files import sha256_of
from appliance.records import Pixels

__all__ = [
    "SUFFIXES",
    "Listing",
    "Picture",
    "decode",
    "decode_all",
    "fingerprint",
    "labels_of",
    "list_pictures",
    "read_pixels",
    "unreadable",
]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
NAMED = 5
"""How many faulty files a message names before it only counts."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture's file. `path` is relative to the data folder, with '/' on every system."""

    path: str
    label: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """`pictures` can be learned from; no two have equal bytes.

    `copies`: groups of equal files, of which only the first stays. `contradictions`: groups of equal files under two
    labels; none stays. `unopened`: files that the system would not give, each with its reason.
    """

    pictures: tuple[Picture, ...]
    copies: tuple[tuple[Picture, ...], ...] = ()
    contradictions: tuple[tuple[Picture, ...], ...] = ()
    unopened: tuple[tuple[str, str], ...] = ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """A sentence for each group and file that is not learned from."""
        return (
            *(f"the same picture under two labels: {_paths(group)}" for group in self.contradictions),
            *(f"copies of one picture, the first is kept: {_paths(group)}" for group in self.copies),
            *(f"cannot be opened: {path} ({reason})" for path, reason in self.unopened),
        )


def list_pictures(folder: Path) -> Listing:
    """Every picture below `folder`, sorted by path; no two with equal bytes.

    Equal bytes in two splits would be a leak, so of copies only the first stays; a picture that stands under two
    labels teaches nothing, so none of its copies stays.

    Raises:
        UsageError: no such folder, no pictures, or fewer than two classes.
    """
    doing = f"reading the labelled pictures in {folder}"
    if not folder.is_dir():
        raise UsageError(doing, "it is not a folder", "name a folder that holds one sub-folder a class")
    found, unopened = _read(folder)
    if not found:
        remedy = _deeper(folder) or "put the pictures of each class into its own folder"
        raise UsageError(doing, "no pictures in its sub-folders", remedy)
    listing = _without_copies(found, unopened)
    if len(labels_of(listing.pictures)) < 2:
        remedy = _deeper(folder) or "a classifier needs two classes at least"
        raise UsageError(doing, f"only one class, {found[0].label!r}", remedy)
    return listing


def labels_of(pictures: Iterable[Picture]) -> tuple[str, ...]:
    """The labels in alphabetical order: the order of the network's outputs."""
    return tuple(sorted({picture.label for picture in pictures}))


def fingerprint(pictures: Iterable[Picture]) -> str:
    """SHA-256 over every label and file hash: equal exactly when the same bytes bear the same labels."""
    lines = sorted(f"{picture.label} {picture.sha256}\n" for picture in pictures)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def decode(folder: Path, picture: Picture) -> Pixels:
    """The picture's pixels, as the appliance's folder camera would hand them over.

    Raises:
        UsageError: the file is no picture that OpenCV can read.
    """
    pixels = read_pixels(folder / picture.path)
    if pixels is None:
        raise unreadable(folder, [picture.path])
    return pixels


def decode_all(folder: Path, pictures: Sequence[Picture]) -> list[Pixels]:
    """All pixels, in the order of `pictures`; about 0.26 MB a picture of 341 x 256.

    Raises:
        UsageError: some cannot be read; the message names the first few and counts them all.
    """
    decoded = [read_pixels(folder / picture.path) for picture in pictures]
    faulty = [picture.path for picture, pixels in zip(pictures, decoded, strict=True) if pixels is None]
    if faulty:
        raise unreadable(folder, faulty)
    return [pixels for pixels in decoded if pixels is not None]


def read_pixels(path: Path) -> Pixels | None:
    """A picture's BGR pixels, turned as its EXIF says; None where it cannot be opened, or is no picture."""
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        pixels = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except (OSError, cv2.error):  # gone since it was listed; or a header that claims more pixels than OpenCV allows
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _deeper(folder: Path) -> str:
    """The sub-folder that was meant, if one has classes itself; "" if none has."""
    classes = {path.parent for path in folder.glob("[!.]*/[!.]*/*") if path.suffix.lower() in SUFFIXES}
    inside = Counter(each.parent for each in classes)
    return next((f"{each}: it has classes itself" for each in sorted(inside) if inside[each] > 1), "")


def _files(folder: Path) -> list[Path]:
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    return [path for entry in classes for path in sorted(entry.iterdir()) if path.suffix.lower() in SUFFIXES]


def _read(folder: Path) -> tuple[list[Picture], list[tuple[str, str]]]:
    """Every file with its hash, and those that cannot be opened, a dangling link for one."""
    found, unopened = [], []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            found.append(Picture(name, path.parent.name, sha256_of(path)))
        except OSError as error:
            unopened.append((name, error.strerror or str(error)))
    return found, unopened


def _without_copies(found: Sequence[Picture], unopened: Sequence[tuple[str, str]]) -> Listing:
    same: dict[str, list[Picture]] = {}
    for picture in found:
        same.setdefault(picture.sha256, []).append(picture)
    groups = [tuple(group) for group in same.values()]
    agreed = [group for group in groups if len(labels_of(group)) == 1]
    return Listing(
        tuple(group[0] for group in agreed),
        tuple(group for group in agreed if len(group) > 1),
        tuple(group for group in groups if len(labels_of(group)) > 1),
        tuple(unopened),
    )


def _paths(group: Iterable[Picture]) -> str:
    return ", ".join(picture.path for picture in group)


def unreadable(folder: Path, paths: Sequence[str]) -> UsageError:
    """The error that names the first few of them and counts them all."""
    shown = ", ".join(paths[:NAMED]) + (", ..." if len(paths) > NAMED else "")
    by_class = ", ".join(f"{count} in {name}" for name, count in Counter(map(os.path.dirname, paths)).items())
    return UsageError(
        f"decoding the pictures in {folder}",
        f"{len(paths)} cannot be read ({by_class}): {shown}",
        "open them in a viewer; remove or replace the broken ones",
    )
