"""Weights on the grid, outputs nearer than by rounding each weight alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelworks.gridrounding import Inputs, nearest, round_to_grid

Matrix = NDArray[np.float64]


def example(seed: int, groups: int, width: int, outputs: int, count: int = 400) -> tuple[Matrix, Matrix, Inputs]:
    """Weights, inputs that depend on each other, and what is known of them."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(groups, width, outputs))
    mixed = rng.normal(size=(groups, width, width)) + 2
    seen = np.maximum(np.einsum("ngw,gwv->ngv", rng.normal(size=(count, groups, width)), mixed), 0)
    inputs = Inputs(groups, width)
    inputs.add(seen.astype(np.float32), seen.astype(np.float32))
    return weights, seen, inputs


def error(seen: Matrix, weights: Matrix, other: Matrix) -> float:
    return float(np.square(np.einsum("ngw,gwo->ngo", seen, weights - other)).sum())


@pytest.mark.parametrize("levels", [7, 127])
@pytest.mark.parametrize(("groups", "width", "outputs"), [(1, 24, 6), (6, 9, 1), (1, 1, 3)])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_every_weight_is_on_the_grid_that_a_converter_would_find(
    levels: int, groups: int, width: int, outputs: int, seed: int
) -> None:
    weights, _, inputs = example(seed, groups, width, outputs)
    fitted = round_to_grid(weights, inputs, levels)
    assert fitted.shape == weights.shape
    np.testing.assert_allclose(nearest(fitted, levels), fitted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("groups", "width", "outputs", "best"), [(1, 24, 6, 0.8), (6, 9, 1, 0.8)])
def test_outputs_come_nearer_than_with_each_weight_at_its_nearest_level(
    seed: int, groups: int, width: int, outputs: int, best: float
) -> None:
    weights, seen, inputs = example(seed, groups, width, outputs)
    alone = error(seen, weights, nearest(weights, 127))
    assert error(seen, weights, round_to_grid(weights, inputs, 127)) < best * alone


def test_what_earlier_layers_spoilt_is_made_good() -> None:
    weights, seen, _ = example(3, 1, 12, 4)
    spoilt = (seen * 0.9).astype(np.float32)
    inputs = Inputs(1, 12)
    inputs.add(spoilt, seen.astype(np.float32))
    wanted = np.einsum("ngw,gwo->ngo", seen, weights)
    fitted = np.einsum("ngw,gwo->ngo", spoilt, round_to_grid(weights, inputs, 127))
    alone = np.einsum("ngw,gwo->ngo", spoilt, nearest(weights, 127))
    assert np.square(fitted - wanted).sum() < 0.2 * np.square(alone - wanted).sum()


def test_an_input_that_is_always_zero_and_weights_that_are_all_zero_do_no_harm() -> None:
    weights, seen, _ = example(4, 1, 6, 3)
    weights[:, :, 1] = 0
    seen[:, :, 2] = 0
    inputs = Inputs(1, 6)
    inputs.add(seen.astype(np.float32), seen.astype(np.float32))
    fitted = round_to_grid(weights, inputs, 127)
    assert np.isfinite(fitted).all()
    assert np.abs(fitted[:, :, 1]).max() < 1e-9
    np.testing.assert_allclose(fitted[:, 2, 0], weights[:, 2, 0], atol=np.abs(weights[:, :, 0]).max() / 127)
