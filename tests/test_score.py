"""The score over labelled pictures."""

from dataclasses import replace

import pytest

from appliance.records import Decision, Outcome, OutcomeKind, Rule
from appliance.score import ItemCount, Score

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


SHOWN = {"0.jpg": None, "1.jpg": 7, "2.jpg": 7, "3.jpg": None, "4.jpg": 8, "5.jpg": 9, "6.jpg": None}


@pytest.mark.parametrize(
    ("decided", "ended", "found"),
    [
        ("1 4 5", True, {"shown": 3, "missed": 0, "double": 0, "false": 0}),
        ("2 5", True, {"shown": 3, "missed": 1, "double": 0, "false": 0}),
        ("1 2 4 5", True, {"shown": 3, "missed": 0, "double": 1, "false": 0}),
        ("0 1 4 5 6", True, {"shown": 3, "missed": 0, "double": 0, "false": 2}),
        ("", True, {"shown": 3, "missed": 3, "double": 0, "false": 0}),
        ("", False, {"shown": 0, "missed": 0, "double": 0, "false": 0}),
        ("4", False, {"shown": 2, "missed": 1, "double": 0, "false": 0}),
    ],
)
def test_every_item_shown_is_to_be_decided_once(decided: str, ended: bool, found: dict[str, int]) -> None:
    count = ItemCount(SHOWN)
    for number in decided.split():
        count.add(replace(outcome("can"), source=f"{number}.jpg"))
    assert count.summary(ended) == found


@pytest.mark.parametrize("shown", [{}, {"a.jpg": None}])
def test_where_the_items_are_not_known_there_is_no_count(shown: dict[str, int | None]) -> None:
    count = ItemCount(shown)
    count.add(outcome("can"))
    assert count.summary(ended=True) is None
