"""Loading a .keras file that was trained elsewhere, and making sure that it is a classifier of pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from appliance.errors import ModelError, UsageError
from appliance.preprocess import Preprocessing
from appliance.records import Pixels
from modelworks.backend import keras
from modelworks.batches import inputs_of
from modelworks.networkparts import outputs_of

__all__ = ["load_classifier"]

WANTED = "a network from one picture (height, width, 3) in [-1, 1] to a distribution over two classes or more"


def load_classifier(path: Path, labels: Sequence[str], pictures: Sequence[Pixels]) -> Any:
    """The network in the file; it is tried on `pictures`.

    Raises:
        ModelError: it cannot be read, holds code of its own, or is no classifier of pictures.
        UsageError: its classes are not as many as `labels`.
    """
    network = _load(path)
    _check_ends(path, network)
    classes = int(network.output_shape[1])
    if classes != len(labels):
        found = f"{classes} outputs for {len(labels)} folders: {', '.join(labels)}"
        raise UsageError(f"matching {path} with its pictures", found, "one sub-folder for each of its classes")
    scores = outputs_of(network, inputs_of(pictures, Preprocessing(size=tuple(network.input_shape[1:3]))))
    if not np.isfinite(scores).all() or (scores < -1e-3).any() or not np.allclose(scores.sum(axis=1), 1, atol=1e-3):
        found = f"for a picture it says {np.array2string(scores[0], precision=3)}: no distribution over classes"
        raise ModelError(f"trying {path}", found, f"{WANTED}; end it with a Softmax layer")
    return network


def _load(path: Path) -> Any:
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises what its layers and its archive raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"loading {path}", reason, "name a .keras file without layers of its own code") from error


def _check_ends(path: Path, network: Any) -> None:
    before, after = getattr(network, "input_shape", None), getattr(network, "output_shape", None)
    if not (_is_picture(before) and _is_distribution(after)):
        raise ModelError(f"reading {path}", f"it leads from {before} to {after}", f"{WANTED}, of fixed size")


def _is_picture(shape: Any) -> bool:
    return isinstance(shape, tuple) and len(shape) == 4 and shape[3] == 3 and None not in shape[1:]


def _is_distribution(shape: Any) -> bool:
    return isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[1], int) and shape[1] >= 2
