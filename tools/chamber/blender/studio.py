"""Rendering with Cycles on the processor, encoding as JPEG."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy

from chamber.blender.building import add_item, add_room
from chamber.blender.images import new_image, pixels_of
from chamber.records import Pixels, Scene

__all__ = ["Studio", "open_studio"]

JPEG_QUALITY = 92
BOUNCES = 7
"""Enough for light to pass both walls of a bottle on its belt."""
GLOSSY_BOUNCES, DIFFUSE_BOUNCES = 3, 2
BLUR_GLOSSY = 1.0
"""Roughens reflections of reflections: few samples stay free of sparks."""
VIEW_TRANSFORM = "AgX"


@contextmanager
def _interrupt_held_back() -> Iterator[None]:
    """Ctrl-C takes effect at the end. Within Blender's own Python it would be printed and lost, and Cycles with it."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


class Studio:
    """Draws square pictures of `size_px`, `samples` light paths a pixel; `folder` is for what Blender must write."""

    def __init__(self, folder: Path, size_px: int, samples: int) -> None:
        self._folder = folder
        self._size_px = size_px
        self._samples = samples

    @_interrupt_held_back()
    def draw(self, scene: Scene) -> Pixels:
        """The scene's pixels. The same machine and the same Blender give the same ones."""
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._set_renderer()
        add_room(scene.room)
        if scene.item is not None and scene.pose is not None:
            add_item(scene.item, scene.pose)
        bpy.ops.render.render(write_still=True)
        return pixels_of(bpy.data.images.load(self._file("drawn.png")))

    @_interrupt_held_back()
    def jpeg(self, pixels: Pixels) -> bytes:
        """The picture as the bytes of a JPEG file, without a date in them."""
        height, width, _ = pixels.shape
        image = new_image("still", width, height, pixels[::-1])
        image.file_format = "JPEG"
        image.save(filepath=self._file("still.jpg"), quality=JPEG_QUALITY)
        bpy.data.images.remove(image)
        return (self._folder / "still.jpg").read_bytes()

    def _file(self, name: str) -> str:
        return str(self._folder / name)

    def _set_renderer(self) -> None:
        scene = bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.render.resolution_x = scene.render.resolution_y = self._size_px
        scene.render.image_settings.file_format = "PNG"
        scene.render.filepath = self._file("drawn.png")
        scene.view_settings.view_transform = VIEW_TRANSFORM
        cycles = scene.cycles
        cycles.device = "CPU"
        cycles.samples = self._samples
        cycles.use_denoising = True
        cycles.max_bounces = cycles.transmission_bounces = BOUNCES
        cycles.glossy_bounces, cycles.diffuse_bounces = GLOSSY_BOUNCES, DIFFUSE_BOUNCES
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.blur_glossy = BLUR_GLOSSY


@contextmanager
def open_studio(size_px: int, samples: int) -> Iterator[Studio]:
    """A studio, for the main thread. While it is open, standard output is shut: Blender would fill it."""
    with TemporaryDirectory(prefix="chamber-") as folder, _shut_output():
        yield Studio(Path(folder), size_px, samples)


@contextmanager
def _shut_output() -> Iterator[None]:
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        # Blender writes through C's buffer: what is left in it belongs to the closed end.
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
