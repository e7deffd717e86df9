"""A trained run in, files that are what their recipes promise out, all of them or none, from training and validation
pictures alone."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

import keras

from appliance.errors import ModelError, StorageError, UsageError
from appliance.files import sha256_of
from modelworks.calibration import draw
from modelworks.cli import main
from modelworks.dataset import decode_all
from modelworks.graphreading import read_network_file
from modelworks.litert import LiteModel
from modelworks.network import build
from modelworks.progress import Report
from modelworks.promise import check, check_all_differ
from modelworks.quantizing import QuantPlan, quantize, work_units
from modelworks.quantrecipes import DEFAULT, RECIPES
from modelworks.runfolder import RunFolder
from modelworks.subject import subject_of_run
from modelworks.weightsfile import load, save

pytestmark = pytest.mark.workstation

SMALL = ["--weights", "none", "--alpha", "0.25", "--size", "32", "--epochs", "1", "--split", "pictures", "--batch", "9"]
SILENT = Report(lambda units: None, lambda text: None)
WEIGHTS = {
    "float32": {"float32"},
    "dynamic": {"int8", "float32"},
    "int8": {"int8"},
    "int8-io": {"int8"},
    "int8-io-fitted": {"int8"},
    "int8-per-tensor": {"int8"},
    "int8-io-per-tensor": {"int8"},
    "float16": {"float16"},
    "int16x8": {"int8"},
    "weight8": {"int8"},
    "weight8-fitted": {"int8"},
    "weight4": {"int4", "int8"},
    "weight4-fitted": {"int4", "int8"},
}


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run with all that `quantize` makes unless told otherwise."""
    folder = tmp_path_factory.mktemp("runs") / "colours"
    assert main(["train", str(pictures), "-o", str(folder), *SMALL]) == 0
    assert main(["quantize", str(folder), "--representative", "12"]) == 0
    return RunFolder(folder)


@pytest.fixture
def copy(run: RunFolder, tmp_path: Path) -> RunFolder:
    """A run folder to spoil."""
    return RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))


@pytest.fixture(scope="module")
def keras_file(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's network as a file that could come from elsewhere."""
    path = tmp_path_factory.mktemp("models") / "classifier.keras"
    built = build(run.recipe(), 32)
    load(built, run.best)
    built.save(path)
    return path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in folder.iterdir()}


# What was made


def test_the_weights_in_every_file_have_the_types_of_its_recipe(run: RunFolder) -> None:
    found = {}
    for name in DEFAULT:
        graph = read_network_file(run.tflite(name)).graphs[0]
        stored = [tensor for index, tensor in enumerate(graph.tensors) if graph.roles.get(index) == "weights"]
        found[name] = {tensor.dtype for tensor in stored if tensor.stored}
    assert found == WEIGHTS


def test_the_cameras_bytes_go_into_a_file_with_integer_ends_as_they_are(run: RunFolder) -> None:
    for name in ("int8-io", "int8-io-fitted", "int8-io-per-tensor"):
        ends = LiteModel(run.tflite(name))
        assert (ends.input.dtype, ends.output.dtype) == ("uint8", "uint8")
        assert ends.input.scale == pytest.approx(1 / 127.5, rel=1e-3)
        assert ends.input.zero_point in (127, 128)


def form_of(name: str) -> str:
    return name.removesuffix("-fitted")


def test_a_file_keeps_no_promise_but_its_own(run: RunFolder) -> None:
    """So a recipe that a library ignores, or takes for another, is found out."""
    reference = run.tflite("float32").stat().st_size
    for name in DEFAULT:
        content = run.tflite(name).read_bytes()
        check(content, RECIPES[name], reference)
        # A fitted file is of the same form: that its weights are others is what `check_all_differ` holds it to.
        for other in (each for each in DEFAULT if form_of(each) != form_of(name)):
            with pytest.raises(ModelError, match=rf"checking {other}\.tflite against its recipe"):
                check(content, RECIPES[other], reference)


def test_a_file_that_did_not_shrink_is_refused(run: RunFolder) -> None:
    content = run.tflite("weight8").read_bytes()
    with pytest.raises(ModelError, match="over 40% of float32's"):
        check(content, RECIPES["weight8"], 2 * len(content))


