"""A network that looks at a picture and at its mirror image, as one batch of two."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tensorflow", reason="needs the extra `train`")

import keras

from modelworks.convert import convert
from modelworks.layers import MeanOfPairs, Mirrored
from modelworks.litert import LiteContent
from modelworks.networkparts import outputs_of
from modelworks.quantrecipes import RECIPES
from modelworks.weightfitting import fit_weights

pytestmark = pytest.mark.workstation

SIDE = 24
LEVELS = 127


@pytest.fixture(scope="module")
def way() -> Any:
    """Layers that a picture and its mirror image do not look alike to."""
    keras.utils.set_random_seed(5)
    picture = keras.Input((SIDE, SIDE, 3))
    flow = keras.layers.Conv2D(8, 3, strides=2, activation="relu6")(picture)
    flow = keras.layers.DepthwiseConv2D(5, activation="relu6")(flow)
    return keras.Model(picture, keras.layers.GlobalAveragePooling2D(keepdims=True)(flow))


def mirrored(way: Any, size: int | None = SIDE) -> Any:
    picture = keras.Input((size, size, 3))
    return keras.Model(picture, MeanOfPairs()(way(Mirrored()(picture))))


def pictures(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(7).uniform(-1, 1, (count, SIDE, SIDE, 3)).astype(np.float32)


@pytest.mark.parametrize("size", [SIDE, None])
def test_it_says_the_mean_of_both(way: Any, size: int | None) -> None:
    seen = pictures(5)
    both = [outputs_of(way, each) for each in (seen, np.ascontiguousarray(seen[:, :, ::-1]))]
    np.testing.assert_allclose(outputs_of(mirrored(way, size), seen), (both[0] + both[1]) / 2, rtol=1e-4, atol=1e-6)
    assert np.abs(both[0] - both[1]).max() > 0.01


def test_mirrored_pictures_lie_behind_their_own() -> None:
    seen = pictures(3)
    said = np.asarray(Mirrored()(seen))
    assert said.shape == (6, SIDE, SIDE, 3)
    np.testing.assert_array_equal(said[::2], seen)
    np.testing.assert_array_equal(said[1::2], seen[:, :, ::-1])


def test_as_int8_it_says_the_same_of_a_picture_and_of_its_mirror_image(way: Any) -> None:
    seen = pictures(12)
    content = convert(mirrored(way), RECIPES["int8"], seen)
    model = LiteContent(content)
    said = np.stack([model.invoke(each[np.newaxis])[0] for each in seen])
    turned = np.stack([model.invoke(np.ascontiguousarray(each[np.newaxis, :, ::-1]))[0] for each in seen])
    np.testing.assert_array_equal(said, turned)
    exact = outputs_of(mirrored(way), seen)
    assert np.abs(said - exact).max() < 0.1 * exact.std() + np.abs(exact).max() / 50
    assert len(np.unique(said[:, 0, 0, 0])) > 3
    assert len(content) < len(convert(way, RECIPES["int8"], seen)) + 3000


def test_its_weights_are_fitted_to_both(way: Any) -> None:
    """Batches of any even size are whole pairs, so the layers behind the mean see pictures and not halves of two."""
    keras.utils.set_random_seed(6)
    picture = keras.Input((SIDE, SIDE, 3))
    flow = keras.layers.Conv2D(8, 3, strides=2, activation="relu6")(Mirrored()(picture))
    pooled = MeanOfPairs()(keras.layers.GlobalAveragePooling2D(keepdims=True)(flow))
    network = keras.Model(picture, keras.layers.Conv2D(4, 1)(pooled))
    seen = pictures(40)
    fitted = fit_weights(network, list(seen), lambda *, depthwise: LEVELS, 1)
    turned = outputs_of(fitted, np.ascontiguousarray(seen[:, :, ::-1]))
    np.testing.assert_allclose(outputs_of(fitted, seen), turned, rtol=1e-4, atol=1e-6)
    difference = np.abs(turned - outputs_of(network, seen)).max()
    assert 0 < difference < 0.05 * outputs_of(network, seen).std()
