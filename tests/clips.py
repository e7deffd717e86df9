"""Unseen streams composed from the shipped pictures, frame by frame, and what an honest count of them is.

Items are cut out of pictures against the empty chamber and laid, in another order and other company, on the floor of
the shipped clip; then light, shadows and noise are put over the whole.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from support import ROOT

from appliance.records import Frame, Item, Pixels
from appliance.trigger import Trigger

CLIP = ROOT / "pictures" / "clip"
STILLS = ROOT / "pictures" / "chamber"
FPS = 10
SIDE = 256
GAP_FRAMES = (1, 30)
LONG_FRAMES = 60 * FPS
STEP_PX = 12
"""How far from its rest an item is on its way in and out, as in the clip."""
NOISE_LEVELS = {"noise": 7.0}
"""Standard deviation for each channel and pixel; the others have 2."""
KINDS = ("plain", "ramp", "noise", "shadows", "long", "together", "beside", "no-start", "all")

Alpha = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """An item without its floor: pixels, and how much of each is the item, shape (256, 256, 1), 0..1."""

    pixels: Pixels
    alpha: Alpha

    def moved(self, right: int) -> "Cutout":
        matrix = np.array([[1, 0, right], [0, 1, 0]], np.float32)
        alpha = cv2.warpAffine(self.alpha, matrix, (SIDE, SIDE))[..., np.newaxis]
        return Cutout(np.asarray(cv2.warpAffine(self.pixels, matrix, (SIDE, SIDE)), np.uint8), alpha)

    def columns(self) -> tuple[int, int]:
        """The first and the last column that it reaches."""
        reached = np.flatnonzero((self.alpha[..., 0] > 0.5).any(axis=0))
        return int(reached[0]), int(reached[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One composed frame, and the numbers of the items that are in it."""

    pixels: Pixels
    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a trigger made of some clips. `items` is the truth; each of the others is a miscount."""

    items: int = 0
    missed: int = 0
    double: int = 0
    false: int = 0
    frames: int = 0

    @property
    def miscounts(self) -> int:
        return self.missed + self.double + self.false

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.items + other.items,
            self.missed + other.missed,
            self.double + other.double,
            self.false + other.false,
            self.frames + other.frames,
        )


def compose(kind: str, items: int, rng: Generator, cutouts: Sequence[Cutout]) -> Iterator[Shown]:
    """A clip of so many items. What passes `together` is one item: one gate cannot part it."""
    script = _script(kind, items, rng, cutouts)
    gains = _gains(kind, len(script), rng)
    shadows = _shadows(rng) if kind in ("shadows", "all") else None
    noise = _noise(NOISE_LEVELS.get(kind, 2.0), rng)
    for (picture, shown), gain in zip(script, gains, strict=True):
        pixels = picture * (gain * next(shadows)) if shadows is not None else picture * np.float32(gain)
        down, right = rng.integers(0, SIDE, 2)
        pixels += noise[down : down + SIDE, right : right + SIDE]
        yield Shown(np.clip(pixels, 0, 255).astype(np.uint8), shown)


def count(trigger: Trigger, clip: Iterable[Shown]) -> Tally:
    """Run a clip through a trigger and hold what it offers against what was shown."""
    truth: list[tuple[int, ...]] = []
    offered: dict[str, list[int]] = {}
    for number, shown in enumerate(clip):
        truth.append(shown.items)
        frame = Frame(number + 1, 1 + number, "recorded", shown.pixels, f"#{number}", number * 1_000_000_000 // FPS)
        _note(offered, trigger.feed(frame))
    _note(offered, trigger.flush())
    return _tally(truth, [tuple(truth[index] for index in places) for places in offered.values()])


def _note(offered: dict[str, list[int]], items: Iterable[Item]) -> None:
    for item in items:
        offered.setdefault(item.id, []).extend(frame.id - 1 for frame in item.frames)


def _tally(truth: Sequence[tuple[int, ...]], offered: Sequence[Sequence[tuple[int, ...]]]) -> Tally:
    """Each offered item stands for the one that its pictures show; where they show two, for the one not yet counted."""
    there = {item for shown in truth for item in shown}
    counted: Counter[int] = Counter()
    false = 0
    for pictures in offered:
        candidates = sorted({item for shown in pictures for item in shown}, key=lambda item: (counted[item], item))
        if candidates:
            counted[candidates[0]] += 1
        else:
            false += 1
    double = sum(times - 1 for times in counted.values())
    return Tally(len(there), len(there - counted.keys()), double, false, len(truth))


# The script: which picture, and which items are in it


def _script(
    kind: str, items: int, rng: Generator, cutouts: Sequence[Cutout]
) -> list[tuple[NDArray[np.float32], tuple[int, ...]]]:
    floor = empty_floor()
    order = iter(rng.permutation(len(cutouts)).tolist() * (1 + 2 * items // len(cutouts)))
    script = [] if kind == "no-start" or (kind == "all" and rng.random() < 0.5) else [(floor, ())] * 5
    number = 0
    while number < items:
        act = rng.choice(["long", "together", "beside", *["plain"] * 20]) if kind == "all" else kind
        first = cutouts[next(order)]
        if act == "together":
            first, second = _touching(first, cutouts[next(order)])
            script += _passage(rng, [first, second], number, ())
        elif act == "beside":
            first, second = _touching(first, cutouts[next(order)])
            script += _one_after_the_other(rng, first, second, number)
            number += 1
        else:
            resting = LONG_FRAMES if act == "long" and number % 10 == 0 else None
            script += _passage(rng, [first], number, (), resting)
        number += 1
        script += [(floor, ())] * int(rng.integers(*GAP_FRAMES, endpoint=True))
    return script


def _passage(
    rng: Generator, things: Sequence[Cutout], number: int, others: tuple[int, ...], resting: int | None = None
) -> list[tuple[NDArray[np.float32], tuple[int, ...]]]:
    """On its way in, at rest, on its way out."""
    stays = (int(rng.integers(0, 3)), resting or int(rng.integers(2, 6)), int(rng.integers(0, 3)))
    found = []
    for right, frames in zip((-STEP_PX, 0, STEP_PX), stays, strict=True):
        if frames:
            found += [(lay([thing.moved(right) for thing in things]), (number, *others))] * frames
    return found


def _one_after_the_other(
    rng: Generator, first: Cutout, second: Cutout, number: int
) -> list[tuple[NDArray[np.float32], tuple[int, ...]]]:
    """The second comes to lie against the first, which then leaves."""
    alone, both, left = (int(frames) for frames in rng.integers(3, 8, 3))
    return [
        *[(lay([first]), (number,))] * alone,
        *[(lay([first, second]), (number, number + 1))] * both,
        *[(lay([second]), (number + 1,))] * left,
    ]


def _touching(first: Cutout, second: Cutout) -> tuple[Cutout, Cutout]:
    """Side by side: the second is pushed from the right until it meets the first."""
    first = first.moved(SIDE // 2 - first.columns()[1])
    second = second.moved(first.columns()[1] + 1 - second.columns()[0])
    while not ((first.alpha > 0.5) & (second.alpha > 0.5)).any() and second.columns()[0] > first.columns()[0]:
        second = second.moved(-2)
    return first, second


def lay(things: Sequence[Cutout]) -> NDArray[np.float32]:
    """The things on the empty floor."""
    picture = empty_floor()
    for thing in things:
        picture = picture * (1 - thing.alpha) + thing.pixels * thing.alpha
    return picture.astype(np.float32)


# Light


def _gains(kind: str, frames: int, rng: Generator) -> NDArray[np.float64]:
    if kind not in ("ramp", "all"):
        return np.ones(frames)
    first, last = (0.8, 1.2) if rng.random() < 0.5 else (1.2, 0.8)
    return np.linspace(first, last, frames)


def _shadows(rng: Generator) -> Iterator[NDArray[np.float32]]:
    """Soft shadows that wander: the share of the light that is left, for one frame after the other."""
    while True:
        depth, radius, blur = rng.uniform(0.15, 0.4), rng.uniform(30, 90), rng.uniform(14, 28)
        blot = np.zeros((SIDE // 4, 3 * SIDE // 4), np.float32)
        cv2.circle(blot, (3 * SIDE // 8, int(rng.integers(0, SIDE // 4))), int(radius / 4), 1.0, -1)
        soft = 1 - depth * cv2.resize(cv2.GaussianBlur(blot, (0, 0), blur / 4), (3 * SIDE, SIDE))
        for right in range(2 * SIDE, 0, -int(rng.integers(4, 24))):
            yield soft[:, right : right + SIDE, np.newaxis]


def _noise(levels: float, rng: Generator) -> NDArray[np.float32]:
    return rng.normal(0, levels, (2 * SIDE, 2 * SIDE, 3)).astype(np.float32)


# Cutting out


@cache
def empty_floor() -> NDArray[np.float32]:
    """The mean of the clip's empty frames, each in the same light."""
    rows = json.loads((CLIP / "frames.json").read_text())
    frames = [_read(CLIP / row["file"]) for row in rows if row["item"] is None][::6]
    return np.mean([frame * (128 / frame.mean()) for frame in frames], axis=0).astype(np.float32)


