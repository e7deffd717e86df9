"""L is 0 at the baseline, falls with every gain and does not depend on the order; the front is what nobody beats."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import UsageError
from modelworks.objective import (
    ACCURACY,
    MSE,
    Candidate,
    Metric,
    baseline_of,
    dominates,
    pareto_front,
    standings,
)

PAPER = (
    Candidate("float32", 0.9918, 23, 3200),
    Candidate("dynamic", 0.9026, 47, 834),
    Candidate("int8", 0.9918, 483, 999),
    Candidate("int8-io", 0.9908, 486, 1000),
    Candidate("float16", 0.9918, 23, 1612),
)
positive = st.floats(1e-3, 1e6)
coarse = st.integers(1, 4).map(float)
"""So few values that equal ones and dominated ones are common."""
METRICS = st.sampled_from([ACCURACY, MSE])


def candidates(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[Candidate]]:
    triples = st.lists(st.tuples(values, values, values), min_size=1, max_size=8)
    return triples.map(lambda rows: [Candidate(str(number), *row) for number, row in enumerate(rows)])


def test_the_printed_values_of_the_study_come_out() -> None:
    judged = standings(PAPER, PAPER[0], ACCURACY)
    assert [round(each.paper, 2) for each in judged] == [0.00, 0.21, 19.31, 19.44, -0.50]
    assert [round(each.mended, 2) for each in judged] == [0.00, 0.39, 19.31, 19.44, -0.50]


def test_the_study_s_sign_rewards_losing_accuracy_and_ours_does_not() -> None:
    good, bad = Candidate("good", 0.9, 10, 100), Candidate("bad", 0.5, 10, 100)
    better, worse = standings([good, bad], good, ACCURACY)
    assert worse.paper < better.paper
    assert worse.mended > better.mended


def test_of_an_error_both_forms_punish_the_rise() -> None:
    judged = standings([Candidate("a", 2, 10, 100), Candidate("b", 3, 10, 100)], Candidate("a", 2, 10, 100), MSE)
    assert [(each.paper, each.mended) for each in judged] == [(0.0, 0.0), (0.5, 0.5)]


@given(candidates(positive), METRICS)
def test_the_baseline_stands_at_zero(rows: list[Candidate], metric: Metric) -> None:
    first = standings(rows, rows[0], metric)[0]
    assert (first.paper, first.mended) == (0.0, 0.0)


@given(candidates(positive), METRICS, st.randoms())
def test_no_objective_depends_on_the_order(rows: list[Candidate], metric: Metric, random: object) -> None:
    mixed = list(rows)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    baseline = rows[0]
    assert set(standings(mixed, baseline, metric)) == set(standings(rows, baseline, metric))
    assert set(pareto_front(mixed, metric)) == set(pareto_front(rows, metric))


@given(candidates(coarse), METRICS)
def test_nobody_beats_the_front_and_the_front_beats_everybody_else(rows: list[Candidate], metric: Metric) -> None:
    front = pareto_front(rows, metric)
    assert front
    assert not any(dominates(one, other, metric) for one in rows for other in front)
    for row in rows:
        assert row in front or any(dominates(member, row, metric) for member in front)


@given(candidates(coarse), METRICS)
def test_who_dominates_has_the_lower_objective(rows: list[Candidate], metric: Metric) -> None:
    judged = dict(zip(rows, standings(rows, rows[0], metric), strict=True))
    for one in rows:
        for other in rows:
            if dominates(one, other, metric):
                assert judged[one].mended < judged[other].mended


@pytest.mark.parametrize("values", [(0.9, 0, 1), (0.9, 1, 0), (0.9, -1, 1), (-0.1, 1, 1), (0.9, math.nan, 1)])
def test_values_without_a_meaning_are_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="judging 'a'"):
        Candidate("a", *values)


def test_a_baseline_of_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="the quality of 'a' is 0"):
        baseline_of([Candidate("a", 0, 1, 1)], None)


def test_an_unknown_baseline_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"no row 'nobody'.*float32, dynamic, int8"):
        baseline_of(PAPER, "nobody")


def test_values_too_far_apart_are_refused() -> None:
    with pytest.raises(UsageError, match="too far apart"):
        standings([Candidate("a", 1, 1e308, 1)], Candidate("b", 1, 1e-308, 1), ACCURACY)
