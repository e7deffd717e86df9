"""MobileNet V1 and V2 and EfficientNet-Lite in Keras, alone or joined: the one file that builds networks.

The head is a 1x1 convolution on the pooled features instead of a dense layer: the same arithmetic, but its quantized
form is an operator that older runtimes also load (today's converter writes FULLY_CONNECTED version 12).
"""

import errno
import hashlib
import os
import re
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Operators that run side by side add gradients in the order of their finishing: measured, two runs of one seed then
# differ from the first step on. One after another costs no time here, as each operator uses every core itself.
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
# Without it the system hands over, and clears, every activation's pages anew: measured, a ReLU of 17 MB takes 7.9 ms
# instead of 2.3, and a training step a sixth longer.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from appliance.errors import ModelError, StorageError, UsageError
from appliance.files import write_power_safe
from modelworks.efficientnet import LITE, PUBLISHED, build_lite, load_published, published_file
from modelworks.layers import MeanOfPairs, Mirrored, RoundedReLU
from modelworks.logistic import logistic_regression
from modelworks.recipe import TrainRecipe

__all__ = [
    "LOGITS",
    "POOL",
    "build",
    "compile_for",
    "digest_of",
    "divide_logits",
    "fit_head",
    "join",
    "load",
    "make_repeatable",
    "outputs_of",
    "part_of",
    "save",
    "set_rate",
    "share_after",
]

tf.get_logger().setLevel("ERROR")  # it warns of every further network that is asked something: folds are many

POOL = "pool"
HEAD = "head"
LOGITS = "flat"
SPARE = 1_000_000
"""Bytes for HDF5's own bookkeeping."""
LOOKS = {
    "mean": (keras.layers.GlobalAveragePooling2D,),
    "mean-max": (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D),
}
"""What the head sees of a layer, by the recipe's `pooling`."""
SPREAD_FLOOR = 0.03
"""Added to a feature's standard deviation: one that never moves says nothing."""
CLIP = 5.0
"""The longest gradient that SGD follows."""
BATCH = 32
"""Pictures looked at at once; no result depends on it."""


