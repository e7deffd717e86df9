"""Kept features are those that would be computed, are computed once, and survive damage by being computed again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.errors import StorageError
from appliance.preprocess import Preprocessing
from modelworks.augment import Augmentation
from modelworks.batches import PLAIN, key_of, view_inputs
from modelworks.dataset import Picture, decode_all, list_pictures
from modelworks.featurecache import FeatureCache, Views

HOW = Views(Preprocessing(size=(32, 32)), Augmentation(), 1)


class Speaker:
    """Stands where a network stands, and counts the pictures it was asked about."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.asked += len(inputs)
        return inputs[:, :4, :4, :]


def nothing(count: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture
def there(pictures: Path) -> tuple[tuple[Picture, ...], list[Any]]:
    chosen = list_pictures(pictures).pictures
    return chosen, decode_all(pictures, chosen)


def test_a_row_is_what_the_network_says_of_that_view(there: tuple[Any, Any], tmp_path: Path) -> None:
    pictures, pixels = there
    cache = FeatureCache(tmp_path, "net", HOW, Speaker())
    for view in (PLAIN, 2):
        cache.prepare(pictures, pixels, view, nothing)
    keys = [key_of(picture.sha256) for picture in pictures[3:6]]
    for view in (PLAIN, 2):
        said = view_inputs(pixels[3:6], keys, [view] * 3, HOW.spec, HOW.plan, HOW.seed)[:, :4, :4, :]
        np.testing.assert_array_equal(cache.rows(pictures[3:6], [view] * 3), said.astype(np.float16))


def test_another_training_asks_only_for_what_is_missing(there: tuple[Any, Any], tmp_path: Path) -> None:
    pictures, pixels = there
    FeatureCache(tmp_path, "net", HOW, Speaker()).prepare(pictures[:20], pixels[:20], 1, nothing)
    again, heard = Speaker(), list[int]()
    cache = FeatureCache(tmp_path, "net", HOW, again)
    cache.prepare(pictures, pixels, 1, heard.append)
    assert again.asked == len(pictures) - 20
    assert sum(heard) == len(pictures)
    assert len(cache.rows(pictures, [1] * len(pictures))) == len(pictures)


@pytest.mark.parametrize(
    ("digest", "how"),
    [
        ("other", HOW),
        ("net", Views(Preprocessing(size=(40, 40)), HOW.plan, 1)),
        ("net", Views(HOW.spec, Augmentation(rotation_deg=5), 1)),
        ("net", Views(HOW.spec, HOW.plan, 2)),
    ],
)
def test_nothing_is_shared_between_what_would_differ(
    digest: str, how: Views, there: tuple[Any, Any], tmp_path: Path
) -> None:
    pictures, pixels = there
    FeatureCache(tmp_path, "net", HOW, Speaker()).prepare(pictures[:4], pixels[:4], 1, nothing)
    again = Speaker()
    FeatureCache(tmp_path, digest, how, again).prepare(pictures[:4], pixels[:4], 1, nothing)
    assert again.asked == 4


def test_a_later_layer_is_given_what_an_earlier_one_said(there: tuple[Any, Any], tmp_path: Path) -> None:
    """The earlier one's rows are made where they are missing, kept for others, and part of the later one's key."""
    pictures, pixels = there
    first, later = Speaker(), Speaker()
    early = FeatureCache(tmp_path, "trunk", HOW, first)
    FeatureCache(tmp_path, "tail", HOW, later, early).prepare(pictures[:4], pixels[:4], 1)
    FeatureCache(tmp_path, "other tail", HOW, later, early).prepare(pictures[:4], pixels[:4], 1)
    assert (first.asked, later.asked) == (4, 8)
    FeatureCache(tmp_path, "tail", HOW, later, FeatureCache(tmp_path, "trunk 2", HOW, first)).prepare(
        pictures[:4], pixels[:4], 1
    )
    assert (first.asked, later.asked) == (8, 12)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize(
    ("suffix", "spoil"),
    [("npy", _cut), ("npy", Path.unlink), ("json", _cut), ("npy", lambda path: path.write_bytes(b"?"))],
)
def test_a_damaged_part_is_computed_again(
    suffix: str, spoil: Callable[[Path], Any], there: tuple[Any, Any], tmp_path: Path
) -> None:
    pictures, pixels = there
    FeatureCache(tmp_path, "net", HOW, Speaker()).prepare(pictures[:4], pixels[:4], 1, nothing)
    spoil(next(tmp_path.glob(f"*/1/*.{suffix}")))
    again = Speaker()
    cache = FeatureCache(tmp_path, "net", HOW, again)
    cache.prepare(pictures[:4], pixels[:4], 1, nothing)
    assert again.asked == 4
    assert cache.rows(pictures[:4], [1] * 4).shape == (4, 4, 4, 3)


def test_a_place_that_cannot_be_written_is_a_storage_error(there: tuple[Any, Any], tmp_path: Path) -> None:
    pictures, pixels = there
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="--cache"):
        FeatureCache(tmp_path / "file", "net", HOW, Speaker()).prepare(pictures[:2], pixels[:2], 1, nothing)
