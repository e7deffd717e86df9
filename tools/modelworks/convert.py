"""Keras network -> .tflite bytes: the one file that calls TensorFlow's converter."""

import os
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from appliance.errors import ModelError
from modelworks.quantrecipes import QuantRecipe

__all__ = ["convert"]


def convert(network: Any, recipe: QuantRecipe, representative: NDArray[np.float32]) -> bytes:
    """The network as a .tflite file for one picture at a time.

    `representative`: network inputs in [-1, 1], shape (n, height, width, 3), that calibrate the activations' ranges.

    Raises:
        ModelError: the converter refused.
    """
    picture = keras.Input(batch_shape=(1, *network.input_shape[1:]), name="picture")
    single = keras.Model(picture, network(picture, training=False), name="single")
    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    if recipe.calibrated:
        _calibrate(converter, recipe, representative)
    try:
        with redirect_stdout(StringIO()), warnings.catch_warnings(action="ignore"):
            return bytes(converter.convert())
    except Exception as error:  # the converter raises its own ConverterError, ValueError, RuntimeError ...
        raise ModelError(f"converting by the recipe {recipe.name}", str(error), "another TensorFlow version") from error


def _calibrate(converter: Any, recipe: QuantRecipe, representative: NDArray[np.float32]) -> None:
    """Static int8: a scale for each channel of the weights, one for each activation.

    Source: https://ai.google.dev/edge/litert/models/post_training_integer_quant
    """
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _one_by_one(representative)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.as_dtype(recipe.input)
    converter.inference_output_type = tf.as_dtype(recipe.output)


def _one_by_one(representative: NDArray[np.float32]) -> Iterator[list[NDArray[np.float32]]]:
    """The pictures; two pixels of the first become black and white.

    So the input's range is [-1, 1] whatever the pictures, its scale 1/127.5, and the camera's bytes fit as they are.
    """
    first = representative[:1].copy()
    first[0, 0, 0], first[0, 0, 1] = -1.0, 1.0
    yield [first]
    for picture in representative[1:]:
        yield [picture[np.newaxis]]