def make_repeatable(seed: int) -> None:
    """Seed every generator and choose deterministic kernels: the same command gives the same weights."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def build(recipe: TrainRecipe, size: int | None = None, weights: Path | str | None = None) -> Any:
    """The recipe's network: (batch, size, size, 3) in [-1, 1] -> a distribution over its labels. `size` None: any size.

    `weights`: a `.weights.h5` file without the top layers, the `.pth` file of an EfficientNet-Lite, "imagenet" (Keras
    downloads a MobileNet's), or None for random ones. A joined network takes its weights from its members: `join`.

    Raises:
        ModelError: the weights cannot be had, or belong to another network.
    """
    classes = len(recipe.labels)
    picture, pooled = _side_by_side(recipe, size) if recipe.members else _pooled(recipe, size, weights)
    head = keras.layers.Conv2D(classes, 1, name=HEAD)(pooled)
    flat = keras.layers.Reshape((classes,), name=LOGITS)(head)
    return keras.Model(picture, keras.layers.Softmax(name="scores")(flat), name="classifier")


def join(network: Any, members: Sequence[Any]) -> None:
    """Give a joined network the weights of its members, in the recipe's order: its logits are the mean of theirs.

    A head on the members' pooled features side by side can say that mean exactly, so the network has one head and no
    layer that a MobileNet lacks, but for the one that lays the features side by side.
    """
    heads = [member.get_layer(HEAD).get_weights() for member in members]
    kernel = np.concatenate([kernel for kernel, _ in heads], axis=2) / len(members)
    network.get_layer(HEAD).set_weights([kernel, np.mean([bias for _, bias in heads], axis=0)])
    for number, member in enumerate(members, 1):
        for layer in part_of(member, last=POOL).layers:
            if layer.weights:
                network.get_layer(_named(number, layer)).set_weights(layer.get_weights())


def divide_logits(network: Any, temperature: float) -> None:
    """Let the network say the same, surer (below 1) or more modestly (above): its head's weights are divided."""
    head = network.get_layer(HEAD)
    head.set_weights([values / temperature for values in head.get_weights()])


def part_of(network: Any, first: str = "", last: str = LOGITS) -> Any:
    """The network from the output of the layer `first` ("" is the picture) to that of `last`; layers are shared.

    Raises:
        UsageError: it has no such layer.
    """
    try:
        begin = network.get_layer(first).output if first else network.input
        return keras.Model(begin, network.get_layer(last).output)
    except ValueError as error:
        names = ", ".join(layer.name for layer in network.layers if layer.name.endswith(("_relu", "_add")))
        there = {layer.name for layer in network.layers}
        missing = next((f"no layer {name}" for name in (last, first) if name and name not in there), "")
        found = (missing and f"it has {missing}") or f"more than {first} alone decides what comes after it"
        raise UsageError("dividing the network", found, f"one of {names}") from error


def freeze(network: Any, last: str) -> None:
    """Let the layers up to `last` keep what they know, their batch statistics too; "" lets all learn."""
    frozen = bool(last)
    for layer in network.layers:
        layer.trainable = not frozen
        frozen = frozen and layer.name != last


def share_after(network: Any, layer: str) -> float:
    """How much of a training step's cost lies behind `layer`: by the size of activations, which the time follows.

    Raises:
        UsageError: it has no such layer.
    """
    sizes = [int(np.prod([side or 64 for side in each.output.shape[1:]])) for each in network.layers]
    if layer:
        part_of(network, layer)
    place = [each.name for each in network.layers].index(layer) + 1 if layer else 0
    return sum(sizes[place:]) / sum(sizes)


def digest_of(part: Any) -> str:
    """SHA-256 over the weights of a part, in order, and the names of all its layers: the last one decides what it says.

    (But for inputs: Keras numbers their names through, so they differ from one network to the next.)
    """
    named = [layer.name for layer in part.layers if not isinstance(layer, keras.layers.InputLayer)]
    digest = hashlib.sha256("\n".join(named).encode())
    for values in part.get_weights():
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def compile_for(network: Any, recipe: TrainRecipe, frozen: str = "") -> Any:
    """Make the network ready for a stage of the recipe; returns the part that learns: inputs or features -> logits.

    The targets are those of `targets_of`. Network and part share their optimizer, so saving the network saves both.
    """
    freeze(network, frozen)
    part = part_of(network, frozen)
    if recipe.keep_statistics:
        part = _Still(part)
    optimizer = _optimizer(recipe)
    optimizer.build(part.trainable_variables)
    network.compile(optimizer=optimizer, loss="categorical_crossentropy")
    part.compile(optimizer=optimizer, loss=_loss(recipe))
    return part


class _Still(keras.Model):  # type: ignore[misc]
    """A part that learns with batch normalization as on the machine.

    A functional model would not do: it hands its own `training` on to the models nested in it.
    """

    def __init__(self, part: Any) -> None:
        super().__init__(name="still")
        self._part = part
        self._rounded = [layer for layer in part.layers if isinstance(layer, RoundedReLU)]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the part says of the inputs; of `training` only the activations that are rounded in it hear."""
        for layer in self._rounded:
            layer.always = bool(training)
        try:
            return self._part(inputs, training=False)
        finally:
            for layer in self._rounded:
                layer.always = False


def _optimizer(recipe: TrainRecipe) -> Any:
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(recipe.learning_rate, momentum=0.9, nesterov=True, clipnorm=CLIP)
    return keras.optimizers.Adam(recipe.learning_rate)


def _loss(recipe: TrainRecipe) -> Any:
    """Cross-entropy with the labels' half of the targets, and with the teachers' half at their temperature.

    Hinton's factor T^2 keeps the teachers' gradients as large as the labels' whatever the temperature.
    """
    taught, classes = recipe.distillation, len(recipe.labels)

    def loss(targets: Any, logits: Any) -> Any:
        hard = keras.losses.categorical_crossentropy(targets[:, :classes], logits, from_logits=True)
        if taught is None:
            return hard
        soft = keras.losses.categorical_crossentropy(
            targets[:, classes:], logits / taught.temperature, from_logits=True
        )
        return (1 - taught.weight) * hard + taught.weight * taught.temperature**2 * soft

    return loss


def set_rate(network: Any, rate: float) -> None:
    network.optimizer.learning_rate.assign(rate)


def outputs_of(network: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network says of every input, batch normalization as it will be on the machine."""
    batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
    return np.concatenate([np.asarray(network.predict_on_batch(batch)) for batch in batches])


def fit_head(network: Any, features: NDArray[np.float32], targets: NDArray[np.float32], recipe: TrainRecipe) -> None:
    """Train the head alone on features of the frozen network: seconds, and the fine-tuning starts from sense.

    `features`: (pictures, features); `targets`: (pictures, classes), rows that add up to 1. Features of different
    layers have different ranges, so the head is fitted to standardized ones; that is then written into its weights.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0) + SPREAD_FLOOR
    kernel, bias = logistic_regression((features - mean) / spread, targets, recipe.head_decay)
    kernel = kernel / spread[:, np.newaxis]
    network.get_layer(HEAD).set_weights([kernel[np.newaxis, np.newaxis], bias - mean @ kernel])


def save(network: Any, path: Path) -> None:
    """Weights and optimizer state; `path` appears whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    beside = path.with_name(f"part-{path.name}")
    try:
        _check_room(path.parent, network)
        network.save_weights(beside, overwrite=True)
        write_power_safe(path, beside.read_bytes())
    except OSError as error:
        remedy = "make room, then give the same command again: it goes on where it stopped"
        raise StorageError(f"saving {path}", str(error), remedy) from error
    finally:
        beside.unlink(missing_ok=True)


def _check_room(folder: Path, network: Any) -> None:
    """Before HDF5 begins: one that runs out of room in the middle of a file takes the interpreter with it.

    Raises:
        OSError: there is no room for two copies of the weights and Adam's two moments.
    """
    needed = 2 * 3 * 4 * network.count_params() + SPARE
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {needed / 1e6:.0f} MB are needed", str(folder))


def load(network: Any, path: Path) -> None:
    """Take back what `save` wrote into a network of the same shape.

    Raises:
        ModelError: it is missing, damaged, or of another network.
    """
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):  # Keras only warns of layers it skips
            network.load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        remedy = "check the path, and that --network and --alpha are those of the weights"
        raise ModelError(f"loading the weights {path}", str(error).splitlines()[0], remedy) from error


