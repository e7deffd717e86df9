"""From what a person calls a model to a file that may be run, its labels, and how it wants its pictures."""

from dataclasses import dataclass
from pathlib import Path

from appliance.bundle.manifest import LABELS_FILE, MANIFEST_FILE, MODEL_FILE, parse_labels
from appliance.classifier.model_files import read_model
from appliance.classifier.probe import probe
from appliance.errors import ModelError, UsageError
from appliance.files import sha256_of
from appliance.preprocess import Preprocessing
from modelworks.runfolder import RunFolder

__all__ = ["ModelSource", "find_model"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A .tflite file that was run once in another process and did not crash it.

    `preprocessing` is None where nothing beside the file says how it wants its pictures.
    """

    name: str
    path: Path
    sha256: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing | None


def find_model(model: Path, labels: Path | None = None) -> ModelSource:
    """A model directory, or a .tflite file: with `labels`, with a labels.txt beside it, or in a run folder.

    Raises:
        UsageError: there is no such file, or a directory is given with labels of its own or without a model.
        ModelError: the file is damaged or crashes the interpreter, or nothing names its labels.
    """
    folder = model if model.is_dir() else model.parent
    whole = model.is_dir() or (model.name == MODEL_FILE and labels is None)
    if whole and (folder / MANIFEST_FILE).is_file():
        return _of_directory(folder, labels)
    if model.is_dir():
        raise _no_file(model)
    if not model.is_file():
        raise UsageError(f"opening the model {model}", "there is no such file", "name a .tflite or a model directory")
    probe(model, "litert")
    run = RunFolder(folder)
    recipe = run.recipe() if run.exists() else None
    known = () if recipe is None else recipe.labels
    spec = None if recipe is None else recipe.preprocessing
    return ModelSource(model.name, model, _digest(model), _labels(model, labels, known), spec)


def _of_directory(folder: Path, labels: Path | None) -> ModelSource:
    """A packed model: every file is what the manifest says, so no probe."""
    if labels is not None:
        raise UsageError(f"opening the model {folder}", "it has labels of its own", "leave --labels away")
    files = read_model(folder, None)
    preprocessing = files.manifest.preprocessing if files.manifest else None
    return ModelSource(files.name, files.path, files.digest, files.labels, preprocessing)


def _no_file(folder: Path) -> UsageError:
    """A directory without a manifest: a run folder perhaps, of which one file must be chosen."""
    there = sorted(path.name for path in folder.glob("*.tflite"))
    found = f"a folder with {', '.join(there)}" if there else f"no {MANIFEST_FILE} in it"
    remedy = "name one of the files" if there else "name a .tflite or a directory made by `modelworks pack`"
    return UsageError(f"opening the model {folder}", found, remedy)


def _labels(model: Path, given: Path | None, known: tuple[str, ...]) -> tuple[str, ...]:
    beside = model.with_name(LABELS_FILE)
    path = given if given is not None else beside if beside.is_file() else None
    if path is None and not known:
        remedy = f"--labels FILE, one label a line, or a {LABELS_FILE} beside it"
        raise ModelError(f"opening the model {model}", "nothing names its labels", remedy)
    if path is None:
        return known
    try:
        return parse_labels(path.read_bytes())
    except OSError as error:
        raise UsageError(f"reading the labels {path}", error.strerror or str(error), "check --labels") from error


def _digest(model: Path) -> str:
    try:
        return sha256_of(model)
    except OSError as error:
        raise ModelError(f"opening the model {model}", error.strerror or str(error), "check its permissions") from error
