"""The head's regression finds the optimum: where its slope is zero, whatever the features' order."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra `train`")

from modelworks.logistic import logistic_regression

pytestmark = pytest.mark.workstation

RNG = np.random.default_rng(4)
FEATURES = RNG.normal(size=(90, 7)).astype(np.float32)
CLASSES = (FEATURES[:, :3] + RNG.normal(size=(90, 3))).argmax(axis=1)
TARGETS = np.eye(3, dtype=np.float32)[CLASSES] * 0.9 + 0.1 / 3


@pytest.mark.parametrize("decay", [1e-3, 1e-1])
def test_the_slope_is_zero_at_what_it_finds(decay: float) -> None:
    kernel, bias = logistic_regression(FEATURES, TARGETS, decay)
    logits = FEATURES @ kernel + bias
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    error = (scores - TARGETS) / len(FEATURES)
    np.testing.assert_allclose(FEATURES.T @ error + decay * kernel, 0, atol=2e-4)
    np.testing.assert_allclose(error.sum(axis=0), 0, atol=2e-4)


def test_more_decay_means_smaller_weights_that_are_right_less_often() -> None:
    free, held = (logistic_regression(FEATURES, TARGETS, decay) for decay in (1e-4, 30.0))
    assert np.abs(held[0]).sum() < np.abs(free[0]).sum() / 3
    right, less = (((FEATURES @ kernel + bias).argmax(axis=1) == CLASSES).mean() for kernel, bias in (free, held))
    assert right > max(0.6, less)


def test_the_order_of_the_features_does_not_matter() -> None:
    order = RNG.permutation(7)
    kernel, bias = logistic_regression(FEATURES, TARGETS, 1e-2)
    turned, same = logistic_regression(FEATURES[:, order], TARGETS, 1e-2)
    np.testing.assert_allclose(turned, kernel[order], atol=1e-3)
    np.testing.assert_allclose(same, bias, atol=1e-3)
