"""A network with the rounding to int8 in it, for Keras 2 and tfmot: only for the process that `qat` starts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit.default_8bit_quantize_registry import (
    Default8BitConvQuantizeConfig,
    Default8BitQuantizeRegistry,
)
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit.default_8bit_quantize_scheme import (
    Default8BitQuantizeScheme,
)
from tensorflow_model_optimization.quantization.keras import quantize_annotate_model, quantize_apply

__all__ = ["export", "freeze_statistics", "rebuild", "rounding", "settle_ranges"]

SKIPPED = "Dropout"
"""Of no use where the float network is the teacher, and nothing at all on the machine."""
DECAY = 0.999
"""tfmot's moving average: tensorflow_model_optimization/python/core/quantization/keras/quant_ops.py"""
NARROWEST = 1e-3
"""The upper end of a range at least: what is always 0 would have the scale 0, and all after it be no numbers."""
RANGES = ("output_min", "output_max", "activation_min", "activation_max")
"""How tfmot's variables end that hold a moving average of an activation's range."""


def rebuild(described: Sequence[Mapping[str, Any]], weights: Mapping[str, NDArray[Any]]) -> Any:
    """The float network again, from what `qat` wrote of it; weights go by the names of the layers."""
    tensors: dict[str, Any] = {}
    begin = last = None
    for layer in described:
        config, before = dict(layer["config"]), [tensors[name] for name in layer["from"]]
        name = config["name"]
        if layer["kind"] == "InputLayer":
            begin = tensors[name] = tf_keras.Input(tuple(config["batch_shape"][1:]), name=name)
        elif layer["kind"] == SKIPPED:
            tensors[name] = before[0]
        else:
            made = getattr(tf_keras.layers, layer["kind"])(**config)
            tensors[name] = made(before[0] if len(before) == 1 else before)
        last = tensors[name]
    network = tf_keras.Model(begin, last)
    for made in network.layers:
        own = [weights[f"{made.name} {place}"] for place in range(len(made.get_weights()))]
        made.set_weights(own)
    return network


def rounding(network: Any) -> Any:
    """A copy whose activations and weights are rounded as int8 would be while it trains, but for depthwise weights."""
    copy = tf_keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return quantize_apply(quantize_annotate_model(copy), scheme=_Scheme())


def freeze_statistics(network: Any) -> None:
    """Batch normalization keeps the statistics that the float network was chosen with.

    Otherwise the training sees the batch's, the machine the running mean, and what is learned fits neither.
    """
    for wrapper in network.layers:
        if isinstance(getattr(wrapper, "layer", None), tf_keras.layers.BatchNormalization):
            wrapper.trainable = False


def settle_ranges(network: Any, batches: Iterable[NDArray[np.float32]]) -> None:
    """Set every activation's range to its mean over these batches.

    tfmot starts all of them at [-6, 6] and lets only a thousandth of each batch in: that would take thousands of
    steps. The moving average is linear, so what is left of its start can be taken out.
    """
    ranges = [each for each in network.non_trainable_variables if each.name.partition(":")[0].endswith(RANGES)]
    start, count, see = [each.numpy() for each in ranges], 0, tf.function(network)
    for count, batch in enumerate(batches, 1):  # noqa: B007
        see(tf.constant(batch), training=True)
    left = DECAY**count
    for variable, first in zip(ranges, start, strict=True):
        mean = (variable.numpy() - left * first) / (1 - left)
        variable.assign(max(mean, NARROWEST) if "_max" in variable.name else mean)


def export(network: Any, shape: Sequence[int], ends: str) -> bytes:
    """The trained network as an int8 .tflite file: one picture of `shape` at a time, the type `ends` in and out.

    With a batch of any size the file would compute its own shapes, in int32 operators that no delegate takes.
    """
    picture = tf.TensorSpec((1, *shape), tf.float32, name="picture")
    single = tf.function(lambda tensor: network(tensor, training=False)).get_concrete_function(picture)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([single])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.as_dtype(ends)
    return bytes(converter.convert())


class _Registry(Default8BitQuantizeRegistry):  # type: ignore[misc]
    """tfmot's scheme, without the rounding of depthwise weights.

    It rounds them with one scale for all channels, the file with one for each: the training would heal a wound that
    the machine never has (measured on TrashNet: 58.7 % right before the first step, 88.3 % without).
    """

    def __init__(self) -> None:
        super().__init__()
        without = Default8BitConvQuantizeConfig([], ["activation"], False)
        self._layer_quantize_map[tf_keras.layers.DepthwiseConv2D] = without


class _Scheme(Default8BitQuantizeScheme):  # type: ignore[misc]
    def get_quantize_registry(self) -> Any:
        return _Registry()