def _pooled(recipe: TrainRecipe, size: int | None, weights: Path | str | None) -> tuple[Any, Any]:
    backbone = _backbone(recipe, size, weights)
    layers = [*_levels(backbone, recipe.levels), backbone.layers[-1].name]
    kinds = LOOKS[recipe.pooling]
    if len(layers) == len(kinds) == 1:
        return backbone.input, kinds[0](keepdims=True, name=POOL)(backbone.output)
    pooled = [
        kind(keepdims=True, name=f"{POOL}{number}_{layer}")(backbone.get_layer(layer).output)
        for layer in layers
        for number, kind in enumerate(kinds, 1)
    ]
    return backbone.input, keras.layers.Concatenate(name=POOL)(pooled)


def _levels(backbone: Any, first: str) -> list[str]:
    """The layer `first` and its like in every later block: conv_pw_3_relu, conv_pw_4_relu ..., without the last layer.

    Source: Evci et al., Head2Toe, https://arxiv.org/abs/2201.03529: layers in the middle know what the last has lost.

    Raises:
        UsageError: there is no such layer.
    """
    if not first:
        return []
    part_of(backbone, last=first)
    names = [layer.name for layer in backbone.layers]
    like = re.compile(re.sub(r"\d+", r"\\d+", first))
    return [name for name in names[names.index(first) : -1] if like.fullmatch(name)]


def _side_by_side(recipe: TrainRecipe, size: int | None) -> tuple[Any, Any]:
    """The members look at the same picture; their layers lie in one network, so that each is quantized by itself."""
    picture = keras.Input((size, size, 3))
    seen, pooled = Mirrored()(picture) if recipe.mirrored else picture, []
    for number, member in enumerate(recipe.members, 1):
        features = part_of(build(member.recipe, size), last=POOL)
        pooled.append(_renamed(features, number, seen))
    if not recipe.mirrored:
        return picture, keras.layers.Concatenate(name=POOL)(pooled)
    beside = keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0]
    return picture, MeanOfPairs(name=POOL)(beside)


def _renamed(part: Any, number: int, seen: Any) -> Any:
    """What copies of the part's layers, under names of their own, say of `seen`."""
    said = {id(part.input): seen}
    for layer in part.layers[1:]:  # the first is the picture; each comes behind those that it hears
        copy = type(layer).from_config(layer.get_config() | {"name": _named(number, layer)})
        several = isinstance(layer.input, list)
        said[id(layer.output)] = copy([said[id(each)] for each in layer.input] if several else said[id(layer.input)])
    return said[id(part.output)]


def _named(number: int, layer: Any) -> str:
    """A layer's name in a joined network, of the member with this number."""
    return f"net{number}_{layer.name}"


def _backbone(recipe: TrainRecipe, size: int | None, weights: Path | str | None) -> Any:
    whole = _lite(recipe, size, weights) if recipe.architecture in LITE else _mobilenet(recipe, size, weights)
    backbone = part_of(whole, last=recipe.until) if recipe.until else whole
    return _rounding(backbone, recipe.activation_bits) if recipe.activation_bits else backbone


def _mobilenet(recipe: TrainRecipe, size: int | None, weights: Path | str | None) -> Any:
    shape, alpha = (size, size, 3), recipe.alpha
    named = weights if isinstance(weights, str) else None
    make = {"mobilenet_v1": keras.applications.MobileNet, "mobilenet_v2": keras.applications.MobileNetV2}
    try:
        backbone = make[recipe.architecture](input_shape=shape, alpha=alpha, include_top=False, weights=named)
    except Exception as error:  # Keras raises plain Exception when a download fails
        remedy = "give a .weights.h5 file with --weights PATH"
        raise ModelError(f"getting the {named} weights", str(error).splitlines()[0], remedy) from error
    if isinstance(weights, Path):
        load(backbone, weights)
    return backbone


def _lite(recipe: TrainRecipe, size: int | None, weights: Path | str | None) -> Any:
    backbone = build_lite(recipe.architecture, size)
    if isinstance(weights, Path) and weights.suffix != PUBLISHED:
        load(backbone, weights)
    elif weights is not None:
        path = weights if isinstance(weights, Path) else published_file(recipe.architecture)
        load_published(backbone, recipe.architecture, path)
    return backbone


def _rounding(network: Any, bits: int) -> Any:
    """The same network, layer names and weights; its activations are rounded while it learns."""

    def of(layer: Any) -> Any:
        kind = type(layer)
        return (
            RoundedReLU(bits, **layer.get_config())
            if kind is keras.layers.ReLU
            else kind.from_config(layer.get_config())
        )

    clone = keras.models.clone_model(network, clone_function=of)
    clone.set_weights(network.get_weights())
    return clone
