"""MobileNet V1 in Keras: the one file that builds networks.

The head is a 1x1 convolution on the pooled features instead of a dense layer: the same arithmetic, but its quantized
form is an operator that older runtimes also load (today's converter writes FULLY_CONNECTED version 12).
"""

import os
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Operators that run side by side add gradients in the order of their finishing: measured, two runs of one seed then
# differ from the first step on. One after another costs no time here, as each operator uses every core itself.
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from appliance.errors import ModelError, StorageError
from modelworks.recipe import TrainRecipe

__all__ = [
    "build",
    "compile_for",
    "features_of",
    "fit_head",
    "load",
    "make_repeatable",
    "outputs_of",
    "save",
    "set_rate",
]

HEAD = "head"
BATCH = 32
"""Pictures looked at at once; no result depends on it."""


def make_repeatable(seed: int) -> None:
    """Seed every generator and choose deterministic kernels: the same command gives the same weights."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def build(classes: int, alpha: float, size: int | None = None, weights: Path | str | None = None) -> Any:
    """The network: (batch, size, size, 3) in [-1, 1] -> a distribution over `classes`. `size` None: any size.

    `weights`: a `.weights.h5` file without the top layers, "imagenet" (Keras downloads it), or None for random ones.

    Raises:
        ModelError: the weights cannot be had, or belong to a network of another width.
    """
    backbone = _backbone(alpha, size, weights)
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool")(backbone.output)
    head = keras.layers.Conv2D(classes, 1, name=HEAD)(pooled)
    flat = keras.layers.Reshape((classes,), name="flat")(head)
    return keras.Model(backbone.input, keras.layers.Softmax(name="scores")(flat), name="classifier")


def compile_for(network: Any, recipe: TrainRecipe) -> None:
    """Make the network ready to be trained by the recipe."""
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    network.compile(optimizer=keras.optimizers.Adam(recipe.learning_rate), loss=loss)
    network.optimizer.build(network.trainable_variables)


def set_rate(network: Any, rate: float) -> None:
    network.optimizer.learning_rate.assign(rate)


def features_of(network: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The pooled features of the frozen network, shape (n, features)."""
    return outputs_of(keras.Model(network.input, network.get_layer("pool").output), inputs)[:, 0, 0, :]


def outputs_of(network: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network says of every input, batch normalization as it will be on the machine."""
    batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
    return np.concatenate([np.asarray(network.predict_on_batch(batch)) for batch in batches])


def fit_head(network: Any, features: NDArray[np.float32], targets: NDArray[np.float32], recipe: TrainRecipe) -> None:
    """Train the head alone on features of the frozen network: seconds, and the fine-tuning starts from sense."""
    dense = keras.layers.Dense(len(recipe.labels), activation="softmax", kernel_regularizer=keras.regularizers.L2(1e-4))
    probe = keras.Sequential([keras.Input((features.shape[1],)), dense])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    probe.compile(keras.optimizers.Adam(recipe.head_rate), loss=loss)
    probe.fit(features, targets, batch_size=128, epochs=recipe.head_epochs, verbose=0)
    kernel, bias = dense.get_weights()
    network.get_layer(HEAD).set_weights([kernel[np.newaxis, np.newaxis], bias])


def save(network: Any, path: Path) -> None:
    """Weights and optimizer state; `path` appears whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    beside = path.with_name(f"part-{path.name}")
    try:
        network.save_weights(beside, overwrite=True)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        remedy = "make room, then give the same command again: it goes on where it stopped"
        raise StorageError(f"saving {path}", str(error), remedy) from error


def load(network: Any, path: Path) -> None:
    """Take back what `save` wrote into a network of the same shape.

    Raises:
        ModelError: it is missing, damaged, or of another network.
    """
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):  # Keras only warns of layers it skips
            network.load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        remedy = "check the path, and that alpha is that of the weights"
        raise ModelError(f"loading the weights {path}", str(error).splitlines()[0], remedy) from error


def _backbone(alpha: float, size: int | None, weights: Path | str | None) -> Any:
    shape = (size, size, 3)
    named = weights if isinstance(weights, str) else None
    try:
        backbone = keras.applications.MobileNet(input_shape=shape, alpha=alpha, include_top=False, weights=named)
    except Exception as error:  # Keras raises plain Exception when a download fails
        remedy = "give a .weights.h5 file with --weights PATH"
        raise ModelError(f"getting the {named} weights", str(error).splitlines()[0], remedy) from error
    if isinstance(weights, Path):
        load(backbone, weights)
    return backbone
