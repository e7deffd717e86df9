"""From raw outputs to a distribution, for every output that a network can give."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.classifier.scores import looks_like_probabilities, prediction
from appliance.records import Prediction

LABELS = ("can", "glass", "pet")
NOTHING = Prediction(None, 0.0, ())

anything = st.lists(st.floats(width=32), min_size=3, max_size=3)
finite = st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3)


@settings(deadline=None, max_examples=200)
@given(anything, st.booleans())
def test_every_output_gives_a_distribution_or_no_scores(output: list[float], logits: bool) -> None:
    said = prediction(output, LABELS, logits=logits)
    if said.label is None:
        assert said == NOTHING
        return
    assert len(said.scores) == 3
    assert all(0 <= score <= 1 for score in said.scores)
    assert math.fsum(said.scores) == pytest.approx(1)
    assert said.confidence == max(said.scores) == said.scores[LABELS.index(said.label)]
    assert said.runner_up is not None
    assert said.runner_up != said.label
    others = [score for label, score in zip(LABELS, said.scores, strict=True) if label != said.label]
    assert said.scores[LABELS.index(said.runner_up)] == max(others)


@settings(deadline=None, max_examples=100)
@given(finite)
def test_finite_logits_always_give_scores_for_the_highest(output: list[float]) -> None:
    said = prediction(output, LABELS, logits=True)
    assert said.label is not None
    # Equal to a double's precision means equal after the softmax.
    assert max(output) - output[LABELS.index(said.label)] < 1e-9


@settings(deadline=None, max_examples=60)
@given(finite, st.floats(-1000, 1000))
def test_a_constant_added_to_all_logits_changes_nothing(output: list[float], offset: float) -> None:
    plain = prediction(output, LABELS, logits=True)
    shifted = prediction([value + offset for value in output], LABELS, logits=True)
    assert shifted.scores == pytest.approx(plain.scores, abs=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("logits", [False, True])
def test_one_value_that_is_no_number_is_no_scores(bad: float, place: int, logits: bool) -> None:
    output = [0.2, 0.5, 0.3]
    output[place] = bad
    assert prediction(output, LABELS, logits=logits) == NOTHING


@pytest.mark.parametrize("output", [[0.0, 0.0, 0.0], [0.5, -0.1, 0.6], [-1.0, -1.0, -1.0], [1.7e308, 1.7e308, 0.0]])
def test_probabilities_that_are_none_are_no_scores(output: list[float]) -> None:
    assert prediction(output, LABELS, logits=False) == NOTHING


def test_quantized_probabilities_are_scaled_to_one() -> None:
    said = prediction([0.50, 0.25, 0.23], LABELS, logits=False)
    assert said == Prediction("can", 0.50 / 0.98, (0.50 / 0.98, 0.25 / 0.98, 0.23 / 0.98), "glass")


def test_logits_go_through_a_softmax() -> None:
    said = prediction([0.0, math.log(2), math.log(5)], LABELS, logits=True)
    assert said.scores == pytest.approx((1 / 8, 2 / 8, 5 / 8))
    assert (said.label, said.runner_up) == ("pet", "glass")


def test_enormous_logits_do_not_overflow() -> None:
    assert prediction([1e30, 0.0, -1e30], LABELS, logits=True) == Prediction("can", 1.0, (1.0, 0.0, 0.0), "glass")


def test_on_a_tie_the_label_that_comes_first_wins() -> None:
    assert prediction([0.2, 0.4, 0.4], LABELS, logits=False) == Prediction("glass", 0.4, (0.2, 0.4, 0.4), "pet")
    said = prediction([1.0, 1.0, 1.0], LABELS, logits=True)
    assert (said.label, said.runner_up) == ("can", "glass")


def test_a_single_label_is_certain_and_has_no_runner_up() -> None:
    assert prediction([0.3], ("can",), logits=False) == Prediction("can", 1.0, (1.0,), None)


@pytest.mark.parametrize(
    ("output", "probable"),
    [
        ([0.2, 0.5, 0.3], True),
        ([1.0, 0.0, 0.0], True),
        ([0.2, 0.5, 0.25], True),  # a quantized softmax
        ([0.2, 0.5, 0.1], False),
        ([1.2, -0.2, 0.0], False),
        ([0.0, 0.0, 0.0], False),
        ([3.1, -0.2, 7.0], False),
        ([math.nan, 0.5, 0.5], False),
    ],
)
def test_probabilities_are_told_from_logits(output: list[float], probable: bool) -> None:
    assert looks_like_probabilities(output) is probable
