"""Room and item as objects of Blender's current scene."""

import math
from typing import Any

import bpy
import numpy as np

from chamber.blender.materials import belt_material, new_material
from chamber.records import Item, Material, Part, Pose, Room, Strip
from chamber.room import CAMERA_BACK_M, CAMERA_HEIGHT_M
from chamber.turning import turned

__all__ = ["add_item", "add_room"]

SKY = (0.6, 0.65, 0.7, 1.0)
SKY_STRENGTH = 0.12
"""What light gets in from the hall."""
ROOM_M = 1.4
WALL_ASIDE_M = 0.24
STRIP_HEIGHT_M, STRIP_LENGTH_M, STRIP_WIDTH_M = 0.5, 0.6, 0.05
STRIP_TILT = 0.35
WALL = Material((0.33, 0.35, 0.36), metallic=0.6, roughness=0.45)
LENS_MM, SENSOR_MM = 60.0, 36.0
"""The picture shows 0.37 m of the belt."""
LYING_CLEARANCE = 1.02
"""Of its radius: a lying item's axis is so high above the belt."""


def add_room(room: Room) -> None:
    """Belt, two walls, LED strips, the hall's dim light, and the camera."""
    _light_sky()
    _add_plane("belt", belt_material(room), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    wall = new_material(WALL)
    for side in (1, -1):
        _add_plane("wall", wall, (0.0, side * WALL_ASIDE_M, CAMERA_HEIGHT_M), (side * math.pi / 2, 0.0, 0.0))
    for strip in room.strips:
        _add_strip(strip)
    _add_camera(room)


def add_item(item: Item, pose: Pose) -> None:
    """The item's parts, at rest in its pose.

    Parts hang upright in `rolled`, which turns around their axis; `placed` lays that down and turns it.
    """
    height_m = item.radius_m * LYING_CLEARANCE if pose.lying else item.height_m / 2
    placed = _add("placed", None, (pose.x_m, pose.y_m, height_m), (math.pi / 2 if pose.lying else 0.0, 0.0, pose.yaw))
    rolled = _add("rolled", None, (0.0, 0.0, 0.0), (0.0, 0.0, pose.roll))
    rolled.parent = placed
    for part in item.parts:
        _add_part(part, item.height_m / 2).parent = rolled


def _light_sky() -> None:
    world = bpy.data.worlds.new("hall")
    bpy.context.scene.world = world
    world.use_nodes = True
    inputs = world.node_tree.nodes["Background"].inputs
    inputs["Color"].default_value, inputs["Strength"].default_value = SKY, SKY_STRENGTH


def _add_plane(name: str, material: Any, place: tuple[float, ...], turn: tuple[float, ...]) -> None:
    half = ROOM_M / 2
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(-half, -half, 0), (half, -half, 0), (-half, half, 0), (half, half, 0)], [], [(0, 1, 3, 2)])
    mesh.materials.append(material)
    _add(name, mesh, place, turn)


def _add_strip(strip: Strip) -> None:
    light = bpy.data.lights.new("strip", "AREA")
    light.shape, light.size, light.size_y = "RECTANGLE", STRIP_LENGTH_M, STRIP_WIDTH_M
    light.energy, light.color = strip.power_w, strip.colour
    tilt = -math.copysign(STRIP_TILT, strip.y_m)
    _add("strip", light, (strip.x_m, strip.y_m, STRIP_HEIGHT_M), (tilt, 0.0, 0.0))


def _add_camera(room: Room) -> None:
    camera = bpy.data.cameras.new("camera")
    camera.lens, camera.sensor_width = LENS_MM, SENSOR_MM
    place = (room.camera_x_m, room.camera_y_m, CAMERA_HEIGHT_M)
    turn = (math.atan2(CAMERA_BACK_M, CAMERA_HEIGHT_M), 0.0, room.camera_roll)
    bpy.context.scene.camera = _add("camera", camera, place, turn)


def _add_part(part: Part, middle_m: float) -> Any:
    drawn = _add(part.name, _new_mesh(part), (0.0, 0.0, -middle_m), (0.0, 0.0, 0.0))
    if part.wall_m:
        wall = drawn.modifiers.new("wall", "SOLIDIFY")
        wall.thickness, wall.offset = part.wall_m, -1
    return drawn


def _new_mesh(part: Part) -> Any:
    shape = turned(part)
    mesh = bpy.data.meshes.new(part.name)
    mesh.from_pydata(shape.points.tolist(), [], shape.faces.tolist())
    corners = shape.places[shape.faces.ravel()]
    mesh.uv_layers.new().uv.foreach_set("vector", corners.astype(np.float32).ravel())
    mesh.shade_smooth()
    mesh.materials.append(new_material(part.material))
    return mesh


def _add(name: str, data: Any, place: tuple[float, ...], turn: tuple[float, ...]) -> Any:
    """Put an object of `data` (None: an empty one, to hang others on) into the scene."""
    added = bpy.data.objects.new(name, data)
    added.location, added.rotation_euler = place, turn
    bpy.context.scene.collection.objects.link(added)
    return added
