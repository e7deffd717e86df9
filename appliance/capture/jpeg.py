"""JPEGs: as cameras send them, whole or not, decoded at full or reduced size; and made for people to look at."""

from typing import Any

import cv2
import numpy as np

__all__ = ["decode", "encode"]

_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def decode(content: Any, reduce: int = 1) -> Any:
    """The picture in the bytes of one JPEG, (height / reduce, width / reduce, 3) uint8; what follows it is ignored.

    libjpeg does the reducing inside its transform: by two it takes two thirds of the time.

    Raises:
        ValueError: no JPEG, only a part of one, or one that cannot be decoded.
    """
    raw = bytes(content)
    if raw[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG")
    if raw.rfind(b"\xff\xd9") < raw.rfind(b"\xff\xda"):
        # libjpeg would fill the missing part with grey and only warn.
        raise ValueError("the JPEG is truncated")
    try:
        pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), _FLAGS[reduce])
    except cv2.error as error:
        raise ValueError(f"cannot be decoded ({error.err})") from error
    if pixels is None:
        raise ValueError("cannot be decoded")
    return pixels


def encode(pixels: Any, quality: int) -> bytes:
    """The bytes of a JPEG, quality 0..100.

    Raises:
        ValueError: it cannot be encoded.
    """
    encoded, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise ValueError("the picture cannot be encoded")
    return bytes(content)
