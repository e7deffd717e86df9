"""Drawing small pictures in rows with a line of text under each. Pure: pixels in, one large picture out."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np

from appliance.records import Pixels

__all__ = ["Row", "Tile", "draw"]

COLUMNS = 10
TILE_WIDTH = 140
TILE_HEIGHTS = (90, 200)
"""The least and the most; between them the tiles have the shape of most pictures."""
GAP = 8
CAPTION_PX = 20
TITLE_PX = 34
PAPER = (255, 255, 255)
BACKING = (238, 238, 238)
INK = (40, 40, 40)
FAINT = (120, 120, 120)
ALARM = (40, 40, 200)
FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture and what stands below it. `alarm` draws a red frame; `joined`: belongs to the tile before it."""

    pixels: Pixels
    caption: str = ""
    alarm: bool = False
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A title, a fainter remark beside it, and tiles: as many lines of them as they need."""

    title: str
    remark: str
    tiles: Sequence[Tile]


def draw(rows: Sequence[Row]) -> Pixels:
    """One BGR picture, ten tiles wide; its height follows from the rows."""
    width, height = COLUMNS * (TILE_WIDTH + GAP) + GAP, _tile_height(rows)
    return np.vstack([part for row in rows for part in _drawn(row, width, height)] + [_blank(GAP, width)])


def _tile_height(rows: Sequence[Row]) -> int:
    shapes = [tile.pixels.shape for row in rows for tile in row.tiles]
    wanted = round(TILE_WIDTH * median(shape[0] / shape[1] for shape in shapes)) if shapes else 0
    return min(max(wanted, TILE_HEIGHTS[0]), TILE_HEIGHTS[1])


def _drawn(row: Row, width: int, height: int) -> list[Pixels]:
    title = _blank(TITLE_PX, width)
    cv2.putText(title, row.title, (GAP, TITLE_PX - 11), FONT, 0.55, INK, 1, cv2.LINE_AA)
    beside = GAP + cv2.getTextSize(row.title, FONT, 0.55, 1)[0][0] + 2 * GAP
    cv2.putText(title, row.remark, (beside, TITLE_PX - 11), FONT, 0.42, FAINT, 1, cv2.LINE_AA)
    lines = [row.tiles[start : start + COLUMNS] for start in range(0, len(row.tiles), COLUMNS)]
    return [title, *(_line(tiles, width, height) for tiles in lines)]


def _line(tiles: Sequence[Tile], width: int, height: int) -> Pixels:
    line = _blank(height + CAPTION_PX, width)
    for place, tile in enumerate(tiles):
        left = GAP + place * (TILE_WIDTH + GAP) - (GAP // 2 if tile.joined else 0)
        line[:height, left : left + TILE_WIDTH] = _fitted(tile.pixels, height)
        if tile.alarm:
            cv2.rectangle(line, (left, 0), (left + TILE_WIDTH - 1, height - 1), ALARM, 2)
        cv2.putText(line, _shortened(tile.caption), (left, height + 13), FONT, 0.36, FAINT, 1, cv2.LINE_AA)
    return line


def _fitted(pixels: Pixels, height: int) -> Pixels:
    """The whole picture within a tile, its shape kept."""
    scale = min(TILE_WIDTH / pixels.shape[1], height / pixels.shape[0])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    left, top = (TILE_WIDTH - size[0]) // 2, (height - size[1]) // 2
    tile = np.full((height, TILE_WIDTH, 3), BACKING, np.uint8)
    tile[top : top + size[1], left : left + size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return tile


def _shortened(text: str) -> str:
    """The end of a caption that is too long for its tile: file names differ at their end."""
    while cv2.getTextSize(text, FONT, 0.36, 1)[0][0] > TILE_WIDTH and len(text) > 2:
        text = ".." + text[3:]
    return text


def _blank(height: int, width: int) -> Pixels:
    return np.full((height, width, 3), PAPER, np.uint8)
