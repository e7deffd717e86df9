"""Layers that Keras lacks: two that show a network the mirrored picture, and a ReLU that rounds."""

from typing import Any

from modelworks.backend import keras, tf

__all__ = ["MeanOfPairs", "Mirrored", "RoundedReLU"]


class Mirrored(keras.layers.Layer):  # type: ignore[misc]
    """Each picture and, behind it, its mirror image: (n, height, width, channels) -> (2n, height, width, channels)."""

    def call(self, pictures: Any) -> Any:
        """Shape (2n, ...): pairs side by side in the batch, so that any even number of them is whole pairs."""
        pairs = tf.stack([pictures, tf.reverse(pictures, [2])], axis=1)
        return tf.reshape(pairs, [-1, *_sides(pictures)])


class MeanOfPairs(keras.layers.Layer):  # type: ignore[misc]
    """The mean of each picture's and its mirror image's features: (2n, ...) -> (n, ...)."""

    def call(self, features: Any) -> Any:
        """Shape (n, ...)."""
        return tf.reduce_mean(tf.reshape(features, [-1, 2, *_sides(features)]), axis=1)


def _sides(batch: Any) -> list[Any]:
    """Its shape without the batch; what is left open is asked when there is something to ask."""
    asked = tf.shape(batch)
    return [asked[axis] if side is None else side for axis, side in enumerate(batch.shape)][1:]


class RoundedReLU(keras.layers.ReLU):  # type: ignore[misc]
    """A bounded ReLU that rounds what it says to 2^bits levels while the network learns, and never afterwards.

    `always`: now as well, whatever the network thinks that it does.

    The gradient passes as if nothing were rounded: the straight-through estimator of Jacob et al.,
    https://arxiv.org/abs/1712.05877, section 3, for activations alone. Weights are left to `quantize`, which rounds
    them by what the layers say.
    """

    def __init__(self, bits: int, **options: Any) -> None:
        super().__init__(**options)
        self._bits = bits
        self.always = False

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Shape and range as the inputs', cut to 0 to `max_value`."""
        if not (training or self.always):
            return super().call(inputs)
        return tf.quantization.fake_quant_with_min_max_args(inputs, 0, float(self.max_value), num_bits=self._bits)

    def get_config(self) -> dict[str, Any]:
        return {"bits": self._bits, **super().get_config()}
