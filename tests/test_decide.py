"""Properties of the decision, over every policy and every prediction that hypothesis can think of."""

import dataclasses
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.config import Bin, DecisionOptions
from appliance.decide import Policy, decide
from appliance.records import Decision, Prediction, Rule

LABELS = ("can", "glass", "hdpe", "pet")
POLICY = Policy(
    labels=LABELS,
    bins={"can": "cans", "glass": "glass", "pet": "plastic"},
    channels={"cans": 1, "glass": 2, "plastic": 3, "rest": 0},
    reject_bin="rest",
    threshold=0.6,
    thresholds={"glass": 0.8},
)

shares = st.floats(0, 1, allow_nan=False)


def prediction(*scores: float) -> Prediction:
    """What a well-behaved classifier says: label and runner-up follow from the scores."""
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    runner_up = LABELS[order[1]] if len(scores) > 1 else None
    return Prediction(LABELS[order[0]], scores[order[0]], tuple(scores), runner_up)


NO_SCORES = Prediction(None, 0.0, ())


@st.composite
def distributions(draw: st.DrawFn) -> Prediction:
    weights = draw(st.lists(st.integers(0, 100), min_size=len(LABELS), max_size=len(LABELS)).filter(any))
    return prediction(*(weight / sum(weights) for weight in weights))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    listed = draw(st.dictionaries(st.sampled_from(LABELS), st.sampled_from(["a", "b", "rest"]), max_size=4))
    return Policy(
        labels=LABELS,
        bins=listed,
        channels={"a": 1, "b": None, "rest": 0},
        reject_bin="rest",
        threshold=draw(shares),
        thresholds=draw(st.dictionaries(st.sampled_from(LABELS), shares, max_size=4)),
        frames=draw(st.integers(1, 5)),
        agreement=draw(shares),
        never=frozenset(draw(st.sets(st.sampled_from(LABELS)))),
    )


predictions = st.lists(st.one_of(distributions(), st.just(NO_SCORES)), max_size=8)
sane = st.lists(distributions(), min_size=1, max_size=8)


@settings(deadline=None, max_examples=120)
@given(predictions, policies())
def test_every_item_gets_a_decision_into_the_reject_bin_or_the_labels_own(
    heard: list[Prediction], policy: Policy
) -> None:
    decision = decide(heard, policy)
    if decision.rejected:
        assert decision.bin == policy.reject_bin
    else:
        assert decision.label is not None
        assert decision.bin == policy.bins[decision.label]
        assert decision.confidence >= policy.thresholds.get(decision.label, policy.threshold)
    assert math.isfinite(decision.confidence)


@settings(deadline=None, max_examples=80)
@given(predictions, policies())
def test_the_same_predictions_decide_the_same(heard: list[Prediction], policy: Policy) -> None:
    assert decide(heard, policy) == decide(tuple(heard), policy)


@settings(deadline=None, max_examples=120)
@given(sane, policies())
def test_a_class_that_is_never_decided_goes_nowhere_but_into_the_reject_bin(
    heard: list[Prediction], policy: Policy
) -> None:
    decision = decide(heard, dataclasses.replace(policy, never=frozenset(LABELS)))
    assert (decision.bin, decision.rule) == (policy.reject_bin, Rule.NEVER)


@settings(deadline=None, max_examples=120)
@given(distributions(), policies(), shares)
def test_more_confidence_never_turns_a_decision_into_a_rejection(weak: Prediction, policy: Policy, gain: float) -> None:
    """Moving score from the other labels to the winner keeps what was decided for it."""
    best = LABELS.index(weak.label or "")
    strong = prediction(
        *(share * (1 - gain) + gain if index == best else share * (1 - gain) for index, share in enumerate(weak.scores))
    )
    before, after = decide([weak], policy), decide([strong], policy)
    assert after.label == before.label
    if not before.rejected:
        assert (after.bin, after.rule) == (before.bin, Rule.LABEL)


@settings(deadline=None, max_examples=80)
@given(distributions(), policies())
def test_below_its_threshold_no_label_is_believed(one: Prediction, policy: Policy) -> None:
    above = math.nextafter(one.confidence, 2)
    strict = dataclasses.replace(policy, threshold=above, thresholds={}, never=frozenset())
    decision = decide([one], strict)
    expected = Rule.BELOW_THRESHOLD if one.label in strict.bins else Rule.NO_BIN
    assert (decision.bin, decision.rule) == (policy.reject_bin, expected)


@settings(deadline=None, max_examples=80)
@given(distributions(), policies())
def test_exactly_at_its_threshold_a_label_is_believed(one: Prediction, policy: Policy) -> None:
    bins = dict.fromkeys(LABELS, "a")
    exact = dataclasses.replace(policy, bins=bins, threshold=one.confidence, thresholds={}, never=frozenset())
    assert decide([one], exact) == Decision("a", Rule.LABEL, one.label, one.confidence, one.runner_up)


@settings(deadline=None, max_examples=80)
@given(predictions, st.lists(distributions(), min_size=5, max_size=8), policies(), st.randoms(use_true_random=False))
def test_frames_before_the_last_ones_are_not_heard(
    early: list[Prediction], late: list[Prediction], policy: Policy, shuffler: random.Random
) -> None:
    shuffled = list(early)
    shuffler.shuffle(shuffled)
    assert decide([*early, *late], policy) == decide([*shuffled, *late], policy) == decide(late, policy)


