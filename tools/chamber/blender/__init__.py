"""Blender as a studio: a Scene in, pixels out. The only package that knows bpy, which takes a second to import.

Tested with Blender 4.5 LTS. Raises `UsageError` when imported where there is no bpy.
"""

import sys

from appliance.errors import UsageError

try:
    import bpy  # noqa: F401
except ImportError as error:
    raise UsageError(
        "starting Blender",
        f"Python {sys.version_info.major}.{sys.version_info.minor} cannot import bpy ({error})",
        "pip install '.[render]', with Python 3.11, in an environment of its own (docs/rendering.md)",
    ) from error

from chamber.blender.studio import Studio, open_studio

__all__ = ["Studio", "open_studio"]
