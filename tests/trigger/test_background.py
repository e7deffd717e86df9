"""What of a picture does not belong to the empty region: things do, light and soft shadows do not."""

import itertools

import cv2
import numpy as np
import pytest

from appliance.records import Pixels
from appliance.trigger.background import Background, Cells, cells_of, moved, slack_of, smallest_outline, things

CONTRAST = 0.12


def floor(light: float = 1.0, noise: float = 2.0, seed: int = 0, shape: tuple[int, int] = (256, 256)) -> Pixels:
    """A blotchy grey floor, the same for every seed; the seed is of the noise."""
    height, width = shape
    blotches = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 60, (*shape, 1)), (0, 0), 6).reshape(
        height, width, 1
    )
    pixels = (140 + blotches) * light + np.random.default_rng(seed).normal(0, noise, (*shape, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def with_disc(pixels: Pixels, colour: tuple[int, int, int] = (60, 90, 200), x: int = 128, radius: int = 40) -> Pixels:
    return np.asarray(cv2.circle(pixels.copy(), (x, 128), radius, colour, -1), np.uint8)


def learned(*pixels: Pixels) -> Background:
    background = Background(cells_of(pixels[0]), CONTRAST)
    for one in pixels[1:]:
        background.learn(cells_of(one))
    return background


@pytest.mark.parametrize(
    ("shape", "grid"), [((256, 256), (64, 64)), ((480, 640), (60, 80)), ((40, 30), (40, 30)), ((1080, 1921), (67, 120))]
)
def test_the_grid_is_small_for_every_size_of_picture(shape: tuple[int, int], grid: tuple[int, int]) -> None:
    rows, columns, channels = cells_of(np.zeros((*shape, 3), np.uint8)).shape
    assert max(rows, columns) <= 96
    assert channels == 3
    if max(grid) <= 96:
        assert (rows, columns) == grid


@pytest.mark.parametrize("light", [0.65, 0.8, 1.0, 1.2, 1.4])
@pytest.mark.parametrize("noise", [0.0, 2.0, 8.0])
def test_an_empty_region_has_no_edges_in_any_light(light: float, noise: float) -> None:
    look = learned(floor()).look(cells_of(floor(light, noise, seed=5)))
    assert (look.edges, look.unlit) == (0, False)


@pytest.mark.parametrize("light", [0.65, 1.0, 1.4])
@pytest.mark.parametrize("colour", [(60, 90, 200), (250, 250, 250), (20, 20, 20), (140, 100, 140)])
def test_a_thing_has_its_outline(light: float, colour: tuple[int, int, int]) -> None:
    lit = np.asarray(np.clip(with_disc(floor(), colour) * light, 0, 255), np.uint8)
    background = learned(floor())
    share = np.pi * 40**2 / 256**2
    assert background.look(cells_of(lit)).edges > 0.9 * smallest_outline(background.shape, share)


def test_a_floor_full_of_edges_may_tremble() -> None:
    rng = np.random.default_rng(4)
    ground = cv2.resize(
        rng.integers(80, 200, (12, 12, 3)).astype(np.uint8), (256, 256), interpolation=cv2.INTER_NEAREST
    )
    shaken = [
        np.asarray(
            cv2.warpAffine(ground, np.array([[1, 0, x], [0, 1, y]]), (256, 256), borderMode=cv2.BORDER_REPLICATE)
        )
        for x, y in rng.normal(0, 0.4, (40, 2))
    ]
    background = learned(*shaken[:20])
    outline = smallest_outline(background.shape, 0.01)
    assert max(background.look(cells_of(one)).edges for one in shaken[20:]) < outline / 2
    assert not any(moved(cells_of(one), cells_of(before)) for before, one in itertools.pairwise(shaken))
    assert background.look(cells_of(with_disc(shaken[-1]))).edges > outline


def test_a_soft_shadow_has_no_edges_and_does_not_move() -> None:
    blot = np.zeros((256, 256, 1), np.float32)
    cv2.circle(blot, (128, 128), 60, 1.0, -1)
    shade = 1 - 0.4 * cv2.GaussianBlur(blot, (0, 0), 16)[..., np.newaxis]
    shadowed = cells_of((floor(seed=7) * shade).astype(np.uint8))
    background, empty = learned(floor()), cells_of(floor(seed=8))
    assert background.look(shadowed).edges == 0
    assert not moved(shadowed, empty)
    assert not things(shadowed, empty, slack_of(empty)).any()


def test_a_thing_moves_when_it_comes_and_when_it_goes_on_and_not_when_it_rests() -> None:
    empty, there = cells_of(floor(seed=1)), cells_of(with_disc(floor(seed=2)))
    same, further = cells_of(with_disc(floor(0.9, seed=3))), cells_of(with_disc(floor(seed=4), x=140))
    assert [moved(there, empty), moved(same, there), moved(further, there)] == [True, False, True]


def test_things_are_marked_where_they_lie() -> None:
    empty = cells_of(floor())
    marks = things(cells_of(with_disc(floor(seed=1))), empty, slack_of(empty))
    rows, columns = np.indices(marks.shape)
    away = np.hypot(rows - 31.5, columns - 31.5)
    assert marks[away < 8].all()
    assert not marks[away > 13].any()


def test_what_was_there_from_the_start_is_known_when_it_leaves_and_only_until_the_background_is_proven() -> None:
    background = learned(with_disc(floor()))
    empty = cells_of(floor(seed=3))
    assert background.look(empty).gone
    background.proven = True
    assert not background.look(empty).gone


def test_a_thing_that_comes_is_not_gone() -> None:
    assert not learned(floor()).look(cells_of(with_disc(floor(seed=3)))).gone


@pytest.mark.parametrize("level", [0, 3, 40, 255])
def test_a_picture_without_light_or_with_far_too_much_is_not_judged(level: int) -> None:
    assert learned(floor()).look(cells_of(np.full((256, 256, 3), level, np.uint8))).unlit


def test_the_background_follows_slow_light_and_averages_the_noise() -> None:
    lights = np.linspace(1.0, 1.5, 100)
    background = learned(*(floor(light, noise=8.0, seed=seed) for seed, light in enumerate(lights)))
    off: Cells = np.abs(cells_of(floor(1.5, noise=0.0)) - background._mean)
    assert float(off.mean()) < 0.06
