"""Pictures that show the same although their bytes differ: saved again, resized, cut a little, taken a moment later.

Two steps. A perceptual hash of 256 bits proposes pairs: all against all, in a second for 10,000 pictures. Where a pair
is close but not sure, one picture is laid over the other (overlay.py). The hash alone will not do where a camera hangs
still: all pictures of a sorting chamber share their background, and two cans that stand in one place are as close (34
bits) as two shots of one leaflet in TrashNet (32).

What this cannot see is another photograph of the same object, turned or seen from another side. Against that only the
order in which they were taken helps: blocks of file numbers, split.py.

The hash is the DCT one of Zauner's thesis (https://www.phash.org/docs/pubs/thesis_zauner.pdf) with 16 x 16 frequencies
in place of 8 x 8: with 64 bits, pairs of two different classes come up in the chamber as early as pairs of one. It is
six lines on OpenCV; the package imagehash would bring Pillow, SciPy and PyWavelets, and decode pictures otherwise than
the machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.records import Pixels
from modelworks.overlay import lay_over, same_hue

__all__ = [
    "MOST_PAIRS",
    "PROPOSED",
    "SURE",
    "Proposals",
    "close_pairs",
    "confirmed",
    "hashes_of",
    "perceptual_hash",
    "thumbnail",
]

SIDE = 64
FREQUENCIES = 16
BITS = FREQUENCIES**2
SURE = 20
"""Pairs as close as this need only the same hues: saved again, noise, another brightness. Nothing else comes so close,
but the hash sees no colour."""
PROPOSED = 72
"""Pairs as close as this are laid over each other. Two pictures that have nothing in common differ in some 128 bits;
the farthest true pair that was found in TrashNet differs in 70."""
MOST_PAIRS = 20_000
"""More than this is a film, not a set of photographs; laying that many over each other takes about a minute."""
BLOCK = 256

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Proposals:
    """Pairs of indices, shape (n, 2), the closest first, and their distances in bits. `complete` is False when there
    were more than could be kept."""

    pairs: NDArray[np.intp]
    distances: NDArray[np.uint16]
    complete: bool = True


def thumbnail(pixels: Pixels) -> Pixels:
    """The picture as 64 x 64 BGR, whatever its shape: 12 kB, all that the search needs."""
    return np.asarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def perceptual_hash(thumb: Pixels) -> Hashes:
    """256 bits of a thumbnail as four words: which of its 16 x 16 lowest frequencies are above their median."""
    grey = cv2.cvtColor(thumb, cv2.COLOR_BGR2GRAY).astype(np.float32)
    low = cv2.dct(grey)[:FREQUENCIES, :FREQUENCIES]
    return np.packbits(low > np.median(low)).view(np.uint64)


def hashes_of(thumbs: Sequence[Pixels]) -> Hashes:
    """Shape (n, 4)."""
    return np.stack([perceptual_hash(thumb) for thumb in thumbs]) if thumbs else np.empty((0, BITS // 64), np.uint64)


def close_pairs(hashes: Hashes, limit: int = PROPOSED, most: int = MOST_PAIRS) -> Proposals:
    """All pairs at most `limit` bits apart, the closest `most` of them; n²/2 comparisons, 256 rows at a time."""
    pairs, distances, complete = np.empty((0, 2), np.intp), np.empty(0, np.uint16), True
    for start in range(0, len(hashes), BLOCK):
        found = _distances(hashes[start : start + BLOCK], hashes[start:])
        first, second = np.nonzero(np.triu(found <= limit, 1))
        pairs = np.concatenate([pairs, np.stack([first + start, second + start], axis=1)])
        distances = np.concatenate([distances, found[first, second]])
        if len(pairs) > most:
            nearest = np.argsort(distances, kind="stable")[:most]
            pairs, distances, complete = pairs[nearest], distances[nearest], False
            limit = int(distances[-1])
    order = np.argsort(distances, kind="stable")
    return Proposals(pairs[order], distances[order], complete)


def confirmed(
    proposals: Proposals, thumbs: Sequence[Pixels], advance: Callable[[float], None] = lambda done: None
) -> list[tuple[int, int, int]]:
    """The proposals that are near duplicates: (first, second, distance); `advance(1)` after each that was judged."""
    kept = []
    for (first, second), distance in zip(proposals.pairs.tolist(), proposals.distances.tolist(), strict=True):
        if _agree(thumbs[first], thumbs[second], distance):
            kept.append((first, second, distance))
        advance(1)
    return kept


def _agree(one: Pixels, other: Pixels, distance: int) -> bool:
    if distance <= SURE and same_hue(one, other):
        return True
    overlay = lay_over(one, other)
    return overlay is not None and overlay.agrees


def _distances(rows: Hashes, others: Hashes) -> NDArray[np.uint16]:
    """Hamming distances, shape (rows, others)."""
    total = np.zeros((len(rows), len(others)), np.uint16)
    for word in range(rows.shape[1]):
        total += np.bitwise_count(rows[:, None, word] ^ others[None, :, word])
    return total
