"""A copy of a network whose weights already lie on the grid of the file to come, chosen by what the layers then say."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError
from modelworks.backend import keras
from modelworks.gridrounding import Inputs, round_to_grid
from modelworks.window import POINT, Window

__all__ = ["fit_weights", "fitted_layers"]

BATCH = 16
POSITIONS = 256
"""Looked at in a picture, at most: neighbours say nearly the same."""
KEPT = 256_000_000
"""Bytes of activations kept at most, for each of the two networks."""


class Levels(Protocol):
    """How many levels the weights of a layer have on each side of zero."""

    def __call__(self, *, depthwise: bool) -> int: ...


def fitted_layers(network: Any) -> list[Any]:
    """The layers whose weights can be fitted, in the order in which they are computed."""
    return [layer for layer in network.layers if _is_depthwise(layer) or _is_plain(layer)]


def fit_weights(
    network: Any,
    pictures: Sequence[NDArray[np.float32]],
    levels: Levels,
    seed: int,
    done: Callable[[], None] = lambda: None,
) -> Any:
    """A copy of `network`; layer by layer its weights are rounded to `levels` each side of zero.

    `pictures`: network inputs to look at, (height, width, 3) each. `done` is called after each layer.

    Raises:
        ModelError: the network has no layer of a kind that can be fitted, at its top level.
    """
    fitted = keras.models.clone_model(network)
    fitted.set_weights(network.get_weights())
    layers = fitted_layers(fitted)
    if not layers:
        found = "no convolution and no dense layer among its own layers, or they are inside a layer"
        raise ModelError("fitting the network's weights", found, "leave the recipes that end in -fitted out")
    rng = np.random.default_rng(seed)
    known: set[str] = set()
    for part, original in zip(_branches(fitted), _branches(network), strict=True):
        streams = tuple(_Stream(each, pictures) for each in (part, original))
        for layer in (each for each in fitted_layers(part) if each.name not in known):
            _fit(
                layer,
                _inputs(layer, tuple(stream.up_to(layer.name) for stream in streams), rng),
                levels(depthwise=_is_depthwise(layer)),
            )
            known.add(layer.name)
            done()
    return fitted


def _branches(network: Any) -> Iterator[Any]:
    """The ways to a place where several meet, if they share nothing but the picture; then the whole network.

    Each is fitted by itself: a computation can be kept where all that follows depends on it alone. Where one way is
    the beginning of another, as with a head that sees several levels, the longer one counts.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.Concatenate):
            ways = _longest([keras.Model(network.inputs, tensor) for tensor in layer.input])
            own = [_learned(way) for way in ways]
            if sum(map(len, own)) == len(set().union(*own)):
                yield from ways
    yield network


def _longest(ways: Sequence[Any]) -> list[Any]:
    """Without those that are a part of another, or another again."""
    kept: list[Any] = []
    for way in sorted(ways, key=lambda each: -len(_learned(each))):
        if not any(_learned(way) <= _learned(other) for other in kept):
            kept.append(way)
    return kept


def _learned(way: Any) -> set[int]:
    return {id(layer) for layer in way.layers if layer.weights}


class _Stream:
    """A network's computation on all pictures, kept at a place that it has reached.

    A place is kept if all that follows depends on it alone, and if what is there is not too much to keep.
    """

    def __init__(self, network: Any, pictures: Sequence[NDArray[np.float32]]) -> None:
        self._network = network
        self._place = network.inputs[0]
        self._kept: Sequence[NDArray[np.float32]] = pictures

    def up_to(self, name: str) -> Iterator[NDArray[np.float32]]:
        """What reaches the layer, a batch of pictures at a time."""
        place = self._network.get_layer(name).input
        if place is not self._place:
            part = keras.Model(self._place, place)
            if not self._may_keep(place):
                yield from (np.asarray(part(np.stack(batch), training=False)) for batch in _batches(self._kept))
                return
            self._kept = [
                row for batch in _batches(self._kept) for row in np.asarray(part(np.stack(batch), training=False))
            ]
            self._place = place
        yield from (np.stack(batch) for batch in _batches(self._kept))

    def _may_keep(self, place: Any) -> bool:
        if len(self._kept) * 4 * int(np.prod(place.shape[1:])) > KEPT:
            return False
        try:
            keras.Model(place, self._network.outputs[0])
        except ValueError:
            return False
        return True


def _fit(layer: Any, inputs: Inputs, levels: int) -> None:
    kernel, *rest = layer.get_weights()
    groups, width, _ = inputs.products.shape
    weights = kernel.astype(np.float64)
    # (height, width, channels, 1) of a depthwise layer: one group a channel. Others: all inputs in one group.
    shaped = weights.reshape(width, groups, -1).transpose(1, 0, 2)
    fitted = round_to_grid(shaped, inputs, levels).transpose(1, 0, 2)
    layer.set_weights([fitted.reshape(kernel.shape).astype(np.float32), *rest])


def _inputs(layer: Any, before: tuple[Iterator[NDArray[np.float32]], ...], rng: np.random.Generator) -> Inputs:
    """The products of what reaches the layer, in the fitted network and in the original one."""
    known: Inputs | None = None
    for mine, theirs in zip(*before, strict=True):
        window = _window(layer, mine.shape)
        places = window.places
        chosen = rng.choice(places, POSITIONS, replace=False) if places > POSITIONS else np.arange(places)
        mine, theirs = (_shaped(layer, window.seen(each, chosen)) for each in (mine, theirs))
        known = known or Inputs(*mine.shape[1:])
        known.add(mine, theirs)
    assert known is not None
    return known


def _window(layer: Any, shape: tuple[int, ...]) -> Window:
    if isinstance(layer, keras.layers.Dense):
        return POINT
    return Window.of(layer.kernel_size, layer.strides, layer.padding, shape[1:3])


def _shaped(layer: Any, seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `gridrounding.Inputs` takes it: (positions, groups, width)."""
    return seen.transpose(0, 2, 1) if _is_depthwise(layer) else seen.reshape(len(seen), 1, -1)


def _batches(rows: Sequence[NDArray[np.float32]]) -> Iterator[Sequence[NDArray[np.float32]]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _is_depthwise(layer: Any) -> bool:
    return isinstance(layer, keras.layers.DepthwiseConv2D) and layer.depth_multiplier == 1 and _is_dense(layer)


def _is_plain(layer: Any) -> bool:
    if isinstance(layer, keras.layers.Dense):
        return True
    return type(layer) is keras.layers.Conv2D and layer.groups == 1 and _is_dense(layer)


def _is_dense(layer: Any) -> bool:
    """Without holes between a kernel's inputs, in the usual order of axes."""
    return tuple(layer.dilation_rate) == (1, 1) and layer.data_format == "channels_last"
