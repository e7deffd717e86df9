"""The place that the classifier looks at is the place that the map shows."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.records import Pixels
from modelworks.occlusion import FINEST, grid_for, look


def watches_a_corner(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
    """Sure of class 1 in so far as the upper left eighth of the picture is white."""
    share = [float(picture[:6, :8].mean()) / 255 for picture in pictures]
    return np.array([[1 - each, each] for each in share], np.float32)


def white(height: int = 48, width: int = 64) -> Pixels:
    return np.full((height, width, 3), 255, np.uint8)


def test_the_map_is_hot_where_it_matters_and_cold_elsewhere() -> None:
    seen = look(watches_a_corner, white())
    assert (seen.guess, seen.sure) == (1, 1.0)
    assert seen.drop.shape == (48, 64)
    assert seen.drop[:3, :4].min() > 0.3
    assert seen.drop.argmax() // 64 < 6
    assert np.abs(seen.drop[24:, 32:]).max() == 0
    assert seen.least == pytest.approx(127 / 255, abs=0.01)


def test_every_pixel_is_covered_by_some_patch() -> None:
    height, width, covered = 37, 91, np.zeros((37, 91), bool)

    def remembers(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        for picture in pictures:
            covered[...] |= picture[:, :, 0] != 255
        return np.tile(np.float32([0.2, 0.8]), (len(pictures), 1))

    for grid in (2, 5, FINEST):
        covered[...] = False
        assert look(remembers, white(height, width), grid).drop.max() == 0
        assert covered.all()


def test_a_place_that_speaks_against_the_guess_is_below_zero() -> None:
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[30:, 30:] = 0

    def bright(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        share = [float(each.mean()) / 255 for each in pictures]
        return np.array([[1 - each, each] for each in share], np.float32)

    seen = look(bright, picture)
    assert seen.drop[39, 39] < 0 < seen.drop[0, 0]


def test_the_picture_itself_is_left_as_it_was_and_few_copies_are_held() -> None:
    picture, largest = white(), 0

    def counts(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        nonlocal largest
        largest = max(largest, len(pictures))
        return np.tile(np.float32([0.2, 0.8]), (len(pictures), 1))

    look(counts, picture, 7)
    assert (picture == 255).all()
    assert largest == 7


def test_a_tiny_picture_and_a_bad_grid() -> None:
    assert look(watches_a_corner, white(1, 2)).drop.shape == (1, 2)
    with pytest.raises(ValueError, match="2 steps or more"):
        look(watches_a_corner, white(), 1)


def test_a_slow_file_gets_a_coarser_grid() -> None:
    assert grid_for(5, 8, 25) == FINEST
    assert grid_for(113, 8, 25) == 5
    assert grid_for(40, 8, 25) == 8
    assert grid_for(0, 0, 25) == FINEST
