"""manifest.json: what a model directory holds and how to feed it. Pure: bytes in, records out, or it raises."""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from appliance.errors import ModelError
from appliance.preprocess import Preprocessing, TensorFormat

__all__ = ["LABELS_FILE", "MANIFEST_FILE", "MODEL_FILE", "SCHEMA", "FileEntry", "Manifest", "parse_labels"]

SCHEMA = 1
MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.tflite"
LABELS_FILE = "labels.txt"
MAX_MANIFEST_BYTES = 4_000_000
"""Room for some 40,000 training pictures' hashes; more than this is not a manifest."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}\Z", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,2}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the bundle: its SHA-256 in hexadecimal, and its length in bytes."""

    sha256: str
    length: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model's description.

    `training` and `validation` name the data and carry its fingerprint; `training["pictures"]` is the sorted list of
    the SHA-256 of every training picture's file. `figures` are the results its maker measured.
    """

    name: str
    version: str
    files: Mapping[str, FileEntry]
    preprocessing: Preprocessing
    tensor: TensorFormat
    task: str = "classification"
    training: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Manifest":
        """Parse and check manifest.json.

        Raises:
            ModelError: it is not a manifest of schema 1; the message names the key.
        """
        if len(content) > MAX_MANIFEST_BYTES:
            raise _refuse(f"{len(content)} bytes, more than {MAX_MANIFEST_BYTES}")
        try:
            raw = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _refuse(f"not JSON ({error})") from error
        if not isinstance(raw, dict):
            raise _refuse("not a JSON object")
        if raw.get("schema") != SCHEMA:
            raise _refuse(f"schema is {raw.get('schema')!r}, this version reads {SCHEMA}")
        files = {name: _entry(name, entry) for name, entry in _get(raw, "files", dict).items()}
        for needed in (MODEL_FILE, LABELS_FILE):
            if needed not in files:
                raise _refuse(f"files does not list {needed}")
        preprocessing, tensor = _input(_get(raw, "preprocessing", dict))
        name, version = _get(raw, "name", str), _get(raw, "version", str)
        if not _NAME.match(name):
            raise _refuse(f"name {name!r} is not made of a-z, 0-9, '.', '_', '-'")
        if not _VERSION.match(version):
            raise _refuse(f"version {version!r} is not MAJOR.MINOR.PATCH")
        task = _get(raw, "task", str)
        if task not in ("classification", "regression"):
            raise _refuse(f"task {task!r} is neither classification nor regression")
        return cls(
            name,
            version,
            files,
            preprocessing,
            tensor,
            task,
            _get(raw, "training", dict, {}),
            _get(raw, "validation", dict, {}),
            _get(raw, "figures", dict, {}),
        )

    def to_bytes(self) -> bytes:
        """The manifest as JSON, stable to the byte for equal content."""
        tensor = {
            "dtype": self.tensor.dtype,
            "input_scale": self.tensor.scale,
            "input_zero_point": self.tensor.zero_point,
        }
        raw = {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "task": self.task,
            "files": {name: asdict(entry) for name, entry in sorted(self.files.items())},
            "preprocessing": self.preprocessing.as_dict() | tensor,
            "figures": dict(self.figures),
            "validation": dict(self.validation),
            "training": dict(self.training),
        }
        return (json.dumps(raw, indent=1, ensure_ascii=False) + "\n").encode()


def parse_labels(content: bytes) -> tuple[str, ...]:
    """labels.txt: one label a line, in the order of the network's outputs.

    Raises:
        ModelError: not UTF-8, empty, or a label that comes twice.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ModelError("reading labels.txt", f"not UTF-8 ({error})", "save it as UTF-8 text") from error
    while lines and not lines[-1].strip():
        lines.pop()
    labels = tuple(line.strip() for line in lines)
    if not labels:
        raise ModelError("reading labels.txt", "it is empty", "write one label a line, in the order of the outputs")
    for number, label in enumerate(labels, 1):
        if not label:
            raise ModelError("reading labels.txt", f"line {number} is empty", "write one label a line")
        if label in labels[: number - 1]:
            raise ModelError("reading labels.txt", f"{label!r} comes twice (line {number})", "name each class once")
    return labels


def _refuse(found: str) -> ModelError:
    return ModelError("reading manifest.json", found, "make the model directory again with `modelworks pack`")


_MISSING = object()


def _get(raw: Mapping[str, Any], key: str, kind: type, default: Any = _MISSING) -> Any:
    value = raw.get(key, default)
    if value is _MISSING:
        raise _refuse(f"{key} is missing")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _refuse(f"{key} is {type(value).__name__}, not {kind.__name__}")
    return value


def _number(raw: Mapping[str, Any], key: str) -> float:
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise _refuse(f"preprocessing.{key} is {str(value)[:40]}, not a number")
    return value


def _entry(name: str, raw: Any) -> FileEntry:
    if not _FILE.match(name) or name in (MANIFEST_FILE, "manifest.sig"):
        raise _refuse(f"files names {name!r}, which is not a plain file of the bundle")
    if not isinstance(raw, dict):
        raise _refuse(f"files.{name} is not an object")
    sha256, length = raw.get("sha256"), raw.get("length")
    if not isinstance(sha256, str) or not _SHA256.match(sha256):
        raise _refuse(f"files.{name}.sha256 is not 64 hexadecimal digits")
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise _refuse(f"files.{name}.length is not a length in bytes")
    return FileEntry(sha256, length)


def _input(raw: Mapping[str, Any]) -> tuple[Preprocessing, TensorFormat]:
    size = raw.get("size")
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int for side in size):
        raise _refuse(f"preprocessing.size is {size!r}, not [height, width]")
    zero_point = raw.get("input_zero_point")
    if type(zero_point) is not int:
        raise _refuse(f"preprocessing.input_zero_point is {zero_point!r}, not a whole number")
    try:
        spec = Preprocessing(
            (size[0], size[1]),
            raw.get("resize"),  # type: ignore[arg-type]  # __post_init__ checks it
            raw.get("interpolation"),  # type: ignore[arg-type]
            raw.get("colour"),  # type: ignore[arg-type]
            _number(raw, "mean"),
            _number(raw, "std"),
        )
        tensor = TensorFormat(raw.get("dtype"), _number(raw, "input_scale"), zero_point)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        if isinstance(error, ModelError):
            raise
        raise _refuse(f"preprocessing: {error}") from error
    return spec, tensor
