"""What is quantized: a trained network, and the pictures to calibrate it on and to measure it with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import UsageError
from appliance.files import sha256_of
from appliance.preprocess import Preprocessing
from modelworks.calibration import draw
from modelworks.dataset import Picture, decode, list_pictures
from modelworks.kerasfile import load_classifier
from modelworks.network import build
from modelworks.runfolder import RunFolder
from modelworks.weightsfile import load

__all__ = ["Subject", "subject_of_model", "subject_of_run"]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """`calibrating`: to calibrate on; `held`: to measure on; no picture is in both. `seed` draws the calibration.

    `origin` names the network for NAME.recipe.json. `run` is the training's folder, if there is one.
    """

    network: Any
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    seed: int
    folder: Path
    calibrating: tuple[Picture, ...]
    held: tuple[Picture, ...]
    origin: Mapping[str, str]
    run: RunFolder | None = None


def subject_of_run(folder: Path, run: RunFolder) -> Subject:
    """A finished training: calibrated on its training pictures, measured on its validation pictures.

    Raises:
        ModelError: the weights cannot be loaded.
        UsageError: the run folder is of another version, or lacks a file.
    """
    recipe, split = run.recipe(), run.split()
    network = build(recipe, recipe.preprocessing.size[0])
    load(network, run.best)
    origin = {"network": run.best.name, "sha256": sha256_of(run.best)}
    prepared = recipe.preprocessing
    return Subject(network, recipe.labels, prepared, recipe.seed, folder, split.train, split.validation, origin, run)


def subject_of_model(path: Path, folder: Path, count: int, seed: int) -> Subject:
    """A classifier from elsewhere: calibrated on `count` pictures of `folder`, measured on the others.

    Nobody knows which of them it was trained on: its agreement with float32 means what it says, its accuracy may
    flatter.

    Raises:
        ModelError: it is no classifier that can be loaded.
        UsageError: the folder's classes are not as many as the network's, or too few pictures are left to measure on.
    """
    pictures = list_pictures(folder).pictures
    labels = tuple(sorted({picture.label for picture in pictures}))
    drawn = draw(pictures, labels, count, seed).pictures
    chosen = set(drawn)
    held = tuple(picture for picture in pictures if picture not in chosen)
    if not held:
        found = f"{len(pictures)} pictures in {folder}, all drawn for the calibration"
        raise UsageError("choosing the pictures to measure on", found, "a smaller --representative, or more pictures")
    network = load_classifier(path, labels, [decode(folder, picture) for picture in held[:4]])
    origin = {"network": path.name, "sha256": sha256_of(path)}
    prepared = Preprocessing(size=tuple(network.input_shape[1:3]))
    return Subject(network, labels, prepared, seed, folder, drawn, held, origin)
