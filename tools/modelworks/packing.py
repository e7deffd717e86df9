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
from modelworks.recipe import TrainRecipe
from modelworks.runfolder import RunFolder
from modelworks.split import Split

__all__ = ["RECIPE_FILE", "pack", "usual_choice", "write_directory"]

RECIPE_FILE = "recipe.json"
VALIDATION_FILE = "validation.json"
FOLDS_FILE = "folds.json"
SELECTION_FILE = "selection.json"
USUAL = "int8-io"
"""What is packed of a run in which nothing was selected."""


def pack(
    run: RunFolder, quantized: str, name: str, version: str, licences: Sequence[str], command: str
) -> dict[str, bytes]:
    """The directory's files by name, manifest.json last.

    Raises:
        UsageError: the run is not validated, or no classifier, or name or version are refused.
        ModelError: the .tflite file is damaged, or changed since it was measured.
    """
    recipe, split = run.recipe(), run.split()
    measured = _measured(run)
    own = _row(run, quantized, measured)
    content = _model(run, quantized, own["sha256"])
    files = {
        MODEL_FILE: content,
        LABELS_FILE: ("\n".join(recipe.labels) + "\n").encode(),
        RECIPE_FILE: (run.path / RECIPE_FILE).read_bytes(),
    }
    parse_labels(files[LABELS_FILE])
    steps = {"train": RECIPE_FILE, "quantize": "figures.json", "validate": VALIDATION_FILE}
    commands = {step: run.read(name)["command"] for step, name in steps.items()} | {"pack": command}
    # Files of one run may have been made by several commands: this one's counts.
    made = run.read("figures.json")["recipes"].get(quantized, {})
    commands["quantize"] = made.get("command", commands["quantize"])
    manifest = Manifest(
        name,
        version,
        {each: FileEntry(hashlib.sha256(data).hexdigest(), len(data)) for each, data in files.items()},
        recipe.preprocessing,
        LiteModel(run.tflite(quantized)).tensor_format,
        training=_training(recipe, split, licences),
        validation=_validation(recipe, split),
        figures=_figures(own, measured, run, commands),
    )
    return files | {MANIFEST_FILE: _checked(manifest)}


def usual_choice(run: RunFolder) -> str:
    """What to pack where nothing is said: what `modelworks select` chose, or else int8-io.

    Raises:
        UsageError: selection.json is damaged.
    """
    if not run.has(SELECTION_FILE):
        return USUAL
    choice = run.read(SELECTION_FILE).get("choice")
    if not isinstance(choice, str):
        raise UsageError(f"reading {run.path / SELECTION_FILE}", "no choice in it", "`modelworks select` again")
    return choice


