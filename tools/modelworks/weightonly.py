"""A float32 .tflite file with smaller weights, computed in float32 all the same: the one file that calls LiteRT's
quantizer."""

from typing import Any

from appliance.errors import ModelError
from modelworks.quantrecipes import QuantRecipe
from modelworks.quiet import quiet

__all__ = ["shrink_weights"]


def shrink_weights(float32: bytes, recipe: QuantRecipe) -> bytes:
    """The same network with a scale for each channel of the weights, and a DEQUANTIZE before each use.

    The quantizer has no int4 form of depthwise weights and leaves them float32 without a word, so they get the
    recipe's `rest` in a rule of their own.

    Raises:
        ModelError: the quantizer refused, or is not installed.
    """
    doing = f"shrinking the weights by the recipe {recipe.name}"
    try:
        from litert_quantizer import quantizer
        from litert_quantizer.qtyping import TFLOperationName
    except ImportError as error:
        raise ModelError(doing, str(error), "pip install '.[train]'") from error
    try:
        with quiet():
            worker: Any = quantizer.Quantizer(bytearray(float32))
            worker.add_weight_only_config(".*", TFLOperationName.ALL_SUPPORTED, recipe.weights)
            if recipe.rest:
                worker.add_weight_only_config(".*", TFLOperationName.DEPTHWISE_CONV_2D, recipe.rest)
            return bytes(worker.quantize().quantized_model)
    except (ValueError, RuntimeError, TypeError, KeyError) as error:
        raise ModelError(doing, str(error), "leave this recipe out with --recipe") from error
