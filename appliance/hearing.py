"""Is an item's class settled yet? What the classifier said of the frames that were offered so far, each asked once."""

from collections.abc import Callable

from appliance.decide import Policy, decide
from appliance.records import Decision, Item, Pixels, Prediction, Rule

__all__ = ["Hearing"]

_DOUBTFUL = frozenset({Rule.BELOW_THRESHOLD, Rule.DISAGREEMENT, Rule.NO_SCORES})
"""Another frame may do better; of the other rules it cannot change anything."""


class Hearing:
    """One item at a time: it is decided as soon as the newest `policy.frames` agree, with its last offer at the latest,
    and never twice."""

    def __init__(self) -> None:
        self._item_id = self._closed_id = ""
        self._newest = 0
        self._said: list[Prediction] = []

    def closed(self, item: Item) -> bool:
        """Does this offer come too late, for an item that is decided?"""
        return item.id == self._closed_id

    def close(self, item: Item) -> None:
        """The item is decided, or given up."""
        self._closed_id = item.id

    def hear(self, item: Item, classify: Callable[[Pixels], Prediction], policy: Policy) -> Decision | None:
        """The decision about an item; None while its frames do not agree and more may come."""
        if item.id != self._item_id:
            self._item_id, self._newest, self._said = item.id, 0, []
        for frame in item.frames[-policy.frames :]:
            if frame.id > self._newest:
                self._newest = frame.id
                self._said.append(classify(frame.pixels))
        del self._said[: -policy.frames]
        decision = decide(self._said, policy)
        settled = len(self._said) >= policy.frames and decision.rule not in _DOUBTFUL
        return decision if settled or item.last else None
