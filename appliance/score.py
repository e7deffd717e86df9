"""How often was the machine right, where the source knows what its pictures show? Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.records import Outcome

__all__ = ["ItemCount", "Score"]

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


@dataclass(slots=True)
class ItemCount:
    """Was every item that was shown decided once? `shown` maps the source's pictures, in order, to their items."""

    shown: Mapping[str, int | None]
    _decided: Counter[int | None] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        if outcome.source in self.shown:
            self._decided[self.shown[outcome.source]] += 1

    def summary(self, ended: bool) -> dict[str, int] | None:
        """`missed` were shown and never decided, `double` decided again, `false` decided where there was none.

        Unless the source has `ended`, only items up to the last one that was decided count as shown. None where the
        source does not know its items.
        """
        there = list(dict.fromkeys(item for item in self.shown.values() if item is not None))
        if not there:
            return None
        if not ended:
            there = there[: 1 + max((at for at, item in enumerate(there) if self._decided[item]), default=-1)]
        return {
            "shown": len(there),
            "missed": sum(not self._decided[item] for item in there),
            "double": sum(max(0, self._decided[item] - 1) for item in there),
            "false": self._decided[None],
        }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
