"""A folder of pictures becomes a model directory that the appliance accepts; the same seed makes the same model."""

import json
import shutil
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

from appliance.bundle.manifest import LABELS_FILE, MANIFEST_FILE, Manifest, parse_labels
from appliance.errors import ModelError, UsageError
from appliance.files import sha256_of
from modelworks import network, quantizing, training
from modelworks.cli import main
from modelworks.dataset import Picture
from modelworks.litert import LiteModel
from modelworks.progress import Report
from modelworks.quantrecipes import RECIPES, check
from modelworks.runfolder import RunFolder

pytestmark = pytest.mark.workstation

SMALL = ["--weights", "none", "--alpha", "0.25", "--size", "32", "--epochs", "2", "--split", "pictures", "--batch", "9"]


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished, quantized run."""
    folder = tmp_path_factory.mktemp("runs") / "colours"
    assert main(["train", str(pictures), "-o", str(folder), *SMALL]) == 0
    assert main(["quantize", str(folder), "--representative", "12"]) == 0
    return RunFolder(folder)


@pytest.fixture(scope="module")
def model(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's packed model directory."""
    folder = tmp_path_factory.mktemp("models") / "colours"
    argv = ["pack", str(run.path), "--name", "colours", "--version", "1.0.0", "-o", str(folder), "--licence", "none"]
    assert main(argv) == 0
    return folder


def test_a_run_folder_holds_all_that_makes_it_repeatable(run: RunFolder) -> None:
    assert {"recipe.json", "split.json", "history.json", "curves.png", "trained.json", "best.weights.h5"} <= {
        each.name for each in run.path.iterdir()
    }
    recorded = run.read("recipe.json")
    assert recorded["versions"]["tensorflow"]
    assert recorded["recipe"]["seed"] == 1
    assert len(run.read("history.json")["epochs"]) == 2
    assert run.read("trained.json")["validation"]["accuracy"]["n"] == len(run.split().validation)


def test_an_interrupted_training_goes_on_to_the_same_weights(run: RunFolder, pictures: Path, tmp_path: Path) -> None:
    """So the same seed gives the same weights, and a power cut costs one epoch."""

    def say(text: str) -> None:
        if text.startswith("epoch 1/"):
            raise KeyboardInterrupt

    recipe, split, again = run.recipe(), run.split(), RunFolder(tmp_path / "again")
    again.begin(pictures, recipe, split, {}, "")
    with pytest.raises(KeyboardInterrupt):
        training.train(training.Job(pictures, split, recipe, again, None), Report(lambda units: None, say))
    assert len(again.read("history.json")["epochs"]) == 1
    training.train(training.Job(pictures, split, recipe, again, None), Report(lambda units: None, lambda text: None))
    weights = [_weights(folder, len(recipe.labels)) for folder in (run, again)]
    for one, two in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.read("trained.json") == run.read("trained.json")


def _weights(run: RunFolder, classes: int) -> list[np.ndarray]:
    built = network.build(classes, run.recipe().alpha)
    network.load(built, run.checkpoint(2))
    return list(built.get_weights())


def test_the_work_announced_is_the_work_done(run: RunFolder, pictures: Path, tmp_path: Path) -> None:
    recipe, split, again = run.recipe(), run.split(), RunFolder(tmp_path / "again")
    again.begin(pictures, recipe, split, {}, "")
    shutil.copy(run.checkpoint(2), again.checkpoint(2))
    shutil.copy(run.best, again.best)
    again.write("history.json", run.read("history.json"))
    done: list[float] = []
    training.train(training.Job(pictures, split, recipe, again, None), Report(done.append, lambda text: None))
    assert sum(done) == pytest.approx(training.work_units(recipe, len(split.train), len(split.validation)))


def test_every_file_is_what_its_recipe_promises(run: RunFolder) -> None:
    reference = run.tflite("float32").stat().st_size
    for name, recipe in RECIPES.items():
        check(LiteModel(run.tflite(name)), recipe, run.tflite(name).stat().st_size, reference)
    quantized = LiteModel(run.tflite("int8-io"))
    assert quantized.input.scale == pytest.approx(1 / 127.5, rel=1e-3)
    assert quantized.input.zero_point in (127, 128)


def test_a_file_that_breaks_its_recipe_is_refused(run: RunFolder) -> None:
    model, size = LiteModel(run.tflite("float32")), run.tflite("float32").stat().st_size
    with pytest.raises(ModelError, match="float32 in, float32 out"):
        check(model, RECIPES["int8-io"], size, size)


def test_the_figures_compare_every_file_with_float32(run: RunFolder) -> None:
    figures = run.read("figures.json")
    assert set(figures["recipes"]) == {"float32", "int8-io"}
    for measured in figures["recipes"].values():
        assert measured["test"]["accuracy"]["n"] == len(run.split().test)
        both = len(run.split().test) + len(run.split().validation)
        assert measured["agreement_validation_and_test"]["n"] == both
    assert figures["recipes"]["float32"]["agreement_test"]["value"] == 1.0


