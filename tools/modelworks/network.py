"""MobileNet V1 and V2 and EfficientNet-Lite in Keras, alone or joined: from a recipe to a network.

The head is a 1x1 convolution on the pooled features instead of a dense layer: the same arithmetic, but its quantized
form is an operator that older runtimes also load (today's converter writes FULLY_CONNECTED version 12).
"""

import re
from pathlib import Path
from typing import Any

from appliance.errors import ModelError
from modelworks.backend import keras
from modelworks.efficientnet import LITE, PUBLISHED, build_lite, load_published, published_file
from modelworks.layers import RoundedReLU
from modelworks.networkparts import HEAD, LOGITS, POOL, part_of
from modelworks.recipe import TrainRecipe
from modelworks.sidebyside import side_by_side
from modelworks.weightsfile import load

__all__ = ["build"]

LOOKS = {
    "mean": (keras.layers.GlobalAveragePooling2D,),
    "mean-max": (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D),
}
"""What the head sees of a layer, by the recipe's `pooling`."""


def build(recipe: TrainRecipe, size: int | None = None, weights: Path | str | None = None) -> Any:
    """The recipe's network: (batch, size, size, 3) in [-1, 1] -> a distribution over its labels. `size` None: any size.

    `weights`: a `.weights.h5` file without the top layers, the `.pth` file of an EfficientNet-Lite, "imagenet" (Keras
    downloads a MobileNet's), or None for random ones. A joined network takes its weights from its members: `join`.

    Raises:
        ModelError: the weights cannot be had, or belong to another network.
    """
    classes = len(recipe.labels)
    if recipe.members:
        parts = (part_of(build(member.recipe, size), last=POOL) for member in recipe.members)
        picture, pooled = side_by_side(parts, size, mirrored=recipe.mirrored)
    else:
        picture, pooled = _pooled(recipe, size, weights)
    head = keras.layers.Conv2D(classes, 1, name=HEAD)(pooled)
    flat = keras.layers.Reshape((classes,), name=LOGITS)(head)
    return keras.Model(picture, keras.layers.Softmax(name="scores")(flat), name="classifier")


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
        remedy = "--weights FILE.weights.h5, or --network efficientnet_lite0, whose weights are installed"
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
