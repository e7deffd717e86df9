"""Whatever chance decides: items are whole and of a size that exists, and one seed decides them once and for all."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chamber.bottles import GLASS_HEIGHT_M, GLASS_RADIUS_M, HDPE_HEIGHT_M, HDPE_RADIUS_M, PET_HEIGHT_M, PET_RADIUS_M
from chamber.cans import ALUMINIUM_HEIGHT_M, ALUMINIUM_RADIUS_M, STEEL_HEIGHT_M, STEEL_RADIUS_M
from chamber.items import CLASSES, choose_item
from chamber.pose import REST_X_M, REST_Y_M, TALLEST_STANDING_M, choose_pose
from chamber.prints import choose_print
from chamber.records import AXIS_M, Item, Part, Pose, Print, Room, Scene
from chamber.room import choose_room
from chamber.shots import compose, stills
from chamber.squash import choose_squash, squashed
from chamber.turning import SEGMENTS, STEP_M, even_profile, turned

SIZES_M = {
    "aluminium-can": (ALUMINIUM_RADIUS_M, ALUMINIUM_HEIGHT_M),
    "glass-bottle": (GLASS_RADIUS_M, GLASS_HEIGHT_M),
    "hdpe-bottle": (HDPE_RADIUS_M, HDPE_HEIGHT_M),
    "pet-bottle": (PET_RADIUS_M, PET_HEIGHT_M),
    "steel-can": (STEEL_RADIUS_M, STEEL_HEIGHT_M),
}
ROUNDING_M = 1e-9
REACH_M = 0.013
"""What a cap may add to an item's height."""

SEED_0_NUMBER_0 = {
    "aluminium-can": (0.032859, 0.092519, "5253f5fc"),
    "glass-bottle": (0.032482, 0.194331, "586b5b01"),
    "hdpe-bottle": (0.048883, 0.256799, "d1220fe4"),
    "pet-bottle": (0.036369, 0.253618, "3134ba79"),
    "steel-can": (0.040106, 0.081944, "5fe904c2"),
}
"""Radius and height in metres, the first digits of the print's SHA-256."""

at_any_speed = settings(deadline=None)
seeds = st.integers(0, 2**32 - 1)
labels = st.sampled_from(sorted(CLASSES))


def item_of(label: str, seed: int) -> Item:
    return choose_item(label, np.random.default_rng(seed))


@at_any_speed
@given(labels, seeds)
def test_an_item_has_a_size_of_its_class(label: str, seed: int) -> None:
    item = item_of(label, seed)
    (least_radius, most_radius), (least_height, most_height) = SIZES_M[label]
    assert item.label == label
    assert least_radius <= item.radius_m <= most_radius
    assert least_height <= item.height_m <= most_height


@at_any_speed
@given(labels, seeds)
def test_the_body_is_closed_below_and_stands_on_the_floor(label: str, seed: int) -> None:
    body = item_of(label, seed).parts[0].profile
    assert body[0][0] == AXIS_M
    assert abs(min(height for _, height in body)) < ROUNDING_M


@at_any_speed
@given(labels, seeds)
def test_every_profile_is_finite_and_off_the_axis(label: str, seed: int) -> None:
    item = item_of(label, seed)
    for part in item.parts:
        radii, heights = np.array(part.profile).T
        assert np.isfinite([radii, heights]).all()
        assert (radii > AXIS_M - ROUNDING_M).all()
        assert (radii <= item.radius_m * 1.1).all()
        assert (heights <= item.height_m + REACH_M).all()


@at_any_speed
@given(labels, seeds)
def test_a_mesh_closes_around_and_stays_a_mesh_when_squashed(label: str, seed: int) -> None:
    for part in item_of(label, seed).parts:
        mesh, rings = turned(part), len(part.profile)
        around = mesh.points.reshape(rings, SEGMENTS + 1, 3)
        assert np.isfinite(mesh.points).all()
        np.testing.assert_allclose(around[:, 0], around[:, -1], atol=ROUNDING_M)
        assert (np.hypot(*mesh.points.T[:2]) > 0).all()
        assert mesh.faces.shape == ((rings - 1) * SEGMENTS, 4)
        assert set(mesh.faces.ravel()) == set(range(len(mesh.points)))
        assert mesh.places.shape == (len(mesh.points), 2)
        assert mesh.places.min() == 0.0
        assert mesh.places.max() == 1.0


