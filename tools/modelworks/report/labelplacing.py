"""Finding room for the labels of a plot's points: none over another, none over a point. Pure: pixels in and out."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Rectangle", "place_labels"]

RADII = (8.0, 18.0, 30.0, 44.0, 60.0, 80.0, 104.0)
DIRECTIONS = 16
POINT = 6.0
"""Half the side of the square that a point keeps for itself."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """`x`, `y` is the lower left corner."""

    x: float
    y: float
    width: float
    height: float

    def shared(self, other: "Rectangle") -> float:
        """The area that both cover."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        along = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(0.0, across) * max(0.0, along)


def place_labels(
    points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], room: Rectangle
) -> list[Rectangle]:
    """A rectangle of the given size for every point, within `room`, as near to its point as there is place.

    Where there is none, the one that covers least.
    """
    taken = [Rectangle(x - POINT, y - POINT, 2 * POINT, 2 * POINT) for x, y in points]
    placed = []
    for point, size in zip(points, sizes, strict=True):
        best = min(_candidates(point, size), key=lambda each: _cost(each, taken, room))
        taken.append(best)
        placed.append(best)
    return placed


def _cost(candidate: Rectangle, taken: Sequence[Rectangle], room: Rectangle) -> float:
    """What it covers, and how much of it lies outside, rounded: `min` keeps the first, and thus nearest, of equals."""
    outside = candidate.width * candidate.height - candidate.shared(room)
    return round(outside + sum(candidate.shared(other) for other in taken), 1)


def _candidates(point: tuple[float, float], size: tuple[float, float]) -> Iterator[Rectangle]:
    width, height = size
    for radius in RADII:
        for number in range(DIRECTIONS):
            angle = 2 * math.pi * number / DIRECTIONS
            # The nearest side of the label lies at the radius, whatever its direction.
            x = point[0] + radius * math.cos(angle) + width / 2 * (math.cos(angle) - 1)
            y = point[1] + radius * math.sin(angle) + height / 2 * (math.sin(angle) - 1)
            yield Rectangle(x, y, width, height)
