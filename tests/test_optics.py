"""Each figure answers to one disturbance, and to no other."""

import time

import cv2
import numpy as np
import pytest

from appliance.optics import Measures, Shift, Stack, View, reduced, shift_between, view_of
from appliance.records import Pixels

FLOOR = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 60, (240, 320)), (0, 0), 2)
FLOOR = np.repeat(110 + 20 * FLOOR[..., np.newaxis] / FLOOR.std(), 3, axis=2)
"""A grey floor with a grain of a few pixels, as real numbers."""


def stacked(scene: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", seed: int = 0, noise: float = 3) -> View:
    """What a camera with noise makes of a scene in eight pictures."""
    rng, stack = np.random.default_rng(seed), Stack()
    for _ in range(8):
        stack.add(np.clip(scene + rng.normal(0, noise, scene.shape) + 0.5, 0, 255).astype(np.uint8))
    return stack.view()


def moved(before: Measures, after: Measures) -> set[str]:
    """Which figures are off by more than 5 % (colours: by more than 0.02)."""
    changed = {name for name in ("focus", "brightness") if abs(getattr(after, name) / getattr(before, name) - 1) > 0.05}
    colours = max(abs(after.blue - before.blue), abs(after.red - before.red)) > 0.02
    return changed | ({"colour"} if colours else set())


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.3])
def test_light_of_another_strength_moves_the_brightness_alone(gain: float) -> None:
    before, after = stacked(FLOOR).measures, stacked(FLOOR * gain, 1).measures

    assert moved(before, after) == {"brightness"}
    assert after.brightness == pytest.approx(before.brightness * gain, rel=0.02)


def test_a_blur_lowers_the_focus_alone_and_more_of_it_lowers_it_more() -> None:
    before = stacked(FLOOR).measures
    foci = []
    for sigma in (1.0, 2.0, 4.0):
        after = stacked(cv2.GaussianBlur(FLOOR, (0, 0), sigma), 1).measures
        assert moved(before, after) == {"focus"}
        foci.append(after.focus)

    assert [before.focus, *foci] == sorted([before.focus, *foci], reverse=True)
    assert foci[0] < 0.8 * before.focus


def test_a_tint_of_the_same_light_moves_the_colour_alone() -> None:
    # The weights of OpenCV's grey: what blue loses is given to red.
    tint = np.array([1 - 0.15 * 0.299 / 0.114, 1.0, 1.15])

    assert moved(stacked(FLOOR).measures, stacked(FLOOR * tint, 1).measures) == {"colour"}


@pytest.mark.parametrize("noise", [1, 6, 12])
def test_noise_is_no_sharpness(noise: float) -> None:
    quiet = stacked(FLOOR, noise=0).measures.focus

    assert stacked(FLOOR, 2, noise).measures.focus == pytest.approx(quiet, rel=0.1)
    assert stacked(np.full_like(FLOOR, 110), 3, noise).measures.focus == 0


@pytest.mark.parametrize(("x", "y", "gain"), [(0, 0, 0.7), (-8, 6, 1.0), (20, -14, 0.7)])
def test_a_shift_is_found_in_pixels_of_the_picture_as_it_was(x: int, y: int, gain: float) -> None:
    large = cv2.resize(FLOOR, (640, 480))
    found = shift_between(stacked(large), stacked(np.roll(large, (y, x), (0, 1)) * gain, 1))

    assert found is not None
    assert (found.x, found.y) == (pytest.approx(x, abs=2), pytest.approx(y, abs=2))


def test_where_nothing_can_be_seen_no_shift_is_claimed() -> None:
    assert shift_between(stacked(np.full_like(FLOOR, 90), 1), stacked(np.full_like(FLOOR, 90), 2)) is None
    assert shift_between(stacked(FLOOR), stacked(np.full_like(FLOOR, 90), 2)) is None


def test_a_stack_knows_whether_a_shift_could_be_found_in_its_scene() -> None:
    plain, grained, rng = Stack(), Stack(), np.random.default_rng(4)
    for _ in range(8):
        noise = rng.normal(0, 3, FLOOR.shape)
        plain.add((100 + noise).astype(np.uint8))
        grained.add((FLOOR + noise).astype(np.uint8))

    assert (plain.steady(), grained.steady()) == (False, True)


def test_black_and_white_have_figures() -> None:
    for level in (0, 255):
        measures = view_of(np.full((40, 60, 3), level, np.uint8)).measures
        assert measures == Measures(0.0, pytest.approx(level), 0.0, 0.0)


def test_what_cannot_be_compared_is_refused() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    stack = Stack()
    stack.add(picture)
    with pytest.raises(ValueError, match="at least two"):
        stack.view()
    with pytest.raises(ValueError, match="among those"):
        stack.add(picture[:-2])
    with pytest.raises(ValueError, match="8 pixels"):
        view_of(np.zeros((7, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="of one size"):
        shift_between(view_of(picture), view_of(picture[:-2]))


def test_a_shift_has_a_length() -> None:
    assert Shift(3, 4).length == 5


def test_what_a_look_costs_is_printed_beside_a_resize_of_the_same_picture() -> None:
    picture: Pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    stack, before = Stack(), cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        costs = {
            "resize to 224, AREA": _median_ms(lambda: cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA)),
            "one picture more": _median_ms(lambda: stack.add(picture)),
            "measure eight": _median_ms(stack.view),
            "find the shift": _median_ms(lambda: shift_between(stack.view(), stack.view())),
        }
    finally:
        cv2.setNumThreads(before)
    print("\n640x480, ms: " + ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items()))

    # Once in drift.every_s; the whole at the end, once in eight times that.
    assert costs["one picture more"] < 2 * costs["resize to 224, AREA"] + 2
    assert max(reduced(picture).shape) == 320


def _median_ms(work: object) -> float:
    assert callable(work)
    times = []
    for _ in range(25):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return float(np.median(times))
