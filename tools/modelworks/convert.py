"""Keras network -> .tflite bytes: the one file that calls TensorFlow's converter."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError
from modelworks.backend import tf
from modelworks.quantrecipes import QuantRecipe
from modelworks.quiet import quiet

__all__ = ["convert"]

INT8 = tf.lite.OpsSet.TFLITE_BUILTINS_INT8
INT16X8 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


def convert(
    network: Any,
    recipe: QuantRecipe,
    representative: Iterable[NDArray[np.float32]] = (),
    shape: tuple[int, ...] = (),
) -> bytes:
    """The network as a .tflite file for one picture at a time, by a recipe of the method "converter".

    `shape` of its input without the batch, where the network itself leaves it open.

    `representative`: network inputs in [-1, 1], each (height, width, 3), that calibrate the activations' ranges; it
    is gone through more than once.

    Raises:
        ModelError: the converter refused.
    """
    picture = tf.TensorSpec((1, *(shape or network.input_shape[1:])), tf.float32, name="picture")
    try:
        with quiet():
            single = tf.function(lambda tensor: network(tensor, training=False)).get_concrete_function(picture)
            # Without the network itself, which the converter would save to the disk and load again: ten times as fast.
            converter = tf.lite.TFLiteConverter.from_concrete_functions([single])
            _settle(converter, recipe, representative)
            return bytes(converter.convert())
    except Exception as error:  # the converter raises its own ConverterError, ValueError, RuntimeError ...
        raise ModelError(f"converting by the recipe {recipe.name}", str(error), "another TensorFlow version") from error


def _settle(converter: Any, recipe: QuantRecipe, representative: Iterable[NDArray[np.float32]]) -> None:
    """Source: https://ai.google.dev/edge/litert/models/post_training_quantization"""
    if recipe.weights == 32:
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter._experimental_disable_per_channel = not recipe.per_channel  # there is no public way
    if recipe.weights == 16:
        converter.target_spec.supported_types = [tf.float16]
    if recipe.calibrated:
        converter.representative_dataset = lambda: _one_by_one(representative)
        converter.target_spec.supported_ops = [INT8 if recipe.activations == 8 else INT16X8]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(recipe.ends)


def _one_by_one(representative: Iterable[NDArray[np.float32]]) -> Iterator[list[NDArray[np.float32]]]:
    """The pictures; two pixels of the first become black and white.

    So the input's range is [-1, 1] whatever the pictures, its scale 1/127.5, and the camera's bytes fit as they are.
    """
    for number, picture in enumerate(representative):
        tensor = picture[np.newaxis].copy()
        if number == 0:
            tensor[0, 0, 0], tensor[0, 0, 1] = -1.0, 1.0
        yield [tensor]
