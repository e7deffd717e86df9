"""The contact sheet of a data check: some pictures of every class, and the near duplicates side by side."""

import random
from collections.abc import Sequence
from pathlib import Path

import cv2

from appliance.errors import StorageError, UsageError
from appliance.files import write_power_safe
from appliance.records import Pixels
from modelworks.contactsheet import COLUMNS, Row, Tile, draw
from modelworks.datacheck import DataCheck, NearPair
from modelworks.datafigures import PARTS, counts
from modelworks.dataset import Picture, decode

__all__ = ["check_suffix", "data_sheet", "save_sheet"]

SUFFIXES = (".png", ".jpg", ".jpeg")
PAIRS_SHOWN = 40
"""Those across the parts first, then those across labels, then the closest."""


def check_suffix(path: Path) -> None:
    """Refuse a sheet that could not be written, before the work is done.

    Raises:
        UsageError: it is no PNG and no JPEG, or its folder is not there.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError("choosing the contact sheet", f"{path.name} is no picture's name", "-o sheet.png")
    if not path.absolute().parent.is_dir():
        raise UsageError("choosing the contact sheet", f"there is no folder {path.parent}", "make it first")


def data_sheet(check: DataCheck, seed: int) -> Pixels:
    """The sheet as BGR pixels; equal for equal pictures and seed."""
    rows = [_class_row(check, label, seed) for label in counts(check)]
    pairs = sorted(check.pairs, key=lambda pair: (not pair.crosses, not pair.disagrees, pair.distance))
    title = Row(check.folder.absolute().name, f"{len(check.readable)} pictures, {len(rows)} classes", ())
    return draw([title, *rows, *_pair_rows(check, pairs)])


def save_sheet(path: Path, pixels: Pixels) -> None:
    """Write the sheet.

    Raises:
        StorageError: it cannot be written.
    """
    _, encoded = cv2.imencode(path.suffix.lower(), pixels)
    try:
        write_power_safe(path, encoded.tobytes())
    except OSError as error:
        raise StorageError(f"writing {path}", error.strerror or str(error), "choose another -o") from error


def _class_row(check: DataCheck, label: str, seed: int) -> Row:
    own = [picture for picture in check.readable if picture.label == label]
    chosen = random.Random(f"{seed} {label}").sample(own, min(COLUMNS, len(own)))
    row = counts(check)[label]
    parts = "" if check.parts.error else ": " + ", ".join(f"{part} {row[part]}" for part in PARTS)
    tiles = [_tile(check, picture, _name(picture)) for picture in sorted(chosen, key=lambda one: one.path)]
    return Row(label, f"{row['pictures']} pictures{parts}", tiles)


def _pair_rows(check: DataCheck, pairs: Sequence[NearPair]) -> list[Row]:
    if not pairs:
        return []
    shown = pairs[:PAIRS_SHOWN]
    remark = f"{len(pairs)} pairs, {len(check.crossing)} across the parts (red)"
    if len(shown) < len(pairs):
        remark += f"; the first {len(shown)}"
    return [Row("near duplicates", remark, [tile for pair in shown for tile in _pair_tiles(check, pair)])]


def _pair_tiles(check: DataCheck, pair: NearPair) -> list[Tile]:
    alarm = pair.crosses or pair.disagrees
    pictures = zip((pair.first, pair.second), pair.parts, strict=True)
    return [
        _tile(check, picture, f"{part} {_name(picture)}".strip(), alarm, joined=place == 1)
        for place, (picture, part) in enumerate(pictures)
    ]


def _tile(check: DataCheck, picture: Picture, caption: str, alarm: bool = False, joined: bool = False) -> Tile:
    return Tile(decode(check.folder, picture), caption, alarm, joined)


def _name(picture: Picture) -> str:
    return picture.path.rpartition("/")[2].rpartition(".")[0]