def write_directory(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files in their order. The old manifest goes first: half a directory is none.

    Raises:
        UsageError: other things or another model lie there, or one of this name with the same version or a larger one.
        StorageError: it cannot be written.
    """
    _check_replaced(folder, files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST_FILE).unlink(missing_ok=True)
        for name, content in files.items():
            write_power_safe(folder / name, content)
    except OSError as error:
        raise StorageError(
            f"writing the model directory {folder}", str(error), "make room or choose another -o"
        ) from error


def _check_replaced(folder: Path, files: Mapping[str, bytes]) -> None:
    """A machine tells two models of one name by their versions. What is no whole model may be written over."""
    doing = f"writing the model directory {folder}"
    try:
        old = Manifest.from_bytes((folder / MANIFEST_FILE).read_bytes())
    except (OSError, ModelError):
        _check_holds_nothing_else(folder, files, doing)
        return
    new = Manifest.from_bytes(files[MANIFEST_FILE])
    if old.name != new.name:
        raise UsageError(doing, f"another model is there, {old.name} {old.version}", "another -o, or remove it")
    if _numbers(old.version) < _numbers(new.version) or (old.version == new.version and old.files == new.files):
        return
    found = f"{old.name} {old.version} is there already"
    raise UsageError(doing, found, f"--version: one that is larger than {old.version}, or another -o")


def _check_holds_nothing_else(folder: Path, files: Mapping[str, bytes], doing: str) -> None:
    """A folder that holds no model may be what a `pack` left that was cut short, and no run or anything of a user's."""
    others = sorted(each.name for each in folder.iterdir() if each.name not in files) if folder.is_dir() else []
    left = [name for name in others if not name.startswith("part-")]
    if left:
        raise UsageError(doing, f"it is no model directory, and holds {left[0]}", "a new folder as -o")


def _numbers(version: str) -> tuple[int, ...]:
    """MAJOR.MINOR.PATCH, as a manifest has it."""
    return tuple(map(int, version.split(".")))


def _measured(run: RunFolder) -> dict[str, Any]:
    doing = f"packing the run {run.path}"
    if not run.has(VALIDATION_FILE):
        raise UsageError(doing, f"it has no {VALIDATION_FILE}: nothing is known of its files", "`modelworks validate`")
    measured = run.read(VALIDATION_FILE)
    if measured["task"] != "classification":
        raise UsageError(doing, f"it is a {measured['task']}", "the appliance runs classifiers only")
    return measured


def _row(run: RunFolder, name: str, measured: Mapping[str, Any]) -> Mapping[str, Any]:
    """A file's row in validation.json."""
    rows = {row["name"]: row for row in measured["rows"]}
    if name not in rows:
        found = f"only {', '.join(rows)} were measured"
        raise UsageError(f"packing {run.tflite(name)}", found, "`modelworks validate`, or another --recipe")
    return dict(rows[name])


def _model(run: RunFolder, quantized: str, sha256: str) -> bytes:
    path = run.tflite(quantized)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"packing {path}", str(error), "give `modelworks quantize` again") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        found = "it is not the file whose figures were measured"
        raise ModelError(f"packing {path}", found, "give `modelworks validate` again")
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
    learned = split.learned(refit=recipe.refit)
    return {
        "data": recipe.data_name,
        "data_fingerprint": recipe.data,
        "fingerprint": fingerprint(learned),
        "seed": recipe.seed,
        **({"refit": True} if recipe.refit else {}),
        "weights": asdict(recipe.weights),
        **({"members": [asdict(each.recipe.weights) for each in recipe.members]} if recipe.members else {}),
        "licences": list(licences),
        "pictures": _hashes(learned),
    }


def _validation(recipe: TrainRecipe, split: Split) -> dict[str, Any]:
    """What chose and what tested: in a refit no picture chose, for those that did before have taught."""
    chose = () if recipe.refit else split.validation
    return {
        "data": recipe.data_name,
        "split": asdict(recipe.split),
        "fingerprint": fingerprint(chose),
        "test_fingerprint": fingerprint(split.test),
        "pictures": _hashes(chose),
        "test_pictures": _hashes(split.test),
    }


def _figures(
    own: Mapping[str, Any], measured: Mapping[str, Any], run: RunFolder, commands: Mapping[str, str]
) -> dict[str, Any]:
    reference = next(row for row in measured["rows"] if row["name"] == measured["reference"])
    kept = {name: own[name] for name in ("accuracy", "per_class", "confusion", "paired_loss", "calibration_error")}
    return {
        "recipe": own["name"],
        **kept,
        "accuracy_float32": reference["accuracy"],
        "agreement_test": own["agreement"],
        "test_reads": measured["test_reads"],
        **_cross_validated(own["name"], run),
        "commands": dict(commands),
    }


def _cross_validated(name: str, run: RunFolder) -> dict[str, Any]:
    """The pooled figures of the same recipe's files in every fold, if the run was cross-validated."""
    folds = run.read(FOLDS_FILE) if run.has(FOLDS_FILE) else {"rows": {}}
    if name not in folds["rows"]:
        return {}
    return {"cross_validated": {"folds": folds["folds"], "command": folds["command"], **folds["rows"][name]}}
