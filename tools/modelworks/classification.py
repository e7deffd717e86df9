"""The task of naming a picture's class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError, UsageError
from modelworks.dataset import Picture
from modelworks.figures import agreement, calibration_error, judge, paired_loss, share
from modelworks.objective import ACCURACY, Metric
from modelworks.task import Outputs

__all__ = ["Classification"]


@dataclass(frozen=True, slots=True)
class Classification:
    """One output a label, the largest one wins; the truth is the label's number."""

    name: ClassVar[str] = "classification"
    metric: ClassVar[Metric] = ACCURACY
    labels: tuple[str, ...]

    def truth(self, pictures: Sequence[Picture]) -> NDArray[np.intp]:
        known = {label: number for number, label in enumerate(self.labels)}
        for picture in pictures:
            if picture.label not in known:
                found = f"{picture.path} is {picture.label!r}, the labels are {', '.join(self.labels)}"
                raise UsageError("looking up the pictures' classes", found, "the run's own pictures; or --task")
        return np.array([known[picture.label] for picture in pictures], np.intp)

    def check(self, name: str, outputs: int) -> None:
        if outputs != len(self.labels):
            found = f"it has {outputs} outputs for {len(self.labels)} labels"
            raise ModelError(f"opening {name}.tflite", found, "quantize this run's own network; or --task regression")

    def quality(self, truth: NDArray[Any], outputs: Outputs) -> dict[str, Any]:
        right = outputs.argmax(axis=1) == truth
        return share(int(right.sum()), len(right))

    def paired_loss(self, truth: NDArray[Any], outputs: Outputs, reference: Outputs) -> dict[str, Any]:
        return paired_loss(outputs.argmax(axis=1) == truth, reference.argmax(axis=1) == truth)

    def details(self, truth: NDArray[Any], outputs: Outputs, reference: Outputs) -> dict[str, Any]:
        judged = judge(truth.tolist(), outputs, self.labels)
        return {
            "per_class": judged["per_class"],
            "confusion": judged["confusion"],
            "agreement": agreement(outputs, reference),
            "calibration_error": calibration_error(truth.tolist(), outputs),
        }

    def mistakes(self, pictures: Sequence[Picture], truth: NDArray[Any], outputs: Outputs) -> list[dict[str, Any]]:
        guesses, confidences = outputs.argmax(axis=1), outputs.max(axis=1)
        wrong: list[int] = np.flatnonzero(guesses != truth).tolist()
        return [
            {
                "picture": pictures[i].path,
                "truth": self.labels[truth[i]],
                "guess": self.labels[guesses[i]],
                "confidence": round(float(confidences[i]), 4),
            }
            for i in sorted(wrong, key=lambda i: (-confidences[i], pictures[i].path))
        ]
