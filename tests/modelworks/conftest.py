"""Generated pictures that a tiny network can tell apart, so that the tests need no data."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import file_system

from appliance.preprocess import Preprocessing

COLOURS = {"blue": (200, 60, 40), "green": (40, 190, 60), "red": (40, 50, 200)}
PER_CLASS = 12


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three classes, twelve noisy pictures of one colour each, 64 wide and 48 high."""
    folder = tmp_path_factory.mktemp("data") / "colours"
    rng = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for number in range(PER_CLASS):
            noise = rng.integers(-30, 31, (48, 64, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / label / f"{label}{number:03d}.png"), pixels)
    return folder


@pytest.fixture(scope="session")
def quantized_run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with the files of a few recipes of a tiny network that was taught the colours; not validated."""
    pytest.importorskip("tensorflow", reason="needs the extra `train`")
    import keras

    from modelworks.batches import inputs_of, one_hot
    from modelworks.convert import convert
    from modelworks.dataset import decode_all, fingerprint, labels_of, list_pictures
    from modelworks.quantrecipes import RECIPES
    from modelworks.recipe import Stage, TrainRecipe
    from modelworks.runfolder import RunFolder
    from modelworks.split import SplitPlan, split_pictures

    there = list_pictures(pictures).pictures
    labels, plan = labels_of(there), SplitPlan(by="pictures", validation=0.2, test=0.3)
    recipe = TrainRecipe(
        "colours", fingerprint(there), labels, Preprocessing(size=(32, 32)), (Stage(32, 5),), split=plan
    )
    split, run = split_pictures(there, plan), RunFolder(tmp_path_factory.mktemp("runs") / "colours")
    run.begin(pictures, recipe, split, {}, "modelworks train colours")
    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((32, 32, 3)),
        keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(len(labels), activation="softmax"),
    ]
    network = keras.Sequential(layers)
    network.compile(keras.optimizers.Adam(0.02), loss="categorical_crossentropy")
    inputs = inputs_of(decode_all(pictures, split.train), recipe.preprocessing)
    classes = [labels.index(picture.label) for picture in split.train]
    network.fit(inputs, one_hot(classes, len(labels)), epochs=5, verbose=0)
    made = {}
    for name in ("float32", "dynamic", "int8-io"):
        content = convert(network, RECIPES[name], inputs)
        run.write_bytes(f"{name}.tflite", content)
        made[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    run.write("figures.json", {"command": "modelworks quantize colours", "recipes": made})
    return run.path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 6 MB."""
    with file_system(tmp_path / "disk", "6m") as place:
        yield place
