"""The temperature that makes a network as sure as it is right."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra `train`")

from modelworks.temperature import MOST, best_temperature

pytestmark = pytest.mark.workstation


@pytest.mark.parametrize("modest", [0.5, 1.0, 2.0])
def test_it_finds_by_what_the_true_logits_were_multiplied(modest: float) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, (20_000, 5))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = (chances.cumsum(axis=1) < rng.random((len(logits), 1))).sum(axis=1)
    found = best_temperature((logits * modest).astype(np.float32), classes)
    assert found == pytest.approx(modest, rel=0.05)


@pytest.mark.parametrize(("right", "bound"), [(True, 1 / MOST), (False, MOST)])
def test_pictures_that_are_all_right_or_all_wrong_do_not_ask_for_certainty(right: bool, bound: float) -> None:
    logits = 3 * np.eye(4, dtype=np.float32)
    classes = np.arange(4) if right else np.roll(np.arange(4), 1)
    assert best_temperature(logits, classes) == pytest.approx(bound, rel=1e-2)


def test_logits_so_large_that_their_exponentials_overflow_are_no_trouble() -> None:
    found = best_temperature(np.array([[5000.0, 0.0], [0.0, 5000.0], [5000.0, 0.0]], np.float32), np.array([0, 1, 1]))
    assert np.isfinite(found)
