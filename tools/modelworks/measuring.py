"""What a quantized file says of the pictures held back from the training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError
from appliance.records import Pixels
from modelworks.figures import agreement, judge
from modelworks.litert import LiteModel
from modelworks.subject import Subject

__all__ = ["Jury"]


@dataclass(frozen=True, slots=True, eq=False)
class Jury:
    """The decoded held pictures of a subject, and what the reference says of them."""

    subject: Subject
    held: Sequence[Pixels]
    reference: NDArray[np.float32]

    @classmethod
    def of(cls, subject: Subject, held: Sequence[Pixels], reference: Path) -> "Jury":
        """A jury that compares with the file `reference`."""
        return cls(subject, held, _scores(reference, subject, held))

    def verdict(self, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """A file's accuracy as `judge` counts it, and the share of pictures on which it agrees with the reference.

        Raises:
            ModelError: it cannot be run, or says something that is no number.
        """
        scores = _scores(path, self.subject, self.held)
        truth = [self.subject.labels.index(picture.label) for picture in self.subject.held]
        return judge(truth, scores, self.subject.labels), agreement(scores, self.reference)


def _scores(path: Path, subject: Subject, held: Sequence[Pixels]) -> NDArray[np.float32]:
    scores = LiteModel(path).scores(held, subject.preprocessing)
    if not np.isfinite(scores).all():
        raise ModelError(f"measuring {path.name}", "it gives scores that are no numbers", "leave it out with --recipe")
    return scores
