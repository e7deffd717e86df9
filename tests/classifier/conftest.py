"""A tiny network that tells red, green and blue apart, converted to every form that a model file may have.

TensorFlow makes the files in a process of its own (this file, run as a program): its threads and its memory would stay
with all later tests.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.bundle.manifest import FileEntry, Manifest
from appliance.classifier.tflite import TFLiteClassifier, TFLiteOptions
from appliance.preprocess import Preprocessing, TensorFormat

ROOT = Path(__file__).resolve().parents[2]
SIZE = (16, 16)
LABELS = ("red", "green", "blue")


def _network(tf: Any, *, softmax: bool, bias: float, classes: int = 3) -> Any:
    """Mean of each channel -> one score a channel, through a convolution that lets the channels pass."""
    picture = tf.keras.Input((*SIZE, 3), batch_size=1)
    features = tf.keras.layers.Conv2D(4, 3, padding="same", activation="relu")(picture)
    mean = tf.keras.layers.GlobalAveragePooling2D()(features)
    scores = tf.keras.layers.Dense(classes)(mean)
    network = tf.keras.Model(picture, tf.keras.layers.Softmax()(scores) if softmax else scores)
    kernel = np.zeros((3, 3, 3, 4), np.float32)
    kernel[1, 1] = np.eye(3, 4)
    dense = np.zeros((4, classes), np.float32)
    dense[:3, :3] = 4 * np.eye(3)
    network.set_weights([kernel, np.zeros(4, np.float32), dense, np.full(classes, bias, np.float32)])
    return network


def _convert(tf: Any, network: Any, io_type: str) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if io_type != "float32":
        rng = np.random.default_rng(0)
        corners = [np.full((1, *SIZE, 3), value, np.float32) for value in (-1.0, 1.0)]
        samples = [*corners, *(rng.uniform(-1, 1, (1, 1, 1, 3)).repeat(16, 1).repeat(16, 2) for _ in range(60))]
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample.astype(np.float32)] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, io_type)
    with warnings.catch_warnings(action="ignore"):
        return bytes(converter.convert())


def _build(folder: Path) -> None:
    import tensorflow as tf

    network = _network(tf, softmax=True, bias=0.0)
    models = {io_type: _convert(tf, network, io_type) for io_type in ("float32", "int8", "uint8")}
    models["logits"] = _convert(tf, _network(tf, softmax=False, bias=0.0), "float32")
    models["logits-uint8"] = _convert(tf, _network(tf, softmax=False, bias=0.0), "uint8")
    models["nan"] = _convert(tf, _network(tf, softmax=True, bias=float("nan")), "float32")
    for name, content in models.items():
        (folder / f"{name}.tflite").write_bytes(content)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bare models NAME.tflite, and labels.txt. Never written to by a test."""
    if find_spec("tensorflow") is None:
        pytest.skip("the extra `train` (TensorFlow) is not installed")
    folder = tmp_path_factory.mktemp("tiny")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    made = subprocess.run(
        [sys.executable, __file__, folder], env=environment, capture_output=True, text=True, timeout=250
    )
    assert made.returncode == 0, made.stderr
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    return folder


@dataclass
class Models:
    """Makes copies that a test may harm, and classifiers that are closed at the end."""

    tiny: Path
    folder: Path
    made: list[TFLiteClassifier]

    def bare(self, name: str) -> Path:
        return Path(shutil.copy(self.tiny / f"{name}.tflite", self.folder / f"{name}.tflite"))

    def labels(self, *labels: str) -> Path:
        path = self.folder / "my-labels.txt"
        path.write_text("\n".join(labels or LABELS) + "\n", encoding="utf-8")
        return path

    def directory(self, name: str, tensor: TensorFormat, spec: Preprocessing | None = None, **changes: Any) -> Path:
        """A model directory whose manifest describes its files truly, and its input as it is told."""
        place = self.folder / f"{name}-directory"
        place.mkdir()
        shutil.copy(self.tiny / f"{name}.tflite", place / "model.tflite")
        shutil.copy(self.tiny / "labels.txt", place / "labels.txt")
        files = {
            path.name: FileEntry(hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
            for path in place.iterdir()
        }
        manifest = Manifest("tiny", "1.2.3", files, spec or Preprocessing(SIZE), tensor, **changes)
        (place / "manifest.json").write_bytes(manifest.to_bytes())
        return place

    def load(self, model: Path, labels: Path | None = None, **options: Any) -> TFLiteClassifier:
        self.made.append(
            TFLiteClassifier(TFLiteOptions(kind="tflite", model=model, labels=labels, threads=1, **options))
        )
        return self.made[-1]


@pytest.fixture
def models(tiny: Path, tmp_path: Path) -> Iterator[Models]:
    one = Models(tiny, tmp_path, [])
    yield one
    for classifier in one.made:
        classifier.close()


@pytest.fixture
def paint() -> Callable[[str], NDArray[np.uint8]]:
    """A picture of one of the labels, as a camera gives it: blue, green, red."""
    colours = {"red": (20, 20, 230), "green": (20, 230, 20), "blue": (230, 20, 20)}
    return lambda label: np.full((48, 64, 3), colours[label], np.uint8)


if __name__ == "__main__":
    _build(Path(sys.argv[1]))
