"""The files of a model, read and checked before any interpreter sees them."""

from dataclasses import dataclass
from pathlib import Path

from appliance.bundle.manifest import LABELS_FILE, MANIFEST_FILE, MODEL_FILE, Manifest, parse_labels
from appliance.errors import ModelError
from appliance.files import sha256_of
from appliance.wording import counted

__all__ = ["ModelFiles", "read_model"]

_IDENTIFIER = b"TFL3"
"""The FlatBuffer file identifier of every .tflite, at offset 4."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model that may be loaded. `manifest` is None for a bare .tflite, whose bytes nobody has vouched for."""

    path: Path
    labels: tuple[str, ...]
    digest: str
    manifest: Manifest | None

    @property
    def name(self) -> str:
        if self.manifest is None:
            return f"{self.path.name} ({self.digest[:8]})"
        return f"{self.manifest.name} {self.manifest.version} ({self.digest[:8]})"


def read_model(model: Path, labels: Path | None) -> ModelFiles:
    """Find and check the files of `model`: a directory with a manifest, or a bare .tflite with a file of labels.

    Raises:
        ModelError: missing, truncated, changed since the manifest was written, or without labels.
    """
    try:
        return _read_directory(model, labels) if model.is_dir() else _read_bare(model, labels)
    except OSError as error:
        raise ModelError(
            f"reading the model {model}",
            f"{error.filename or model}: {error.strerror or error}",
            "set classifier.model to a model directory, or to a .tflite file",
        ) from error


def _read_directory(model: Path, labels: Path | None) -> ModelFiles:
    doing = f"reading the model {model}"
    if labels is not None:
        raise ModelError(doing, "it is a directory with labels of its own", "remove classifier.labels")
    if not (model / MANIFEST_FILE).is_file():
        raise ModelError(doing, f"no {MANIFEST_FILE} in it", "name the .tflite itself and set classifier.labels")
    manifest = Manifest.from_bytes((model / MANIFEST_FILE).read_bytes())
    for name, entry in manifest.files.items():
        path = model / name
        length = path.stat().st_size
        if length != entry.length:
            raise ModelError(
                doing, f"{name} has {counted(length, 'byte')}, the manifest says {entry.length}", "copy the model again"
            )
        if sha256_of(path) != entry.sha256:
            raise ModelError(doing, f"{name} is not the file that the manifest describes", "copy the model again")
    if manifest.task != "classification":
        raise ModelError(doing, f"it is made for {manifest.task}", "use a model for classification")
    names = parse_labels((model / LABELS_FILE).read_bytes())
    return ModelFiles(model / MODEL_FILE, names, manifest.files[MODEL_FILE].sha256, manifest)


def _read_bare(model: Path, labels: Path | None) -> ModelFiles:
    doing = f"reading the model {model}"
    with model.open("rb") as file:
        head = file.read(8)
    if head[4:8] != _IDENTIFIER:
        raise ModelError(doing, "it is not a TensorFlow Lite file", "name a .tflite file or a model directory")
    if labels is None:
        raise ModelError(doing, "a bare .tflite has no labels", "set classifier.labels to a file, one label a line")
    return ModelFiles(model, parse_labels(labels.read_bytes()), sha256_of(model), None)