def test_two_recipes_that_made_the_same_tensors_are_refused(run: RunFolder) -> None:
    made = {name: run.tflite(name).read_bytes() for name in DEFAULT}
    check_all_differ(made)
    with pytest.raises(ModelError, match="int8 and weight4 hold the same tensors"):
        check_all_differ({"int8": made["int8"], "weight4": made["int8"]})


def test_every_file_runs_on_both_sets_of_kernels(run: RunFolder, pictures: Path) -> None:
    decoded = decode_all(pictures, run.split().validation)
    for name in DEFAULT:
        default = LiteModel(run.tflite(name), 1).scores(decoded, run.recipe().preprocessing)
        reference = LiteModel(run.tflite(name), 1, "reference").scores(decoded, run.recipe().preprocessing)
        np.testing.assert_allclose(default, reference, atol=0.1)
        assert default.sum(axis=1) == pytest.approx(1, abs=0.02)


# What is written beside it


def test_the_figures_compare_every_file_with_float32_on_validation_pictures(run: RunFolder) -> None:
    figures = run.read("figures.json")
    assert list(figures["recipes"]) == list(DEFAULT)
    for name, measured in figures["recipes"].items():
        assert measured["sha256"] == sha256_of(run.tflite(name))
        assert measured["bytes"] == run.tflite(name).stat().st_size
        assert measured["validation"]["accuracy"]["n"] == len(run.split().validation) == 3
        assert measured["agreement_validation"]["n"] == 3
        assert measured["recipe"] == run.read(f"{name}.recipe.json")
    assert figures["recipes"]["float32"]["agreement_validation"]["value"] == 1.0


def test_a_recipe_is_kept_with_all_that_decided_the_file(run: RunFolder) -> None:
    kept = run.read("int8.recipe.json")
    assert kept["recipe"] == RECIPES["int8"].as_dict()
    assert kept["origin"] == {"network": "best.weights.h5", "sha256": sha256_of(run.best)}
    drawn = draw(run.split().train, run.recipe().labels, 12, run.recipe().seed)
    assert kept["calibration"] == drawn.as_dict()
    assert kept["calibration"]["pictures"] == 12
    assert set(kept["versions"]) == {"tensorflow", "keras", "numpy"}
    assert "calibration" not in run.read("weight8.recipe.json")


def test_quantizing_again_gives_the_same_bytes(copy: RunFolder) -> None:
    before = contents(copy.path)
    argv = ["quantize", str(copy.path), "--representative", "12"]
    assert main([*argv, "--recipe", "int8-io", "--recipe", "weight4", "--recipe", "int16x8"]) == 0
    after = contents(copy.path)
    assert {name for name in before if before[name] != after[name]} == {"figures.json"}


def test_a_later_recipe_joins_the_figures_of_the_earlier_ones(copy: RunFolder) -> None:
    argv = ["quantize", str(copy.path), "--recipe", "int8", "--representative", "3"]
    before = copy.read("figures.json")["recipes"]
    assert main(argv) == 0
    after = copy.read("figures.json")["recipes"]
    assert list(after) == list(DEFAULT)
    # float32 is made every time, and is the same: only the command that made it last is another.
    assert after["float32"] | {"command": before["float32"]["command"]} == before["float32"]
    assert {name for name in DEFAULT if after[name] != before[name]} == {"float32", "int8"}
    assert "--recipe int8" in after["int8"]["command"]
    assert after["dynamic"]["command"] == before["dynamic"]["command"]
    assert after["int8"]["recipe"]["calibration"]["pictures"] == 3


def test_figures_of_another_network_do_not_stay(copy: RunFolder) -> None:
    built = build(copy.recipe(), 32)
    save(built, copy.best)
    assert main(["quantize", str(copy.path), "--recipe", "float16"]) == 0
    assert list(copy.read("figures.json")["recipes"]) == ["float32", "float16"]


def test_the_test_pictures_are_not_needed(copy: RunFolder, pictures: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(pictures, tmp_path / "pictures"))
    for picture in copy.split().test:
        (folder / picture.path).unlink()
    figures = quantize(subject_of_run(folder, copy), copy, QuantPlan(("float32",)), "", SILENT)
    assert "test" not in json.dumps(figures["recipes"]["float32"])