@at_any_speed
@given(st.lists(st.tuples(st.floats(AXIS_M, 0.1), st.floats(0, 0.3)), min_size=2, max_size=9))
def test_an_even_profile_keeps_its_ends_and_has_no_long_steps(corners: list[tuple[float, float]]) -> None:
    even = np.array(even_profile(corners))
    np.testing.assert_allclose(even[[0, -1]], [corners[0], corners[-1]], atol=ROUNDING_M)
    assert np.hypot(*np.diff(even, axis=0).T).max() < 2 * STEP_M


@at_any_speed
@given(seeds, st.floats(0.001, 0.014))
def test_squashing_keeps_heights_and_widens_no_more_than_its_bulge(seed: int, deepest_m: float) -> None:
    part = item_of("steel-can", 0).parts[0]
    round_points = turned(Part("can", part.profile, part.material)).points
    pressed = squashed(round_points, choose_squash(np.random.default_rng(seed), deepest_m, 0.1))
    np.testing.assert_array_equal(pressed[:, 2], round_points[:, 2])
    assert (np.hypot(*pressed.T[:2]) <= np.hypot(*round_points.T[:2]) * 1.05 + ROUNDING_M).all()


@at_any_speed
@given(seeds)
def test_a_print_is_never_one_colour(seed: int) -> None:
    colours = np.frombuffer(choose_print(np.random.default_rng(seed)).rgb, np.uint8).reshape(-1, 3)
    assert (colours != colours[0]).any()


@at_any_speed
@given(labels, seeds)
def test_an_item_rests_on_the_belt_and_tall_ones_lie(label: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    item = choose_item(label, rng)
    pose = choose_pose(rng, item)
    assert abs(pose.x_m) <= REST_X_M
    assert abs(pose.y_m) <= REST_Y_M
    assert pose.lying or item.height_m <= TALLEST_STANDING_M


@at_any_speed
@given(labels, seeds)
def test_the_same_seed_gives_the_same_item_and_room(label: str, seed: int) -> None:
    assert item_of(label, seed) == item_of(label, seed)
    assert choose_room(np.random.default_rng(seed)) == choose_room(np.random.default_rng(seed))


@at_any_speed
@given(labels, seeds)
def test_another_seed_gives_another_item(label: str, seed: int) -> None:
    assert item_of(label, seed) != item_of(label, seed + 1)


def test_a_seed_gives_the_items_that_models_were_trained_on() -> None:
    """If this fails, `--seed 0` no longer draws the training set again."""
    drawn = {}
    for shot in stills(0, 1, 0):
        item = compose(shot).item
        assert item is not None
        prints = [part.material.print for part in item.parts if part.material.print is not None]
        digest = hashlib.sha256(prints[0].rgb).hexdigest()[:8] if prints else ""
        drawn[shot.label] = (round(item.radius_m, 6), round(item.height_m, 6), digest)
    assert drawn == SEED_0_NUMBER_0


def test_a_set_is_balanced_at_every_length_and_ends_with_the_empty_chambers() -> None:
    shots = list(stills(seed=3, per_class=2, empties=2))
    assert [shot.label for shot in shots] == [*CLASSES, *CLASSES, "", ""]
    assert shots[0].pictures[0].file == "aluminium-can/aluminium-can-030000.jpg"
    assert shots[-1].pictures[0].file == "empty/empty-030001.jpg"
    assert compose(shots[-1]).item is None


def test_a_scene_is_whole() -> None:
    room = Room(50.0, 0.05, (), 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="neither"):
        Scene(room, pose=Pose(True, 0.0, 0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="three bytes"):
        Print(2, 2, b"123")