def test_the_packed_directory_is_a_model_that_the_appliance_reads(run: RunFolder, model: Path) -> None:
    manifest = Manifest.from_bytes((model / MANIFEST_FILE).read_bytes())
    assert (manifest.name, manifest.version, manifest.tensor.dtype) == ("colours", "1.0.0", "uint8")
    assert manifest.preprocessing == run.recipe().preprocessing
    assert parse_labels((model / LABELS_FILE).read_bytes()) == ("blue", "green", "red")
    assert {name: entry.sha256 for name, entry in manifest.files.items()} == {
        name: sha256_of(model / name) for name in manifest.files
    }
    assert {each.name for each in model.iterdir()} == {*manifest.files, MANIFEST_FILE}


def test_the_manifest_lists_every_picture_by_what_it_was_used_for(run: RunFolder, model: Path, pictures: Path) -> None:
    manifest = Manifest.from_bytes((model / MANIFEST_FILE).read_bytes())
    lists = [manifest.training["pictures"], manifest.validation["pictures"], manifest.validation["test_pictures"]]
    assert sorted(chain.from_iterable(lists)) == sorted(sha256_of(path) for path in pictures.glob("*/*.png"))
    assert lists[0] == sorted(each.sha256 for each in run.split().train)


def test_no_packed_file_names_a_path_of_this_machine(model: Path, pictures: Path, run: RunFolder) -> None:
    for name in (MANIFEST_FILE, "recipe.json"):
        text = (model / name).read_text()
        assert str(pictures.parent) not in text
        assert str(run.path.parent) not in text


def test_a_file_changed_after_measuring_is_not_packed(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(run.path, tmp_path / "copy"))
    (copy / "int8-io.tflite").write_bytes(b"other")
    assert main(["pack", str(copy), "--name", "a", "--version", "1.0.0", "-o", str(tmp_path / "out")]) == 12
    assert "not the file whose figures were measured" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [["--name", "Not A Name"], ["--version", "1"]])
def test_a_name_that_the_appliance_would_refuse_is_not_packed(
    wrong: list[str], run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["pack", str(run.path), "--name", "a", "--version", "1.0.0", "-o", str(tmp_path / "out"), *wrong]
    assert main(argv) == 2
    assert "making the manifest" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_finished_training_is_not_overwritten(
    run: RunFolder, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(pictures), "-o", str(run.path), *SMALL]) == 2
    assert "it holds a finished training" in capsys.readouterr().err
    assert main(["train", str(pictures), "-o", str(run.path), *SMALL, "--seed", "2"]) == 2
    assert "another recipe" in capsys.readouterr().err


def test_quantizing_with_other_pictures_is_refused(
    run: RunFolder, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(pictures, tmp_path / "other"))
    (other / "red" / "red003.png").unlink()
    assert main(["quantize", str(run.path), "--data", str(other)]) == 2
    assert "red/red003.png is not there" in capsys.readouterr().err


def test_weights_of_another_width_are_refused(run: RunFolder) -> None:
    with pytest.raises(ModelError, match="loading the weights"):
        network.load(network.build(3, 0.5), run.best)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.weights.h5"
    damaged.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(ModelError, match="loading the weights"):
        network.build(3, 0.25, 32, damaged)


def test_representative_pictures_are_drawn_evenly_and_by_seed() -> None:
    there = [
        Picture(f"{label}/{n}.jpg", label, f"{label}{n}") for label, many in (("a", 90), ("b", 5)) for n in range(many)
    ]
    chosen = quantizing.representative_pictures(there, 20, seed=1)
    assert [sum(each.label == label for each in chosen) for label in "ab"] == [15, 5]
    assert chosen == quantizing.representative_pictures(there[::-1], 20, seed=1)
    assert chosen != quantizing.representative_pictures(there, 20, seed=2)


def test_a_run_of_another_version_says_so(run: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))
    raw = json.loads((copy.path / "recipe.json").read_bytes())
    del raw["recipe"]["stages"]
    copy.write("recipe.json", raw)
    with pytest.raises(UsageError, match=r"reading recipe\.json"):
        copy.recipe()


def test_nothing_is_left_in_the_run_folder_that_was_half_written(run: RunFolder) -> None:
    assert not [each.name for each in run.path.iterdir() if each.name.startswith((".", "part-"))]


def test_quantizing_again_gives_the_same_bytes(run: RunFolder, pictures: Path, tmp_path: Path) -> None:
    copy = RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))
    quantizing.quantize(pictures, copy, ["int8-io"], 12, "", Report(lambda units: None, lambda text: None))
    assert sha256_of(copy.tflite("int8-io")) == sha256_of(run.tflite("int8-io"))
