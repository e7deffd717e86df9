"""How a network learns: which part of it, by which loss and optimizer, and its head at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelworks.backend import keras
from modelworks.layers import RoundedReLU
from modelworks.logistic import logistic_regression
from modelworks.networkparts import HEAD, part_of
from modelworks.recipe import TrainRecipe

__all__ = ["compile_for", "fit_head", "set_rate"]

SPREAD_FLOOR = 0.03
"""Added to a feature's standard deviation: one that never moves says nothing."""
CLIP = 5.0
"""The longest gradient that SGD follows."""


def compile_for(network: Any, recipe: TrainRecipe, frozen: str = "") -> Any:
    """Make the network ready for a stage of the recipe; returns the part that learns: inputs or features -> logits.

    The targets are those of `sources.Targets`. Network and part share their optimizer: saving one saves both.
    """
    _freeze(network, frozen)
    part = part_of(network, frozen)
    if recipe.keep_statistics:
        part = _Still(part)
    optimizer = _optimizer(recipe)
    optimizer.build(part.trainable_variables)
    network.compile(optimizer=optimizer, loss="categorical_crossentropy")
    part.compile(optimizer=optimizer, loss=_loss(recipe))
    return part


def set_rate(network: Any, rate: float) -> None:
    network.optimizer.learning_rate.assign(rate)


def fit_head(network: Any, features: NDArray[np.float32], targets: NDArray[np.float32], recipe: TrainRecipe) -> None:
    """Train the head alone on features of the frozen network: seconds, and the fine-tuning starts from sense.

    `features`: (pictures, features); `targets`: (pictures, classes), rows that add up to 1. Features of different
    layers have different ranges, so the head is fitted to standardized ones; that is then written into its weights.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0) + SPREAD_FLOOR
    kernel, bias = logistic_regression((features - mean) / spread, targets, recipe.head_decay)
    kernel = kernel / spread[:, np.newaxis]
    network.get_layer(HEAD).set_weights([kernel[np.newaxis, np.newaxis], bias - mean @ kernel])


class _Still(keras.Model):  # type: ignore[misc]
    """A part that learns with batch normalization as on the machine.

    A functional model would not do: it hands its own `training` on to the models nested in it.
    """

    def __init__(self, part: Any) -> None:
        super().__init__(name="still")
        self._part = part
        self._rounded = [layer for layer in part.layers if isinstance(layer, RoundedReLU)]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the part says of the inputs; of `training` only the activations that are rounded in it hear."""
        for layer in self._rounded:
            layer.always = bool(training)
        try:
            return self._part(inputs, training=False)
        finally:
            for layer in self._rounded:
                layer.always = False


def _freeze(network: Any, last: str) -> None:
    """Let the layers up to `last` keep what they know, their batch statistics too; "" lets all learn."""
    frozen = bool(last)
    for layer in network.layers:
        layer.trainable = not frozen
        frozen = frozen and layer.name != last


def _optimizer(recipe: TrainRecipe) -> Any:
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(recipe.learning_rate, momentum=0.9, nesterov=True, clipnorm=CLIP)
    return keras.optimizers.Adam(recipe.learning_rate)


def _loss(recipe: TrainRecipe) -> Any:
    """Cross-entropy with the labels' half of the targets, and with the teachers' half at their temperature.

    Hinton's factor T^2 keeps the teachers' gradients as large as the labels' whatever the temperature.
    """
    taught, classes = recipe.distillation, len(recipe.labels)

    def loss(targets: Any, logits: Any) -> Any:
        hard = keras.losses.categorical_crossentropy(targets[:, :classes], logits, from_logits=True)
        if taught is None:
            return hard
        soft = keras.losses.categorical_crossentropy(
            targets[:, classes:], logits / taught.temperature, from_logits=True
        )
        return (1 - taught.weight) * hard + taught.weight * taught.temperature**2 * soft

    return loss
