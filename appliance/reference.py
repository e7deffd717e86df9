"""The commissioning reference: how the empty region looked when the machine was set up; JSON beside a PNG."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance.config import Config
from appliance.errors import StorageError
from appliance.files import write_power_safe
from appliance.optics import Light, Measures, Stack, View
from appliance.preprocess import Region

__all__ = ["PICTURES", "Reference", "make_reference", "read_reference", "reference_path", "write_reference"]

PICTURES = 8
"""So many pictures make one comparison, when the reference is taken and later: noise then counts alike in both."""
_SCHEMA = 1
_REMEDY = "empty the region and take a new one: appliance camera reference --force"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """`taken` is the wall time as ISO 8601, `size` (width, height) of the part that was measured: `region`, or all.

    `watched` names what can be told from this scene: brightness and colour always, the focus where something in it is
    sharp, a shift where there is enough to see.
    """

    taken: str
    camera: str
    size: tuple[int, int]
    region: Region | None
    watched: tuple[str, ...]
    view: View

    def misfit(self, region: Region | None, size: tuple[int, int]) -> str:
        """Why pictures of this size and region cannot be compared with it; "" if they can."""
        if region != self.region:
            return "camera.roi has changed since the reference was taken"
        if size != self.size:
            return f"it shows {self.size[0]}x{self.size[1]} pixels, the camera {size[0]}x{size[1]}"
        return ""


def reference_path(config: Config) -> Path:
    """Where the reference of this configuration is, or would be."""
    path: Path | None = config.drift.reference
    return path if path is not None else config.machine.state_dir / "reference.json"


def make_reference(stack: Stack, size: tuple[int, int], region: Region | None, camera: str, taken: str) -> Reference:
    """The reference that these pictures of the empty region are.

    Raises:
        ValueError: there are fewer than eight.
    """
    if stack.count < PICTURES:
        raise ValueError(f"a reference is made of at least {PICTURES} pictures, not {stack.count}")
    view = stack.view()
    watched = ["brightness", "colour"]
    watched += ["focus"] if view.measures.focus else []
    watched += ["shift"] if stack.steady() else []
    return Reference(taken, camera, size, region, tuple(sorted(watched)), view)


def write_reference(path: Path, reference: Reference) -> None:
    """Replace the reference at `path` (.json) and its picture beside it (.png).

    Raises:
        StorageError: the disk refuses.
    """
    _, png = cv2.imencode(".png", np.clip(np.rint(reference.view.light), 0, 255).astype(np.uint8))
    picture = png.tobytes()
    told = {
        "schema": _SCHEMA,
        "taken": reference.taken,
        "camera": reference.camera,
        "size": list(reference.size),
        "region": _region_as_list(reference.region),
        "watched": list(reference.watched),
        "measures": reference.view.measures.as_dict(),
        "scale": reference.view.scale,
        "picture": _picture_of(path).name,
        "picture_sha256": hashlib.sha256(picture).hexdigest(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_power_safe(_picture_of(path), picture)
        # The JSON comes last and names the picture's hash: a power cut in between shows.
        write_power_safe(path, json.dumps(told, indent=2).encode() + b"\n")
    except OSError as error:
        remedy = "make the directory writable, or set drift.reference to another place"
        raise StorageError(f"writing the reference {path}", error.strerror or str(error), remedy) from error


def read_reference(path: Path) -> Reference | None:
    """The reference at `path`; None if there is none.

    Raises:
        StorageError: it cannot be read, is damaged, or does not belong to its picture.
    """
    doing = f"reading the reference {path}"
    try:
        told = json.loads(path.read_bytes())
        picture = _picture_of(path).read_bytes()
    except FileNotFoundError as error:
        if not path.exists():
            return None
        raise StorageError(doing, f"its picture {error.filename} is gone", _REMEDY) from error
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(doing, str(error), _REMEDY) from error
    try:
        return _reference(told, picture)
    except (KeyError, TypeError, ValueError, cv2.error) as error:
        raise StorageError(doing, f"it is damaged ({error})", _REMEDY) from error


def _reference(told: Any, picture: bytes) -> Reference:
    if told["schema"] != _SCHEMA:
        raise ValueError(f"schema {told['schema']!r}, not {_SCHEMA}")
    if hashlib.sha256(picture).hexdigest() != told["picture_sha256"]:
        raise ValueError("the picture beside it is another one")
    light: Light = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR), np.float32)
    measures = Measures(**{name: float(told["measures"][name]) for name in ("focus", "brightness", "blue", "red")})
    width, height = (int(side) for side in told["size"])
    region = None if told["region"] is None else Region(*(int(value) for value in told["region"]))
    view = View(measures, light, float(told["scale"]))
    return Reference(str(told["taken"]), str(told["camera"]), (width, height), region, tuple(told["watched"]), view)


def _picture_of(path: Path) -> Path:
    return path.with_suffix(".png")


def _region_as_list(region: Region | None) -> list[int] | None:
    return None if region is None else [region.x, region.y, region.width, region.height]