def test_the_work_announced_is_the_work_done(copy: RunFolder, pictures: Path) -> None:
    plan, done = QuantPlan(("int8", "weight8"), 9, (3, 12)), []
    subject = subject_of_run(pictures, copy)
    quantize(subject, copy, plan, "", Report(done.append, lambda text: None))
    assert sum(done) == pytest.approx(work_units(plan, len(subject.calibrating), len(subject.held)))


def test_json_is_all_that_stdout_holds(copy: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quantize", str(copy.path), "--recipe", "float32", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == copy.read("figures.json")


# Calibration


def test_representative_pictures_are_drawn_evenly_and_by_seed(run: RunFolder) -> None:
    there, labels = run.split().train, run.recipe().labels
    chosen = draw(there, labels, 12, seed=1).pictures
    assert Counter(picture.label for picture in chosen) == {"blue": 4, "green": 4, "red": 4}
    assert chosen == draw(there[::-1], labels, 12, seed=1).pictures
    assert chosen != draw(there, labels, 12, seed=2).pictures
    assert chosen[:6] == draw(there, labels, 6, seed=1).pictures


def test_a_rare_class_gives_all_it_has(run: RunFolder) -> None:
    there = [picture for picture in run.split().train if picture.label != "red" or picture.path.endswith("0.png")]
    rare = sum(picture.label == "red" for picture in there)
    chosen = draw(there, run.recipe().labels, 12, seed=1).pictures
    assert 0 < rare == sum(picture.label == "red" for picture in chosen) < 4


def test_a_representative_set_of_one_class_is_refused(run: RunFolder) -> None:
    red = [picture for picture in run.split().train if picture.label == "red"]
    with pytest.raises(UsageError, match="are of the class 'red'"):
        draw(red, ("red",), 5, seed=1)
    with pytest.raises(UsageError, match="no training picture of blue"):
        draw([picture for picture in run.split().train if picture.label != "blue"], run.recipe().labels, 5, seed=1)


@pytest.mark.parametrize("option", [["--representative", "2"], ["--sweep-calibration", "9,2"]])
def test_fewer_representative_pictures_than_classes_are_refused(
    option: list[str], copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(copy.path)
    assert main(["quantize", str(copy.path), *option]) == 2
    assert "2 for 3 classes" in capsys.readouterr().err
    assert contents(copy.path) == before


def test_a_sweep_shows_what_more_calibration_pictures_bring(copy: RunFolder) -> None:
    argv = ["quantize", str(copy.path), "--recipe", "float32", "--sweep-calibration", "3,12,1000"]
    assert main(argv) == 0
    sweep = copy.read("figures.json")["sweep"]["int8-io"]
    assert [entry["pictures"] for entry in sweep] == [3, 12, len(copy.split().train)]
    assert all(entry["accuracy"]["n"] == entry["agreement"]["n"] == 3 for entry in sweep)
    assert sweep[1]["accuracy"] == copy.read("figures.json")["recipes"]["int8-io"]["validation"]["accuracy"]
    assert (copy.path / "calibration.png").read_bytes().startswith(b"\x89PNG")


# Training with the rounding in the loop


def test_qat_trains_and_makes_a_file_of_integers_alone(copy: RunFolder) -> None:
    argv = ["quantize", str(copy.path), "--recipe", "qat-int8", "--qat-epochs", "2", "--representative", "12"]
    assert main(argv) == 0
    kept = copy.read("qat-int8.recipe.json")
    assert kept["training"]["steps"] == 2 * 3, "27 pictures, 9 at a time"
    assert [entry["epoch"] for entry in kept["training"]["history"]] == [1, 2]
    assert kept["training"]["chosen_epoch"] in (1, 2)
    assert {"tf-keras", "tensorflow-model-optimization"} <= set(kept["versions"])
    ends = LiteModel(copy.tflite("qat-int8"))
    assert ends.input.scale == pytest.approx(1 / 127.5, rel=1e-3)
    assert sha256_of(copy.tflite("qat-int8")) != sha256_of(copy.tflite("int8-io"))


# What goes wrong


def test_pictures_other_than_those_trained_on_are_refused(
    run: RunFolder, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(pictures, tmp_path / "other"))
    (other / "red" / "red003.png").unlink()
    assert main(["quantize", str(run.path), "--data", str(other)]) == 2
    assert "red/red003.png is not there" in capsys.readouterr().err


def test_a_full_disk_leaves_the_run_folder_as_it_was(run: RunFolder, pictures: Path, small_disk: Path) -> None:
    kept = ("recipe.json", "split.json", "best.weights.h5", "figures.json", "int8.tflite", "float32.tflite")
    full = RunFolder(small_disk / "run")
    full.path.mkdir()
    for name in kept:
        shutil.copy(run.path / name, full.path / name)
    before = contents(full.path)
    with pytest.raises(StorageError, match="make room"):
        quantize(subject_of_run(pictures, full), full, QuantPlan(representative=12), "", SILENT)
    assert contents(full.path) == before


def test_an_interruption_leaves_the_run_folder_as_it_was(copy: RunFolder, pictures: Path) -> None:
    before = contents(copy.path)

    def say(text: str) -> None:
        if text.startswith("dynamic"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(subject_of_run(pictures, copy), copy, QuantPlan(representative=3), "", Report(lambda units: None, say))
    assert contents(copy.path) == before


@pytest.mark.parametrize("option", [["--qat-epochs", "0"], ["--qat-rate", "0"], ["-o", "elsewhere"]])
def test_options_that_make_no_sense_are_refused(
    option: list[str], run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quantize", str(run.path), *option]) == 2
    assert "reading the command line" in capsys.readouterr().err


# A Keras file from elsewhere


def test_a_classifier_from_elsewhere_is_quantized(keras_file: Path, pictures: Path, tmp_path: Path) -> None:
    argv = ["quantize", str(keras_file), "--data", str(pictures), "-o", str(tmp_path / "out")]
    assert main([*argv, "--recipe", "int8-io", "--representative", "24"]) == 0
    out = RunFolder(tmp_path / "out")
    figures = out.read("figures.json")
    assert list(figures["recipes"]) == ["float32", "int8-io"]
    assert figures["recipes"]["int8-io"]["agreement_validation"]["n"] == 36 - 24
    assert out.read("int8-io.recipe.json")["origin"] == {
        "network": "classifier.keras",
        "sha256": sha256_of(keras_file),
    }
    assert LiteModel(out.tflite("int8-io")).input.dtype == "uint8"


def _regression() -> Any:
    picture = keras.Input((32, 32, 3))
    return keras.Model(picture, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(picture)))


def _of_a_vector() -> Any:
    return keras.Sequential([keras.Input((7,)), keras.layers.Dense(3, "softmax")])


@pytest.mark.parametrize(
    ("make", "said"), [(_regression, "no distribution over classes"), (_of_a_vector, "it leads from (None, 7)")]
)
def test_a_network_that_is_no_classifier_is_refused(
    make: Any, said: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make().save(tmp_path / "other.keras")
    out = tmp_path / "out"
    argv = ["quantize", str(tmp_path / "other.keras"), "--data", str(pictures), "-o", str(out)]
    assert main([*argv, "--representative", "12"]) == 12
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_keras_cannot_read_is_refused(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04 and no more")
    argv = ["quantize", str(tmp_path / "broken.keras"), "--data", str(pictures), "-o", str(tmp_path / "out")]
    assert main([*argv, "--representative", "12"]) == 12
    assert "loading" in capsys.readouterr().err


def test_a_classifier_of_other_classes_is_refused(
    keras_file: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = Path(shutil.copytree(pictures, tmp_path / "two"))
    shutil.rmtree(two / "red")
    argv = ["quantize", str(keras_file), "--data", str(two), "-o", str(tmp_path / "out"), "--representative", "12"]
    assert main(argv) == 2
    assert "3 outputs for 2 folders: blue, green" in capsys.readouterr().err


def test_a_classifier_needs_pictures_to_calibrate_and_others_to_measure(
    keras_file: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quantize", str(keras_file)]) == 2
    assert "without -o OUT or --data DIR" in capsys.readouterr().err
    argv = ["quantize", str(keras_file), "--data", str(pictures), "-o", str(tmp_path / "out")]
    assert main([*argv, "--representative", "36"]) == 2
    assert "all drawn for the calibration" in capsys.readouterr().err
    assert main([*argv, "--recipe", "qat-int8"]) == 2
    assert "qat-int8 of a MODEL" in capsys.readouterr().err
