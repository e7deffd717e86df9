"""What a run leaves on disk is whole: the old file or the new one, and a message that says what to do."""

import errno
from pathlib import Path
from typing import Any

import pytest

from appliance.bundle.manifest import MANIFEST_FILE
from appliance.errors import ModelError, StorageError, UsageError
from appliance.preprocess import Preprocessing
from modelworks import packing, runfolder
from modelworks.dataset import Picture
from modelworks.recipe import Stage, TrainRecipe
from modelworks.runfolder import RunFolder
from modelworks.split import Split

RECIPE = TrainRecipe("bottles", "f" * 64, ("a", "b"), Preprocessing(), (Stage(224, 1),))
SPLIT = Split(
    (Picture("a/1.jpg", "a", "0"), Picture("b/2.jpg", "b", "1")),
    (Picture("a/3.jpg", "a", "2"),),
    (Picture("b/4.jpg", "b", "3"),),
)


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    begun = RunFolder(tmp_path / "run")
    begun.begin(tmp_path, RECIPE, SPLIT, {"python": "3.11"}, "modelworks train bottles")
    return begun


def test_a_run_remembers_its_recipe_its_split_and_its_pictures(run: RunFolder, tmp_path: Path) -> None:
    assert (run.recipe(), run.split(), run.data_folder()) == (RECIPE, SPLIT, tmp_path)


def test_a_place_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match=r"making the run folder.*Try: choose another -o"):
        RunFolder(tmp_path / "file" / "run").begin(tmp_path, RECIPE, SPLIT, {}, "")


def test_a_begin_that_was_cut_short_may_begin_again(run: RunFolder) -> None:
    (run.path / "recipe.json").unlink()
    assert not run.exists()
    assert run.is_empty()


def test_a_full_disk_leaves_the_best_weights_as_they_were(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.best.write_bytes(b"good")
    run.checkpoint(3).write_bytes(b"better")
    monkeypatch.setattr(runfolder, "write_power_safe", full)
    with pytest.raises(StorageError, match=r"No space left.*a training goes on where it stopped"):
        run.keep_best(run.checkpoint(3))
    assert run.best.read_bytes() == b"good"
    assert not list(run.path.glob("part-*"))


def test_a_step_that_was_not_done_is_named(run: RunFolder) -> None:
    with pytest.raises(UsageError, match=r"figures\.json.*give `modelworks quantize` first"):
        run.read("figures.json")


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b'"text"', b"{", b"\xff\xfe"])
def test_a_file_that_is_no_json_object_is_refused(content: bytes, run: RunFolder) -> None:
    (run.path / "history.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"reading .*history\.json"):
        run.read("history.json")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("figures.json", "remove it, then `modelworks quantize` again"),
        ("validation.json", "remove it, then `modelworks validate` again"),
        ("recipe.json", "take it from a copy, or train again"),
        ("test-reads.json", "take it from a copy, or train again"),
    ],
)
def test_a_damaged_file_is_told_from_a_missing_one(name: str, remedy: str, run: RunFolder) -> None:
    (run.path / name).write_bytes(b"{")
    with pytest.raises(UsageError, match=r"it is damaged \(Expecting property name") as caught:
        run.read(name)
    assert caught.value.remedy == remedy


def run_refused(run: RunFolder, *written: str) -> None:
    """Begin a training that writes these files and is then refused."""

    def begin() -> None:
        with run.taken_back_if_refused():
            run.path.mkdir(exist_ok=True)
            for name in written:
                run.write(name, {})
            raise ModelError("loading", "no such weights", "others")

    with pytest.raises(ModelError, match="no such weights"):
        begin()


@pytest.mark.parametrize("there", [True, False])
def test_what_is_refused_before_anything_is_learned_is_taken_back(there: bool, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "refused")
    if there:
        run.path.mkdir()
    run_refused(run, "data.json", "split.json", "near-duplicates.json", "recipe.json")
    assert run.path.exists() == there
    assert not there or not list(run.path.iterdir())


def test_a_link_to_a_folder_hides_no_error(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    run = RunFolder(tmp_path / "run")
    run_refused(run, "recipe.json")
    assert not run.exists()


@pytest.mark.parametrize("learned", ["recipe.json", "history.json", "best.weights.h5"])
def test_what_was_begun_before_or_has_learned_stays(learned: str, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    if learned == "recipe.json":
        run.write(learned, {})
    run_refused(run, "recipe.json", learned)
    assert run.exists()


def test_every_reading_of_the_test_pictures_is_counted(run: RunFolder) -> None:
    assert [run.count_test_read(f"look {number}") for number in (1, 2, 3)] == [1, 2, 3]
    assert run.read("test-reads.json")["reads"] == ["look 1", "look 2", "look 3"]


def test_a_model_directory_that_was_cut_short_has_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the appliance refuses it, instead of running an old manifest's model with new labels."""
    files = {"model.tflite": b"new", "labels.txt": b"new", MANIFEST_FILE: b"new"}
    packing.write_directory(tmp_path, dict.fromkeys(files, b"old"))
    monkeypatch.setattr(packing, "write_power_safe", full)
    with pytest.raises(StorageError, match="writing the model directory"):
        packing.write_directory(tmp_path, files)
    assert not (tmp_path / MANIFEST_FILE).exists()
