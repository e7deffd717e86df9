"""Targets say what they should: smoothed labels, teachers' softened opinions, blends of both."""

import numpy as np
import pytest

from appliance.preprocess import Preprocessing
from modelworks.averaging import RunningMean
from modelworks.recipe import Distillation, Stage, Teacher, TrainRecipe
from modelworks.sources import Examples, Targets, blended, class_weights

LABELS = ("a", "b", "c")
EXAMPLES = Examples((), (), (0, 2, 1))


class Opinions:
    """Logits as a teacher's cache would give them."""

    def inputs(self, chosen: np.ndarray, epoch: int) -> np.ndarray:
        return np.array([[4.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]], np.float32)[chosen]


class Doubt:
    """A teacher that knows nothing."""

    def inputs(self, chosen: np.ndarray, epoch: int) -> np.ndarray:
        return np.zeros((len(chosen), 3), np.float32)


def recipe(teachers: int = 0, temperature: float = 2.0) -> TrainRecipe:
    taught = Distillation((Teacher("t", ""),) * teachers, temperature) if teachers else None
    return TrainRecipe(
        "", "", LABELS, Preprocessing(), (Stage(32, 1),), label_smoothing=0.3, distillation=taught, views=1
    )


def test_labels_are_smoothed_and_sum_to_one() -> None:
    targets = Targets(EXAMPLES, recipe()).of(np.array([0, 1]), 1)
    np.testing.assert_allclose(targets, [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], rtol=1e-6)


def test_the_teacher_speaks_beside_the_labels_softer_at_a_higher_temperature() -> None:
    halves = [
        Targets(EXAMPLES, recipe(1, temperature), [Opinions()]).of(np.array([0, 2]), 1)[:, 3:]
        for temperature in (1.0, 4.0)
    ]
    np.testing.assert_allclose([half.sum(axis=1) for half in halves], 1, rtol=1e-6)
    np.testing.assert_allclose(halves[1][0], np.exp([1, 0, 0]) / np.exp([1, 0, 0]).sum(), rtol=1e-6)
    assert halves[0][0, 0] > halves[1][0, 0]


def test_several_teachers_say_what_they_say_on_average() -> None:
    sure, both = (
        Targets(EXAMPLES, recipe(len(those)), those).of(np.array([0, 1]), 1)[:, 3:]
        for those in ([Opinions()], [Opinions(), Doubt()])
    )
    np.testing.assert_allclose(both, (sure + 1 / 3) / 2, rtol=1e-6)


def test_rare_classes_weigh_more_and_the_mean_example_weighs_one() -> None:
    classes = [0, 0, 0, 1, 2, 2]
    weights = class_weights(classes, 3)
    assert weights[1] == 3 * weights[0]
    assert np.mean(weights[classes]) == pytest.approx(1)


def test_blending_keeps_each_example_the_larger_part_and_the_targets_a_distribution() -> None:
    rng = np.random.default_rng(3)
    inputs, targets = np.eye(6, dtype=np.float32), np.eye(6, dtype=np.float32)
    for _ in range(50):
        mixed, said = blended(inputs, targets, 0.4, rng)
        np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(mixed, said, rtol=1e-6)
        assert (np.diag(said) >= 0.5).all()
    np.testing.assert_array_equal(blended(inputs, targets, 0.0, rng)[0], inputs)


class Variable:
    """Two weights of one value."""

    def __init__(self, value: float) -> None:
        self.value = np.full(2, value)

    def numpy(self) -> np.ndarray:
        return self.value


class Net:
    """As much of a network as a running mean touches."""

    def __init__(self, value: float) -> None:
        self.weights = [Variable(value)]

    def get_weights(self) -> list[np.ndarray]:
        return [variable.value for variable in self.weights]

    def set_weights(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self.weights, values, strict=True):
            variable.value = value


def settled(mean: RunningMean) -> list[np.ndarray]:
    mean.settle()
    return mean.mean.get_weights()


def test_the_mean_forgets_where_it_began_and_follows() -> None:
    mean = RunningMean(Net(100.0), 0.9)
    for _ in range(300):
        mean.follow(Net(1.0))
    np.testing.assert_allclose(settled(mean)[0], 1.0, atol=1e-3)


def test_a_mean_of_momentum_zero_is_the_last_step() -> None:
    mean = RunningMean(Net(5.0), 0.0)
    mean.follow(Net(1.0))
    mean.follow(Net(2.0))
    np.testing.assert_allclose(settled(mean)[0], 2.0)
