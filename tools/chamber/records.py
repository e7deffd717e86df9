"""What is drawn: Scene = Room + Item + Pose; an item is parts; a part is a turned profile in a material.

All records are frozen and hold plain values, so two scenes are equal exactly when the same thing is drawn.
Lengths are in metres, angles in radians, colours linear RGB from 0 to 1.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AXIS_M",
    "EMPTY",
    "Colour",
    "Dent",
    "Item",
    "Material",
    "Part",
    "Pixels",
    "Points",
    "Pose",
    "Print",
    "Profile",
    "Room",
    "Scene",
    "Squash",
    "Strip",
]

Colour = tuple[float, float, float]
Pixels = NDArray[np.uint8]
"""A picture, shape (height, width, 3), channels red, green, blue, the top row first."""
Points = NDArray[np.float64]
"""Shape (points, 3)."""
Profile = tuple[tuple[float, float], ...]
"""(radius, height) from the bottom up: the line that is turned around the upright axis."""

AXIS_M = 0.001
"""A profile that closes a bottom or a lid ends this near the axis, not on it: no face has zero area."""
EMPTY = ""
"""The label of a chamber in which nothing lies, as in frames.json."""


@dataclass(frozen=True, slots=True)
class Print:
    """A printed label: `width` x `height` pixels of sRGB bytes, the row nearest the item's bottom first."""

    width: int
    height: int
    rgb: bytes

    def __post_init__(self) -> None:
        if len(self.rgb) != self.width * self.height * 3:
            raise ValueError(f"{self.width} x {self.height} pixels need three bytes each, not {len(self.rgb)} in all")


@dataclass(frozen=True, slots=True)
class Material:
    """The inputs of Blender's Principled BSDF that differ here. A `print` takes the place of the colour."""

    colour: Colour = (1.0, 1.0, 1.0)
    metallic: float = 0.0
    roughness: float = 0.5
    transmission: float = 0.0
    ior: float = 1.45
    print: Print | None = None


@dataclass(frozen=True, slots=True)
class Dent:
    """One inward dent: where its middle lies, how deep it is there, how far it reaches."""

    angle: float
    height_m: float
    depth_m: float
    reach_angle: float
    reach_m: float


@dataclass(frozen=True, slots=True)
class Squash:
    """How an item is out of round: dents, a flattened middle, an oval body.

    `flat` is the share of its width that the middle has lost towards `flat_angle`; `oval` is depth over width.
    """

    height_m: float
    dents: tuple[Dent, ...] = ()
    flat: float = 0.0
    flat_angle: float = 0.0
    oval: float = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """One turned body. `wall_m` is its wall's thickness; 0 is a bare surface, enough for what is not seen through."""

    name: str
    profile: Profile
    material: Material
    squash: Squash | None = None
    wall_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Item:
    """A bottle or can standing on the origin. `radius_m` and `height_m` are those of its body before it was dented."""

    label: str
    parts: tuple[Part, ...]
    radius_m: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Where on the belt an item's middle is, whether it lies, and how it is turned: `roll` around its own axis."""

    lying: bool
    yaw: float
    roll: float
    x_m: float
    y_m: float

    def moved(self, x_m: float) -> Self:
        return replace(self, x_m=self.x_m + x_m)


@dataclass(frozen=True, slots=True)
class Strip:
    """One LED strip under the chamber's lid."""

    x_m: float
    y_m: float
    power_w: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Room:
    """What differs in the chamber from day to day: the belt's grain and grey, the light, the camera's mount."""

    grain: float
    grey: float
    strips: tuple[Strip, ...]
    camera_x_m: float
    camera_y_m: float
    camera_roll: float


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture's worth. An empty chamber has neither item nor pose."""

    room: Room
    item: Item | None = None
    pose: Pose | None = None

    def __post_init__(self) -> None:
        if (self.item is None) != (self.pose is None):
            raise ValueError("a scene has an item and its pose, or neither")
