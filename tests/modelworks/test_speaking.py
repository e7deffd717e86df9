"""A part of a network says the same through LiteRT as through TensorFlow, whatever else is asked."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

import keras

from modelworks import speaking
from modelworks.networkparts import outputs_of
from modelworks.speaking import Speaker, said_by

pytestmark = pytest.mark.workstation

CONVERT = speaking.convert

INPUTS = np.random.default_rng(1).uniform(-1, 1, (7, 16, 16, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def part() -> Any:
    """A network for pictures of any size, as a training builds it."""
    picture = keras.Input((None, None, 3))
    flow = keras.layers.Conv2D(6, 3, strides=2, padding="same")(picture)
    return keras.Model(picture, keras.layers.ReLU(6.0)(keras.layers.DepthwiseConv2D(3, padding="same")(flow)))


def test_it_says_what_tensorflow_says(part: Any) -> None:
    np.testing.assert_allclose(Speaker(part)(INPUTS), outputs_of(part, INPUTS), atol=1e-5)


def test_what_it_says_of_an_input_does_not_depend_on_the_others(part: Any) -> None:
    speaker = Speaker(part)
    together = speaker(INPUTS)
    for number in range(len(INPUTS)):
        np.testing.assert_array_equal(speaker(INPUTS[number : number + 1])[0], together[number])


def test_many_inputs_pay_for_a_conversion_and_few_do_not(part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(speaking, "convert", lambda *given, **options: made.append(given) or CONVERT(*given, **options))
    few = said_by(part, INPUTS)
    assert not made
    monkeypatch.setattr(speaking, "FEW", len(INPUTS))
    np.testing.assert_allclose(said_by(part, INPUTS), few, atol=1e-5)
    assert len(made) == 1
