"""A fitted network says what the original says, more nearly than one whose weights were rounded one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tensorflow", reason="needs the extra `train`")

import keras

from appliance.errors import ModelError
from modelworks.gridrounding import nearest
from modelworks.weightfitting import fit_weights, fitted_layers
from modelworks.window import Window

pytestmark = pytest.mark.workstation

LEVELS = 7


def pictures(count: int) -> list[NDArray[np.float32]]:
    """Smooth ones, as photographs are."""
    rng = np.random.default_rng(5)
    coarse = rng.uniform(-1, 1, (count, 6, 6, 3)).astype(np.float32)
    return [np.kron(each, np.ones((4, 4, 1), np.float32)) for each in coarse]


def chain() -> Any:
    """Every kind of layer that can be fitted, one after another."""
    return keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            keras.layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False, name="first"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(6.0),
            keras.layers.DepthwiseConv2D(3, strides=2, padding="valid", name="deep"),
            keras.layers.ReLU(6.0),
            keras.layers.Conv2D(16, 1, name="point"),
            keras.layers.ReLU(6.0),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(5, name="last"),
        ]
    )


def branches() -> Any:
    """A sum of two ways, as in MobileNet V2: no single place inside tells all that follows."""
    picture = keras.Input((24, 24, 3))
    begin = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(picture)
    inner = keras.layers.Conv2D(16, 1, activation="relu", name="wide")(begin)
    inner = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu", name="deep")(inner)
    both = keras.layers.Add()([begin, keras.layers.Conv2D(8, 1, name="narrow")(inner)])
    pooled = keras.layers.GlobalAveragePooling2D()(both)
    return keras.Model(picture, keras.layers.Dense(4, name="last")(pooled))


def rounded_alone(network: Any) -> Any:
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in fitted_layers(copy):
        kernel, *rest = layer.get_weights()
        deep = isinstance(layer, keras.layers.DepthwiseConv2D)
        shaped = kernel.reshape(-1, kernel.shape[2 if deep else -1])
        layer.set_weights([nearest(shaped[None], LEVELS)[0].reshape(kernel.shape), *rest])
    return copy


def distance(one: Any, other: Any, seen: NDArray[np.float32]) -> float:
    return float(np.square(np.asarray(one(seen)) - np.asarray(other(seen))).mean())


@pytest.mark.parametrize("build", [chain, branches])
def test_the_outputs_stay_nearer_and_the_original_stays_as_it_is(build: Callable[[], Any]) -> None:
    keras.utils.set_random_seed(1)
    network, layers = build(), []
    before = [values.copy() for values in network.get_weights()]
    fitted = fit_weights(network, pictures(40), lambda depthwise: LEVELS, 1, lambda: layers.append(1))
    assert len(layers) == len(fitted_layers(network)) >= 4
    unseen = np.stack(pictures(60)[40:])
    assert distance(network, fitted, unseen) < 0.5 * distance(network, rounded_alone(network), unseen)
    for kept, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)
    for layer in fitted_layers(fitted):
        kernel = layer.get_weights()[0]
        deep = isinstance(layer, keras.layers.DepthwiseConv2D)
        shaped = kernel.reshape(-1, kernel.shape[2 if deep else -1]).astype(np.float64)
        np.testing.assert_allclose(nearest(shaped[None], LEVELS)[0], shaped, rtol=1e-5, atol=1e-7)


def test_the_same_seed_fits_the_same_weights() -> None:
    keras.utils.set_random_seed(2)
    network = chain()
    one, other = (fit_weights(network, pictures(20), lambda depthwise: LEVELS, 3).get_weights() for _ in range(2))
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_network_without_a_layer_that_can_be_fitted_is_refused() -> None:
    network = keras.Sequential([keras.Input((24, 24, 3)), keras.layers.GlobalAveragePooling2D()])
    with pytest.raises(ModelError, match="no convolution and no dense layer"):
        fit_weights(network, pictures(2), lambda depthwise: LEVELS, 1)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("sides", [(11, 8), (9, 12)])
def test_a_window_sees_what_a_convolution_sees(padding: str, stride: int, size: int, sides: tuple[int, int]) -> None:
    layer = keras.layers.Conv2D(4, (size, 3), strides=stride, padding=padding, use_bias=False)
    inputs = np.random.default_rng(1).normal(size=(2, *sides, 3)).astype(np.float32)
    wanted = np.asarray(layer(inputs))
    window = Window.of(layer.kernel_size, layer.strides, padding, sides)
    assert (window.height, window.width) == wanted.shape[1:3]
    seen = window.seen(inputs, np.arange(window.places))
    kernel = layer.get_weights()[0].reshape(-1, 4)
    np.testing.assert_allclose(seen.reshape(len(seen), -1) @ kernel, wanted.reshape(-1, 4), atol=1e-4)


def test_parts_that_share_only_the_picture_are_each_fitted_as_if_alone() -> None:
    """So a joined network costs no more than its members, and is fitted as they are."""
    keras.utils.set_random_seed(3)
    picture = keras.Input((24, 24, 3))
    ways = []
    for number, width in enumerate((8, 12)):
        flow = keras.layers.Conv2D(width, 3, strides=2, padding="same", name=f"first{number}")(picture)
        flow = keras.layers.DepthwiseConv2D(3, padding="same", name=f"deep{number}")(keras.layers.ReLU(6.0)(flow))
        ways.append(keras.layers.GlobalAveragePooling2D(keepdims=True)(keras.layers.ReLU(6.0)(flow)))
    head = keras.layers.Conv2D(4, 1, name="head")(keras.layers.Concatenate()(ways))
    joined, alone = keras.Model(picture, head), keras.Model(picture, ways[0])
    seen = pictures(6)
    fitted, expected = (fit_weights(each, seen, lambda *, depthwise: LEVELS, 1) for each in (joined, alone))
    for layer in fitted_layers(expected):
        for mine, theirs in zip(fitted.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    for name in ("first1", "deep1", "head"):
        assert not np.array_equal(fitted.get_layer(name).get_weights()[0], joined.get_layer(name).get_weights()[0])


def test_a_head_that_sees_several_levels_changes_nothing_below_it() -> None:
    """So a network with levels costs no more than one without: what is below is fitted as if the head saw one."""
    keras.utils.set_random_seed(3)
    picture = keras.Input((24, 24, 3))
    first = keras.layers.ReLU(6.0)(keras.layers.Conv2D(8, 3, strides=2, padding="same", name="first")(picture))
    deep = keras.layers.ReLU(6.0)(keras.layers.DepthwiseConv2D(3, padding="same", name="deep")(first))
    last = keras.layers.ReLU(6.0)(keras.layers.Conv2D(8, 1, name="point")(deep))
    pooled = [keras.layers.GlobalAveragePooling2D(keepdims=True)(level) for level in (first, deep, last)]
    head = keras.layers.Conv2D(4, 1, name="head")(keras.layers.Concatenate()(pooled))
    levels, alone = keras.Model(picture, head), keras.Model(picture, pooled[-1])
    seen = pictures(6)
    fitted, expected = (fit_weights(each, seen, lambda *, depthwise: LEVELS, 1) for each in (levels, alone))
    for layer in fitted_layers(expected):
        for mine, theirs in zip(fitted.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert not np.array_equal(fitted.get_layer("head").get_weights()[0], levels.get_layer("head").get_weights()[0])