@cache
def shipped_cutouts() -> tuple[Cutout, ...]:
    """Every item of the clip where it rests, and of the shipped stills."""
    rows = json.loads((CLIP / "frames.json").read_text())
    of_item: dict[int, list[str]] = {}
    for row in rows:
        if row["item"] is not None:
            of_item.setdefault(row["item"], []).append(row["file"])
    clip = [CLIP / files[len(files) // 2] for files in of_item.values()]
    return tuple(_cut_out(path) for path in (*clip, *_stills(STILLS)))


def more_cutouts(folder: Path) -> tuple[Cutout, ...]:
    """Every item of a folder of labelled stills."""
    return tuple(_cut_out(path) for path in _stills(folder))


def _stills(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.jpg")) if path.parent.name != "empty"]


def _cut_out(path: Path) -> Cutout:
    """Cut along where the picture is no longer the floor in its own light."""
    picture, floor = _read(path), empty_floor()
    picture = picture * np.median(floor / np.maximum(picture, 1), axis=(0, 1))
    off = (np.abs(picture - floor).max(axis=2) > 18).astype(np.uint8)
    off = cv2.morphologyEx(off, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    off = cv2.morphologyEx(off, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, names, stats, _ = cv2.connectedComponentsWithStats(off)
    largest = (names == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.float32)
    alpha = np.minimum(1, 2 * cv2.GaussianBlur(largest, (0, 0), 1.5))[..., np.newaxis]
    return Cutout(np.clip(picture, 0, 255).astype(np.uint8), alpha)


def _read(path: Path) -> NDArray[np.float32]:
    pixels = cv2.imread(str(path))
    assert pixels is not None, path
    return pixels.astype(np.float32)
