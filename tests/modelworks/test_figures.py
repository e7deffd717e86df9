"""The figures are counted right, and every share carries its interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworks.figures import (
    agreement,
    calibration_error,
    confusion_matrix,
    judge,
    paired_difference,
    paired_loss,
    wilson_interval,
)


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


@pytest.mark.parametrize(
    ("table", "expected"),
    [((14, 5, 0, 22), (0.1220, 0.0115, 0.2265)), ((1, 1, 7, 12), (-0.2857, -0.5069, -0.0256))],
)
def test_a_paired_difference_has_the_published_interval(
    table: tuple[int, int, int, int], expected: tuple[float, float, float]
) -> None:
    """Sources: Altman 2000, "Statistics with Confidence", table 6.2; Fagerland 2014, airway hyper-responsiveness."""
    assert paired_difference(*table) == pytest.approx(expected, abs=1e-4)


@given(st.tuples(*[st.integers(0, 400)] * 4).filter(any))
def test_the_interval_of_a_paired_difference_holds_it_and_turns_with_it(table: tuple[int, int, int, int]) -> None:
    both, first, second, neither = table
    difference, low, high = paired_difference(*table)
    assert -1 <= low <= difference <= high <= 1
    assert low < high
    turned = paired_difference(both, second, first, neither)
    assert turned == pytest.approx((-difference, -high, -low))


def test_equal_answers_lose_nothing_but_that_is_not_certain() -> None:
    right = np.array([True] * 176 + [False] * 20)
    assert paired_loss(right, right) == {"points": 0.0, "low": -1.8225, "high": 1.8225, "n": 196}


def test_a_loss_is_counted_on_the_same_pictures() -> None:
    reference = np.array([True] * 90 + [False] * 10)
    right = np.array([False] * 3 + [True] * 88 + [False] * 9)
    lost = paired_loss(right, reference)
    assert (lost["points"], lost["n"]) == (2.0, 100)
    assert lost["low"] < 0 < 2 < lost["high"]


def test_confidence_that_is_kept_has_no_calibration_error() -> None:
    scores = np.array([[0.8, 0.2]] * 5, np.float32)
    assert calibration_error([0, 0, 0, 0, 1], scores) == pytest.approx(0.0, abs=1e-4)
    assert calibration_error([1] * 5, scores) == pytest.approx(0.8, abs=1e-4)


def test_the_calibration_error_weighs_every_bin_by_its_pictures() -> None:
    scores = np.array([[1.0, 0.0]] * 3 + [[0.6, 0.4]], np.float32)
    assert calibration_error([0, 0, 1, 0], scores) == pytest.approx((3 * (1 / 3) + 0.4) / 4, abs=1e-4)
