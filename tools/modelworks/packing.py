"""Making the directory that the appliance runs from a run folder: model, labels, recipe, manifest."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from appliance.bundle.manifest import LABELS_FILE, MANIFEST_FILE, MODEL_FILE, FileEntry, Manifest, parse_labels
from appliance.errors import ModelError, StorageError, UsageError
from appliance.files import write_power_safe
from modelworks.dataset import Picture, fingerprint
from modelworks.litert import LiteModel
from modelworks.quantrecipes import REFERENCE
from modelworks.recipe import TrainRecipe
from modelworks.runfolder import RunFolder
from modelworks.split import Split

__all__ = ["RECIPE_FILE", "pack", "write_directory"]

RECIPE_FILE = "recipe.json"


def pack(
    run: RunFolder, quantized: str, name: str, version: str, licences: Sequence[str], command: str
) -> dict[str, bytes]:
    """The directory's files by name, manifest.json last.

    Raises:
        UsageError: the run was not trained and quantized to its end, or name or version are refused.
        ModelError: the .tflite file is damaged, or changed since it was measured.
    """
    recipe, split, measured = run.recipe(), run.split(), run.read("figures.json")
    content = _model(run, quantized, measured)
    files = {
        MODEL_FILE: content,
        LABELS_FILE: ("\n".join(recipe.labels) + "\n").encode(),
        RECIPE_FILE: (run.path / RECIPE_FILE).read_bytes(),
    }
    parse_labels(files[LABELS_FILE])
    commands = {"train": run.read(RECIPE_FILE)["command"], "quantize": measured["command"], "pack": command}
    manifest = Manifest(
        name,
        version,
        {each: FileEntry(hashlib.sha256(data).hexdigest(), len(data)) for each, data in files.items()},
        recipe.preprocessing,
        LiteModel(run.tflite(quantized)).tensor_format,
        training=_training(recipe, split, licences),
        validation=_validation(recipe, split),
        figures=_figures(quantized, measured, commands),
    )
    return files | {MANIFEST_FILE: _checked(manifest)}


def write_directory(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files in their order. The old manifest goes first: half a directory is none.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST_FILE).unlink(missing_ok=True)
        for name, content in files.items():
            write_power_safe(folder / name, content)
    except OSError as error:
        raise StorageError(
            f"writing the model directory {folder}", str(error), "make room or choose another -o"
        ) from error


def _model(run: RunFolder, quantized: str, measured: Mapping[str, Any]) -> bytes:
    doing = f"packing {run.tflite(quantized)}"
    known = measured["recipes"].get(quantized)
    if known is None:
        raise UsageError(
            doing, f"the run has only {', '.join(measured['recipes'])}", "modelworks quantize --recipe ..."
        )
    try:
        content = run.tflite(quantized).read_bytes()
    except OSError as error:
        raise ModelError(doing, str(error), "give `modelworks quantize` again") from error
    if hashlib.sha256(content).hexdigest() != known["sha256"]:
        raise ModelError(doing, "it is not the file whose figures were measured", "give `modelworks quantize` again")
    return content


def _checked(manifest: Manifest) -> bytes:
    """The manifest's bytes, once the appliance's own reader has accepted them."""
    content = manifest.to_bytes()
    try:
        Manifest.from_bytes(content)
    except ModelError as error:
        raise UsageError("making the manifest", error.found, "modelworks pack --help") from error
    return content


def _hashes(pictures: Sequence[Picture]) -> list[str]:
    return sorted(picture.sha256 for picture in pictures)


def _training(recipe: TrainRecipe, split: Split, licences: Sequence[str]) -> dict[str, Any]:
    return {
        "data": recipe.data_name,
        "data_fingerprint": recipe.data,
        "fingerprint": fingerprint(split.train),
        "seed": recipe.seed,
        "weights": asdict(recipe.weights),
        "licences": list(licences),
        "pictures": _hashes(split.train),
    }


def _validation(recipe: TrainRecipe, split: Split) -> dict[str, Any]:
    return {
        "data": recipe.data_name,
        "split": asdict(recipe.split),
        "fingerprint": fingerprint(split.validation),
        "test_fingerprint": fingerprint(split.test),
        "pictures": _hashes(split.validation),
        "test_pictures": _hashes(split.test),
    }


def _figures(quantized: str, measured: Mapping[str, Any], commands: Mapping[str, str]) -> dict[str, Any]:
    own, reference = measured["recipes"][quantized], measured["recipes"][REFERENCE]
    return {
        "recipe": quantized,
        "accuracy": own["test"]["accuracy"],
        "accuracy_float32": reference["test"]["accuracy"],
        "per_class": own["test"]["per_class"],
        "confusion": own["test"]["confusion"],
        "agreement_test": own["agreement_test"],
        "agreement_validation_and_test": own["agreement_validation_and_test"],
        "commands": dict(commands),
    }
