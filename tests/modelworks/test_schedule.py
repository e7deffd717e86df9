"""The learning rate climbs in the warm-up, then falls, and reaches its floor with the last step."""

import pytest

from modelworks.schedule import DECAY, FLOOR, learning_rate


def test_the_warm_up_climbs_to_the_peak_and_the_rest_falls_to_the_floor() -> None:
    rates = [learning_rate(step, 100, 10, 5e-4) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[9] == pytest.approx(5e-4)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(5e-4 * FLOOR)


def test_a_training_of_nothing_but_warm_up_has_rates_too() -> None:
    assert [learning_rate(step, 2, 2, 1.0) for step in range(3)] == [0.5, 1.0, 1.0]


def test_every_cycle_falls_from_its_own_peak_to_its_own_floor() -> None:
    rates = [learning_rate(step, 110, 10, 1.0, cycles=2) for step in range(110)]
    assert rates[10] == pytest.approx(1.0)
    assert rates[59] == pytest.approx(FLOOR)
    assert rates[60] == pytest.approx(DECAY)
    assert rates[109] == pytest.approx(DECAY * FLOOR)
    for cycle in (rates[10:60], rates[60:]):
        assert cycle == sorted(cycle, reverse=True)
