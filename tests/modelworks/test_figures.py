"""The figures are counted right, and every share carries its interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworks.figures import agreement, confusion_matrix, judge, wilson_interval


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_values(right: int, total: int, low: float, high: float) -> None:
    """Source: R, binom::binom.wilson."""
    assert wilson_interval(right, total) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_a_share(counts: tuple[int, int]) -> None:
    low, high = wilson_interval(*counts)
    assert 0 <= low <= counts[0] / counts[1] + 1e-12
    assert counts[0] / counts[1] - 1e-12 <= high <= 1


def test_nothing_counted_says_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_a_confusion_matrix_has_the_truth_in_its_rows() -> None:
    assert confusion_matrix([0, 0, 1], [1, 0, 1], 2).tolist() == [[1, 1], [0, 1]]


def test_a_judgement_says_what_is_right_of_what() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], np.float32)
    judged = judge([0, 0, 1], scores, ["can", "bottle"])
    assert (judged["accuracy"]["right"], judged["accuracy"]["n"], judged["accuracy"]["value"]) == (2, 3, 0.6667)
    assert judged["per_class"]["can"]["recall"]["value"] == 0.5
    assert judged["per_class"]["can"]["precision"]["value"] == 1.0
    assert judged["confusion"] == [[1, 1], [0, 1]]


def test_agreement_asks_for_the_same_class_not_the_same_scores() -> None:
    one = np.array([[0.9, 0.1], [0.4, 0.6]], np.float32)
    two = np.array([[0.6, 0.4], [0.6, 0.4]], np.float32)
    assert agreement(one, two)["right"] == 1
