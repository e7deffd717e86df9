"""Augmentation changes a picture within its limits, by the seed alone, and never its size."""

import numpy as np
import pytest

from modelworks.augment import Augmentation, augment

PICTURE = np.random.default_rng(5).integers(0, 256, (48, 64, 3), np.uint8)
STILL = {"rotation_deg": 0.0, "flip": False, "shift": 0.0, "scale": 0.0}
PLAIN = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "cast": 0.0}


def test_no_augmentation_changes_nothing() -> None:
    plan = Augmentation(**STILL, **PLAIN)
    np.testing.assert_array_equal(augment(PICTURE, plan, np.random.default_rng(0)), PICTURE)


def test_the_size_and_the_type_stay() -> None:
    changed = augment(PICTURE, Augmentation(), np.random.default_rng(0))
    assert (changed.shape, changed.dtype) == (PICTURE.shape, PICTURE.dtype)


def test_the_same_seed_gives_the_same_picture() -> None:
    one, two = (augment(PICTURE, Augmentation(), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_half_of_the_pictures_are_mirrored() -> None:
    plan = Augmentation(**STILL | {"flip": True}, **PLAIN)
    rng = np.random.default_rng(0)
    changed = [augment(PICTURE, plan, rng) for _ in range(200)]
    kept = sum(np.array_equal(each, PICTURE) for each in changed)
    assert 70 < kept < 130


def test_brightness_stays_within_its_limit() -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    plan = Augmentation(**STILL, **PLAIN | {"brightness": 0.2})
    rng = np.random.default_rng(0)
    means = [augment(grey, plan, rng).mean() for _ in range(200)]
    assert 80 <= min(means) < 85
    assert 115 < max(means) <= 120


@pytest.mark.parametrize("name", ["shift", "scale", "brightness", "contrast", "saturation", "cast"])
def test_a_change_of_all_or_less_than_nothing_is_refused(name: str) -> None:
    for value in (-0.1, 1.0):
        with pytest.raises(ValueError, match=name):
            Augmentation(**{name: value})


@pytest.mark.parametrize("degrees", [-5.0, float("inf"), float("nan")])
def test_a_rotation_that_is_none_is_refused(degrees: float) -> None:
    with pytest.raises(ValueError, match="rotation is 0 degrees or more"):
        Augmentation(rotation_deg=degrees)
