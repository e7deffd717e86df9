"""What does a frame show: one interface, one table."""

from typing import Protocol

from appliance.plugins import Table
from appliance.records import Pixels, Prediction

__all__ = ["CLASSIFIERS", "Classifier"]


class Classifier(Protocol):
    """Turns pixels into a distribution over labels."""

    labels: tuple[str, ...]
    name: str
    """The model's name, version and the first digits of its SHA-256, as the journal keeps it."""
    digest: str
    """SHA-256 of the model file."""

    def classify(self, pixels: Pixels) -> Prediction:
        """What one BGR frame shows.

        Raises:
            ModelError: the interpreter failed, or the frame does not suit the model's input.
        """

    def close(self) -> None: ...


CLASSIFIERS = Table(
    "appliance.classifier",
    {
        "tflite": "appliance.classifier.tflite:TFLiteClassifier",
        "scripted": "appliance.classifier.scripted:ScriptedClassifier",
    },
)
