"""Materials as nodes of Blender's shaders."""

from typing import Any

import bpy
import numpy as np

from chamber.blender.images import new_image
from chamber.records import Material, Print, Room

__all__ = ["belt_material", "new_material"]

BELT = Material(roughness=0.65)


def new_material(material: Material) -> Any:
    made = bpy.data.materials.new("material")
    made.use_nodes = True
    inputs = made.node_tree.nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (*material.colour, 1.0)
    inputs["Metallic"].default_value = material.metallic
    inputs["Roughness"].default_value = material.roughness
    inputs["Transmission Weight"].default_value = material.transmission
    inputs["IOR"].default_value = material.ior
    if material.print is not None:
        texture = made.node_tree.nodes.new("ShaderNodeTexImage")
        texture.image = _print_image(material.print)
        made.node_tree.links.new(texture.outputs["Color"], inputs["Base Color"])
    return made


def belt_material(room: Room) -> Any:
    """Grey rubber: noise of the room's grain, from its grey to twice that, a trace of blue."""
    made = new_material(BELT)
    nodes, links = made.node_tree.nodes, made.node_tree.links
    noise, greys = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeValToRGB")
    noise.inputs["Scale"].default_value = room.grain
    dark, bright = greys.color_ramp.elements
    dark.color = (room.grey, room.grey, room.grey * 1.05, 1.0)
    bright.color = (room.grey * 2, room.grey * 2.05, room.grey * 2.1, 1.0)
    links.new(noise.outputs[0], greys.inputs[0])
    links.new(greys.outputs[0], nodes["Principled BSDF"].inputs["Base Color"])
    return made


def _print_image(label: Print) -> Any:
    rows = np.frombuffer(label.rgb, np.uint8).reshape(label.height, label.width, 3)
    return new_image("print", label.width, label.height, rows)
