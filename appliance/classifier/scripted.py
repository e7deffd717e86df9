"""A SCRIPTED classifier: says what a list tells it to, whatever it sees. For trying the rest of a machine."""

from typing import Annotated, Literal

from pydantic import Field

from appliance.config import Options
from appliance.preprocess import Region
from appliance.records import Pixels, Prediction

__all__ = ["Answer", "ScriptedClassifier", "ScriptedOptions"]


class Answer(Options):
    """One answer; `label: null` stands for a network that gave NaN."""

    label: str | None
    confidence: Annotated[float, Field(gt=0, le=1)] = 1.0


class ScriptedOptions(Options):
    """The answers come in order, and again from the first."""

    kind: Literal["scripted"]
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    answers: Annotated[tuple[Answer, ...], Field(min_length=1)]


class ScriptedClassifier:
    """Gives the label its confidence, and the other labels equal parts of the rest."""

    Options = ScriptedOptions

    def __init__(self, options: ScriptedOptions, region: Region | None = None) -> None:
        self.labels = options.labels
        self.name = "SCRIPTED"
        self.digest = ""
        self._answers = options.answers
        self._said = 0

    def classify(self, pixels: Pixels) -> Prediction:
        answer = self._answers[self._said % len(self._answers)]
        self._said += 1
        if answer.label not in self.labels:
            return Prediction(None, 0.0, ())
        rest = (1 - answer.confidence) / max(1, len(self.labels) - 1)
        confidence = answer.confidence if len(self.labels) > 1 else 1.0
        scores = tuple(confidence if label == answer.label else rest for label in self.labels)
        others = [label for label in self.labels if label != answer.label]
        return Prediction(answer.label, confidence, scores, others[0] if others else None)

    def close(self) -> None:
        pass
