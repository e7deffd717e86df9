"""From the predictions of one item to a bin, with the rule. Pure: no clock, no file, no state."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from appliance.config import DecisionOptions
from appliance.records import Decision, Prediction, Rule

__all__ = ["Policy", "decide"]


@dataclass(frozen=True, slots=True)
class Policy:
    """When a label is believed, and where it goes.

    `bins` maps label -> bin, `channels` bin -> actuator channel (None: nothing has to move). `frames` is how many of an
    item's newest frames are heard, `agreement` the share of them that must have the winning label.
    """

    labels: tuple[str, ...]
    bins: Mapping[str, str]
    channels: Mapping[str, int | None]
    reject_bin: str
    threshold: float
    thresholds: Mapping[str, float] = field(default_factory=dict)
    frames: int = 1
    agreement: float = 0.6
    never: frozenset[str] = frozenset()

    @classmethod
    def from_options(cls, options: DecisionOptions, labels: Sequence[str]) -> "Policy":
        return cls(
            labels=tuple(labels),
            bins={label: name for name, one in options.bins.items() for label in one.labels},
            channels={name: one.channel for name, one in options.bins.items()},
            reject_bin=options.reject_bin,
            threshold=options.threshold,
            thresholds=dict(options.thresholds),
            frames=options.frames,
            agreement=options.agreement,
            never=frozenset(options.never),
        )


def decide(predictions: Sequence[Prediction], policy: Policy) -> Decision:
    """One decision for an item from its frames' predictions, oldest first; anything doubtful goes to the reject bin.

    The scores of the frames are averaged; the highest mean wins, on a tie the label that comes first.
    """
    heard = predictions[-policy.frames :]
    if not heard or any(one.label is None or not math.isfinite(one.confidence + sum(one.scores)) for one in heard):
        return Decision(policy.reject_bin, Rule.NO_SCORES, None, 0.0)
    if len(heard) == 1:
        # What the general case below comes to, without the sums: most machines hear one frame an item.
        return _decision(heard[0].label, heard[0].confidence, heard[0].runner_up, heard, policy)
    scores = [sum(column) / len(heard) for column in zip(*(one.scores for one in heard), strict=True)]
    ranked = sorted(range(len(scores)), key=lambda index: -scores[index])
    label = policy.labels[ranked[0]]
    runner_up = policy.labels[ranked[1]] if len(ranked) > 1 else None
    return _decision(label, scores[ranked[0]], runner_up, heard, policy)


def _decision(
    label: str | None, confidence: float, runner_up: str | None, heard: Sequence[Prediction], policy: Policy
) -> Decision:
    assert label is not None, "predictions without a label were sorted out before"
    rule = _rule(label, confidence, [one.label for one in heard], policy)
    target = policy.bins[label] if rule is Rule.LABEL else policy.reject_bin
    return Decision(target, rule, label, confidence, runner_up)


def _rule(label: str, confidence: float, votes: Sequence[str | None], policy: Policy) -> Rule:
    if label in policy.never:
        return Rule.NEVER
    if label not in policy.bins:
        return Rule.NO_BIN
    if not confidence >= policy.thresholds.get(label, policy.threshold):
        return Rule.BELOW_THRESHOLD
    if votes.count(label) < policy.agreement * len(votes):
        return Rule.DISAGREEMENT
    return Rule.LABEL
