"""How often was the machine right, where the source knows what its pictures show? Pure."""

from dataclasses import dataclass
from typing import Any

from appliance.records import Outcome

__all__ = ["Score"]

EMPTY = "empty"
"""The label that a model may have for a picture without an item; frames.json writes it as ""."""


@dataclass(slots=True)
class Score:
    """Counts over the items whose truth is one of the model's labels."""

    labels: tuple[str, ...]
    n: int = 0
    right: int = 0
    decided: int = 0
    decided_right: int = 0

    def add(self, truth: str | None, outcome: Outcome) -> None:
        truth = EMPTY if truth == "" else truth
        if truth not in self.labels:
            return
        right = outcome.decision.label == truth
        self.n += 1
        self.right += right
        if not outcome.decision.rejected:
            self.decided += 1
            self.decided_right += right

    def summary(self) -> dict[str, Any]:
        """`top1` ignores thresholds; `decided` is the share right among those not rejected; `coverage` their share."""
        return {
            "n": self.n,
            "top1": _share(self.right, self.n),
            "decided": _share(self.decided_right, self.decided),
            "coverage": _share(self.decided, self.n),
        }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
