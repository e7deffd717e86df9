"""A folder of pictures becomes a model directory that the appliance accepts; the same seed makes the same model."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

from appliance.bundle.manifest import LABELS_FILE, MANIFEST_FILE, Manifest, parse_labels
from appliance.errors import ModelError, UsageError
from appliance.files import sha256_of
from modelworks.cli import main
from modelworks.network import build
from modelworks.quantrecipes import RECIPES
from modelworks.runfolder import RunFolder
from modelworks.sharing import share_vectors
from modelworks.weightsfile import load

pytestmark = pytest.mark.workstation

SMALL = ["--weights", "none", "--alpha", "0.25", "--size", "32", "--epochs", "2", "--split", "pictures", "--batch", "9"]


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished, quantized, validated run in which a file was chosen."""
    folder = tmp_path_factory.mktemp("runs") / "colours"
    assert main(["train", str(pictures), "-o", str(folder), *SMALL]) == 0
    assert main(["quantize", str(folder), "--representative", "12", "--recipe", "int8-io"]) == 0
    assert main(["validate", str(folder), "--threads", "1", "--pictures", "10"]) == 0
    assert main(["select", str(folder)]) == 0
    return RunFolder(folder)


@pytest.fixture(scope="module")
def model(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's packed model directory."""
    folder = tmp_path_factory.mktemp("models") / "colours"
    argv = ["pack", str(run.path), "--name", "colours", "--version", "1.0.0", "-o", str(folder), "--licence", "none"]
    assert main([*argv, "--recipe", "int8-io"]) == 0
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


def test_the_packed_directory_is_a_model_that_the_appliance_reads(run: RunFolder, model: Path) -> None:
    manifest = Manifest.from_bytes((model / MANIFEST_FILE).read_bytes())
    assert (manifest.name, manifest.version, manifest.tensor.dtype) == ("colours", "1.0.0", "uint8")
    assert manifest.preprocessing == run.recipe().preprocessing
    assert parse_labels((model / LABELS_FILE).read_bytes()) == ("blue", "green", "red")
    assert {name: entry.sha256 for name, entry in manifest.files.items()} == {
        name: sha256_of(model / name) for name in manifest.files
    }
    assert {each.name for each in model.iterdir()} == {*manifest.files, MANIFEST_FILE}


def test_the_test_pictures_are_read_once_from_training_to_packing(run: RunFolder, model: Path) -> None:
    manifest = Manifest.from_bytes((model / MANIFEST_FILE).read_bytes())
    assert manifest.figures["test_reads"] == len(run.read("test-reads.json")["reads"]) == 1
    assert manifest.figures["accuracy"]["n"] == len(run.split().test)


def test_a_head_alone_that_sees_every_level_goes_the_whole_way(pictures: Path, tmp_path: Path) -> None:
    """Without an epoch there are no curves; every recipe knows its operators; its files are shared ones."""
    run = RunFolder(tmp_path / "levels")
    small = [*SMALL, "--epochs", "0", "--views", "2", "--cache", str(tmp_path / "cache")]
    levels = ["--levels", "conv_pw_2_relu", "--pooling", "mean-max"]
    assert main(["train", str(pictures), "-o", str(run.path), *small, *levels]) == 0
    assert not run.has("history.json")
    # Layers of random weights say so little that the scales of int16x8 leave its range.
    recipes = [name for name in RECIPES if "per-tensor" not in name and name != "int16x8"]
    argv = ["quantize", str(run.path), "--representative", "12", "--qat-epochs", "1"]
    assert main([*argv, *(word for name in recipes for word in ("--recipe", name))]) == 0
    assert main(["validate", str(run.path), "--threads", "1", "--pictures", "10"]) == 0
    rows = run.read("validation.json")["rows"]
    assert {row["name"] for row in rows} == set(recipes)
    for name in recipes:
        content = run.tflite(name).read_bytes()
        assert len(share_vectors(content)) == len(content)
    assert main(["select", str(run.path)]) == 0
    assert main(["report", str(run.path)]) == 0
    assert "the head alone was trained" in (run.path / "report.html").read_text()


def test_a_finished_training_is_not_overwritten(
    run: RunFolder, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(pictures), "-o", str(run.path), *SMALL]) == 2
    assert "it holds a finished training" in capsys.readouterr().err
    assert main(["train", str(pictures), "-o", str(run.path), *SMALL, "--seed", "2"]) == 2
    assert "another recipe" in capsys.readouterr().err


def test_weights_of_another_width_are_refused(run: RunFolder) -> None:
    with pytest.raises(ModelError, match="loading the weights"):
        load(build(replace(run.recipe(), alpha=0.5)), run.best)


def test_damaged_weights_are_refused(run: RunFolder, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.weights.h5"
    damaged.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(ModelError, match="loading the weights"):
        build(run.recipe(), 32, damaged)


def test_a_run_of_another_version_says_so(run: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))
    raw = json.loads((copy.path / "recipe.json").read_bytes())
    del raw["recipe"]["stages"]
    copy.write("recipe.json", raw)
    with pytest.raises(UsageError, match=r"reading recipe\.json"):
        copy.recipe()


def test_nothing_is_left_in_the_run_folder_that_was_half_written(run: RunFolder) -> None:
    assert not [each.name for each in run.path.iterdir() if each.name.startswith((".", "part-"))]