@settings(deadline=None, max_examples=60)
@given(sane, policies(), st.data())
def test_one_heard_frame_without_scores_is_enough_to_reject(
    heard: list[Prediction], policy: Policy, data: st.DataObject
) -> None:
    newest = heard[-policy.frames :]
    newest[data.draw(st.integers(0, len(newest) - 1))] = NO_SCORES
    assert decide(newest, policy) == Decision(policy.reject_bin, Rule.NO_SCORES, None, 0.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_rejected_as_no_scores(bad: float) -> None:
    """A classifier from elsewhere may not keep its promise; a NaN must not reach the journal as a confidence."""
    for broken in (
        Prediction("can", bad, (bad, 0.0, 0.0, 0.0), "glass"),
        Prediction("can", 0.9, (0.9, bad, 0.0, 0.0), "glass"),
        Prediction("can", bad, (0.9, 0.1, 0.0, 0.0), "glass"),
    ):
        assert decide([broken], POLICY) == Decision("rest", Rule.NO_SCORES, None, 0.0)


@settings(deadline=None, max_examples=80)
@given(distributions() | st.just(NO_SCORES), policies(), st.integers(2, 5))
def test_the_same_frame_several_times_decides_as_it_does_once(one: Prediction, policy: Policy, times: int) -> None:
    once = decide([one], dataclasses.replace(policy, frames=1))
    several = decide([one] * times, dataclasses.replace(policy, frames=times))
    if once.rule is several.rule:
        assert (several.bin, several.label, several.runner_up) == (once.bin, once.label, once.runner_up)
        assert several.confidence == pytest.approx(once.confidence)
    else:  # a mean that rounding has moved across a threshold
        assert once.confidence == pytest.approx(policy.thresholds.get(str(once.label), policy.threshold))


def test_no_prediction_at_all_is_rejected_as_no_scores() -> None:
    assert decide([], POLICY) == Decision("rest", Rule.NO_SCORES, None, 0.0)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.7, 0.1, 0.1, 0.1), Decision("cans", Rule.LABEL, "can", 0.7, "glass")),
        ((0.5, 0.3, 0.1, 0.1), Decision("rest", Rule.BELOW_THRESHOLD, "can", 0.5, "glass")),
        ((0.1, 0.7, 0.2, 0.0), Decision("rest", Rule.BELOW_THRESHOLD, "glass", 0.7, "hdpe")),
        ((0.1, 0.8, 0.1, 0.0), Decision("glass", Rule.LABEL, "glass", 0.8, "can")),
        ((0.0, 0.0, 0.9, 0.1), Decision("rest", Rule.NO_BIN, "hdpe", 0.9, "pet")),
        ((0.5, 0.5, 0.0, 0.0), Decision("rest", Rule.BELOW_THRESHOLD, "can", 0.5, "glass")),
    ],
)
def test_one_frame_is_decided_by_its_labels_threshold_and_bin(scores: tuple[float, ...], expected: Decision) -> None:
    assert decide([prediction(*scores)], POLICY) == expected


@pytest.mark.parametrize(
    ("cans", "agreement", "rule"),
    [(3, 1.0, Rule.LABEL), (2, 0.6, Rule.LABEL), (2, 0.7, Rule.DISAGREEMENT), (2, 1.0, Rule.DISAGREEMENT)],
)
def test_too_few_agreeing_frames_are_a_disagreement(cans: int, agreement: float, rule: Rule) -> None:
    policy = dataclasses.replace(POLICY, frames=3, agreement=agreement, threshold=0.5)
    heard = [prediction(0.9, 0.1, 0.0, 0.0)] * cans + [prediction(0.1, 0.9, 0.0, 0.0)] * (3 - cans)
    decision = decide(heard, policy)
    assert (decision.label, decision.rule) == ("can", rule)
    assert decision.bin == ("cans" if rule is Rule.LABEL else "rest")


def test_the_mean_of_the_frames_decides_not_the_count_of_their_winners() -> None:
    policy = dataclasses.replace(POLICY, frames=3, agreement=0.3, threshold=0.5)
    heard = [prediction(0.51, 0.0, 0.0, 0.49)] * 2 + [prediction(0.0, 0.0, 0.0, 1.0)]
    decision = decide(heard, policy)
    assert (decision.bin, decision.rule, decision.label, decision.runner_up) == ("plastic", Rule.LABEL, "pet", "can")
    assert decision.confidence == pytest.approx(1.98 / 3)


def test_a_policy_says_what_the_configuration_said() -> None:
    options = DecisionOptions(
        bins={
            "cans": Bin(channel=1, labels=("can",)),
            "nothing": Bin(action="none", labels=("glass",)),
            "rest": Bin(channel=0),
        },
        reject_bin="rest",
        threshold=0.5,
        thresholds={"can": 0.9},
        frames=3,
        agreement=0.7,
        never=("pet", "hdpe"),
    )
    assert Policy.from_options(options, list(LABELS)) == Policy(
        labels=LABELS,
        bins={"can": "cans", "glass": "nothing"},
        channels={"cans": 1, "nothing": None, "rest": 0},
        reject_bin="rest",
        threshold=0.5,
        thresholds={"can": 0.9},
        frames=3,
        agreement=0.7,
        never=frozenset({"hdpe", "pet"}),
    )
