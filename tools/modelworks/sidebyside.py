"""Several networks, or a picture and its mirror image, side by side in one network."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from modelworks.backend import keras
from modelworks.layers import MeanOfPairs, Mirrored
from modelworks.networkparts import HEAD, POOL, part_of

__all__ = ["divide_logits", "join", "side_by_side"]


def side_by_side(parts: Iterable[Any], size: int | None, *, mirrored: bool) -> tuple[Any, Any]:
    """The picture (batch, size, size, 3), and the parts' pooled features of it (batch, 1, 1, features), in one graph.

    The parts look at the same picture; their layers are copied, so that each is quantized by itself. With `mirrored`
    the features are the mean of those of the picture and of its mirror image.
    """
    picture = keras.Input((size, size, 3))
    seen = Mirrored()(picture) if mirrored else picture
    pooled = [_renamed(part, number, seen) for number, part in enumerate(parts, 1)]
    if not mirrored:
        return picture, keras.layers.Concatenate(name=POOL)(pooled)
    beside = keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0]
    return picture, MeanOfPairs(name=POOL)(beside)


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
