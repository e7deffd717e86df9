"""The score over labelled pictures."""

import pytest

from appliance.records import Decision, Outcome, OutcomeKind, Rule
from appliance.score import Score

LABELS = ("can", "pet", "empty")


def outcome(label: str | None, rule: Rule = Rule.LABEL) -> Outcome:
    return Outcome("id", 1, "a.jpg", 0, OutcomeKind.SORTED, Decision("bin", rule, label, 0.9), 1, 5.0)


def test_nothing_to_score_is_not_a_score_of_zero() -> None:
    assert Score(LABELS).summary() == {"n": 0, "top1": None, "decided": None, "coverage": None}


def test_top1_ignores_thresholds_and_decided_ignores_rejections() -> None:
    score = Score(LABELS)
    score.add("can", outcome("can"))
    score.add("can", outcome("pet"))
    score.add("pet", outcome("pet", Rule.BELOW_THRESHOLD))
    score.add("pet", outcome(None, Rule.NO_SCORES))
    assert score.summary() == {"n": 4, "top1": 0.5, "decided": 0.5, "coverage": 0.5}


def test_all_rejected_leaves_decided_unknown() -> None:
    score = Score(LABELS)
    score.add("can", outcome("can", Rule.NEVER))
    assert score.summary() == {"n": 1, "top1": 1.0, "decided": None, "coverage": 0.0}


@pytest.mark.parametrize("truth", [None, "cardboard", "subfolder"])
def test_a_truth_that_the_model_does_not_know_is_not_scored(truth: str | None) -> None:
    score = Score(LABELS)
    score.add(truth, outcome("can"))
    assert score.n == 0


def test_the_empty_text_of_frames_json_is_the_label_empty() -> None:
    score = Score(LABELS)
    score.add("", outcome("empty"))
    assert score.summary() == {"n": 1, "top1": 1.0, "decided": 1.0, "coverage": 1.0}


def test_the_empty_text_is_not_scored_for_a_model_without_that_label() -> None:
    score = Score(("can", "pet"))
    score.add("", outcome("can"))
    assert score.n == 0


def test_shares_are_rounded_to_four_digits() -> None:
    score = Score(LABELS)
    for label in ("can", "pet", "pet"):
        score.add("can", outcome(label))
    assert score.summary()["top1"] == 0.3333
