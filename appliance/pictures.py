"""Pictures in a folder: which there are and in what order, what frames.json says of them, and one of them decoded."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance.errors import CameraError
from appliance.records import Pixels

__all__ = ["files_in_order", "picture_files", "read_frames", "read_picture"]

MAX_PICTURE_BYTES = 64_000_000
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def picture_files(folder: Path) -> list[str]:
    """The pictures below `folder`, as paths relative to it, sorted."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def files_in_order(folder: Path) -> list[str]:
    """The pictures as its frames.json lists them, else by name, as paths relative to the folder.

    Raises:
        CameraError: frames.json is no such list.
        OSError: the folder cannot be read.
    """
    if (folder / "frames.json").is_file():
        return [row["file"] for row in read_frames(folder / "frames.json")]
    return picture_files(folder)


def read_picture(path: Path) -> Pixels:
    """Decode a picture file as (height, width, 3) BGR.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a picture, or only a part of one.
    """
    with path.open("rb") as file:
        content = file.read(MAX_PICTURE_BYTES + 1)
    if len(content) > MAX_PICTURE_BYTES:
        raise ValueError(f"larger than {MAX_PICTURE_BYTES} bytes")
    if not content:
        raise ValueError("the file is empty")
    if content[:2] == b"\xff\xd8" and content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda"):
        # The last scan has no end: libjpeg would fill the missing part with grey and only warn. (What phones append
        # after the end does no harm.)
        raise ValueError("the JPEG is truncated")
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ValueError(f"cannot be decoded ({error.err})") from error
    if pixels is None:
        raise ValueError("not a picture that OpenCV can decode")
    return np.asarray(pixels, np.uint8)


def read_frames(path: Path) -> list[dict[str, Any]]:
    """frames.json: [{"file", "label" ("" = empty), "item"}].

    Raises:
        CameraError: it is not such a list, or names a file outside its folder.
    """
    doing, remedy = f"reading {path}", 'write a list of {"file": NAME, "label": LABEL, "item": NUMBER}'
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CameraError(doing, f"not JSON ({error})", remedy) from error
    if not isinstance(rows, list):
        raise CameraError(doing, "not a list", remedy)
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("file"), str):
            raise CameraError(doing, f"entry {number} names no file", remedy)
        if not isinstance(row.get("label"), str | None):
            raise CameraError(doing, f"entry {number}: the label is not a word", remedy)
        if not isinstance(row.get("item"), int | None):
            raise CameraError(doing, f"entry {number}: the item is not a whole number", remedy)
        if Path(row["file"]).is_absolute() or ".." in Path(row["file"]).parts:
            raise CameraError(doing, f"entry {number}: {row['file']!r} leaves the folder", remedy)
    return rows
