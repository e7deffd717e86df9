"""A clip is a stream as a camera gives it: an empty chamber first, items one at a time, never two frames alike."""

from collections import Counter
from itertools import groupby

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chamber.clip import GAP_FRAMES, LEADING_EMPTIES, PASSING_FRAMES, RESTING_FRAMES, Clip, plan_clip
from chamber.exposure import Exposure, exposed
from chamber.items import CLASSES
from chamber.shots import compose

at_any_speed = settings(deadline=None)
clips = st.builds(plan_clip, seed=st.integers(0, 10_000), items=st.integers(1, 12))


@at_any_speed
@given(clips)
def test_gaps_part_the_items_and_the_first_is_long(clip: Clip) -> None:
    stretches = [(item, len(list(rows))) for item, rows in groupby(clip.rows, key=lambda row: row.item)]
    gaps = [length for item, length in stretches if item is None]
    stays = [length for item, length in stretches if item is not None]
    assert [item for item, _ in stretches if item is not None] == list(range(len(stays)))
    assert gaps[0] >= LEADING_EMPTIES + GAP_FRAMES[0]
    assert len(gaps) == len(stays) + 1
    assert all(GAP_FRAMES[0] <= gap <= GAP_FRAMES[1] for gap in gaps[1:])
    fewest, most = (2 * PASSING_FRAMES + resting for resting in RESTING_FRAMES)
    assert all(fewest <= stay <= most for stay in stays)


@at_any_speed
@given(clips)
def test_every_frame_belongs_to_one_shot_of_its_label(clip: Clip) -> None:
    files = {picture.file: shot.label for shot in clip.shots for picture in shot.pictures}
    assert files == {row.file: row.label for row in clip.rows}
    assert sum(len(shot.pictures) for shot in clip.shots) == len(clip.rows)
    assert [row.file for row in clip.rows] == sorted(files)


@at_any_speed
@given(clips)
def test_a_label_is_empty_exactly_when_there_is_no_item(clip: Clip) -> None:
    assert all((row.label == "") == (row.item is None) for row in clip.rows)
    per_item = Counter(label for label, _ in {(row.label, row.item) for row in clip.rows if row.label})
    assert max(per_item.values()) - min(per_item[label] for label in CLASSES) <= 1


def test_three_shots_show_one_item_on_its_way_and_one_shows_all_that_is_empty() -> None:
    clip = plan_clip(seed=1, items=2)
    assert len(clip.shots) == 1 + 2 * 3
    scenes = [compose(shot) for shot in clip.shots]
    assert scenes[0].item is None
    assert scenes[1].item == scenes[2].item == scenes[3].item != scenes[4].item
    places = [scene.pose.x_m for scene in scenes[1:4] if scene.pose is not None]
    np.testing.assert_allclose(np.diff(places), 0.03)
    assert len({scene.room for scene in scenes}) == 1


@at_any_speed
@given(st.integers(0, 1000))
def test_the_same_seed_gives_the_same_clip(seed: int) -> None:
    assert plan_clip(seed, 3) == plan_clip(seed, 3)


def test_frames_of_one_shot_differ_but_not_from_one_run_to_the_next() -> None:
    grey = np.full((32, 32, 3), 128, np.uint8)
    first, second = (picture.exposure for picture in plan_clip(0, 1).shots[0].pictures[:2])
    assert first is not None
    assert second is not None
    assert (exposed(grey, first) == exposed(grey, first)).all()
    assert (exposed(grey, first) != exposed(grey, second)).any()


def test_an_exposure_moves_the_picture_by_parts_of_a_pixel() -> None:
    edge = np.zeros((10, 10, 3), np.uint8)
    edge[:, 5:] = 200
    moved = exposed(edge, Exposure(gain=1.0, right=0.05, down=0.0, noise_seeds=(0,)))
    assert 80 < moved[:, 5].mean() < 120
    assert moved[:, 6].mean() > 190


def test_light_beyond_white_stays_white() -> None:
    white = np.full((8, 8, 3), 255, np.uint8)
    assert exposed(white, Exposure(1.2, 0.0, 0.0, (0,))).min() == 255
