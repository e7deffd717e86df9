"""`modelworks pack` makes a directory that the appliance accepts, with the figures of the file that it holds."""

import json
import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

from appliance.bundle.manifest import LABELS_FILE, MANIFEST_FILE, Manifest, parse_labels
from appliance.errors import UsageError
from appliance.files import sha256_of
from modelworks.cli import main
from modelworks.runfolder import RunFolder

pytestmark = pytest.mark.workstation


@pytest.fixture(scope="module")
def run(quantized_run: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A validated run in which nothing was selected."""
    folder = Path(shutil.copytree(quantized_run, tmp_path_factory.mktemp("packed") / "colours"))
    assert main(["validate", str(folder), "--threads", "1", "--pictures", "10"]) == 0
    return RunFolder(folder)


@pytest.fixture
def copy(run: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(run.path, tmp_path / "run")))


def packed(run: RunFolder, out: Path, *more: str) -> Manifest:
    argv = ["pack", str(run.path), "--name", "colours", "--version", "1.0.0", "-o", str(out), "--licence", "none"]
    assert main([*argv, *more]) == 0
    return Manifest.from_bytes((out / MANIFEST_FILE).read_bytes())


def test_the_directory_is_a_model_that_the_appliance_reads(run: RunFolder, tmp_path: Path) -> None:
    manifest = packed(run, tmp_path)
    assert (manifest.name, manifest.version, manifest.tensor.dtype) == ("colours", "1.0.0", "uint8")
    assert manifest.preprocessing == run.recipe().preprocessing
    assert parse_labels((tmp_path / LABELS_FILE).read_bytes()) == ("blue", "green", "red")
    assert {name: entry.sha256 for name, entry in manifest.files.items()} == {
        name: sha256_of(tmp_path / name) for name in manifest.files
    }
    assert {each.name for each in tmp_path.iterdir()} == {*manifest.files, MANIFEST_FILE}


def test_the_manifest_lists_every_picture_by_what_it_was_used_for(
    run: RunFolder, pictures: Path, tmp_path: Path
) -> None:
    manifest = packed(run, tmp_path)
    lists = [manifest.training["pictures"], manifest.validation["pictures"], manifest.validation["test_pictures"]]
    assert sorted(chain.from_iterable(lists)) == sorted(sha256_of(path) for path in pictures.glob("*/*.png"))
    assert lists[0] == sorted(each.sha256 for each in run.split().train)


def test_the_figures_are_those_that_were_validated(run: RunFolder, tmp_path: Path) -> None:
    figures = packed(run, tmp_path).figures
    rows = {row["name"]: row for row in run.read("validation.json")["rows"]}
    own = rows["int8-io"]
    assert figures["recipe"] == "int8-io"
    assert figures["agreement_test"] == own["agreement"]
    assert figures["accuracy_float32"] == rows["float32"]["accuracy"]
    for name in ("accuracy", "per_class", "confusion", "paired_loss", "calibration_error"):
        assert figures[name] == own[name]
    assert figures["test_reads"] == 1
    assert list(figures["commands"]) == ["train", "quantize", "validate", "pack"]
    assert "cross_validated" not in figures


def test_pooled_figures_of_the_folds_go_along(copy: RunFolder, tmp_path: Path) -> None:
    row: dict[str, Any] = {"accuracy": {"value": 0.9, "n": 2000}, "agreement": {"value": 0.99}}
    copy.write("folds.json", {"command": "modelworks validate --folds 5", "folds": 5, "rows": {"int8-io": row}})
    pooled = packed(copy, tmp_path / "out").figures["cross_validated"]
    assert pooled == {"folds": 5, "command": "modelworks validate --folds 5"} | row


def test_what_was_selected_is_packed(copy: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["select", str(copy.path), "--max-kb", "1000"]) == 0
    copy.write("selection.json", copy.read("selection.json") | {"choice": "dynamic"})
    assert packed(copy, tmp_path / "out").figures["recipe"] == "dynamic"
    assert "the run's dynamic" in capsys.readouterr().out
    assert packed(copy, tmp_path / "other", "--recipe", "float32").figures["recipe"] == "float32"


def test_a_model_is_replaced_by_a_larger_version_only(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    packed(run, out, "--version", "1.9.0")
    packed(run, out, "--version", "1.9.0")  # the same files once more
    for version in ("1.9.0", "0.10.0"):
        argv = ["pack", str(run.path), "--name", "colours", "--version", version, "-o", str(out)]
        assert main([*argv, "--recipe", "dynamic"]) == UsageError.exit_code
        assert "colours 1.9.0 is there already. Try: --version: one that is larger" in capsys.readouterr().err
    assert Manifest.from_bytes((out / MANIFEST_FILE).read_bytes()).figures["recipe"] == "int8-io"
    assert packed(run, out, "--recipe", "dynamic", "--version", "1.10.0").version == "1.10.0"
    argv = ["pack", str(run.path), "--name", "shapes", "--version", "2.0.0", "-o", str(out)]
    assert main(argv) == UsageError.exit_code
    assert "another model is there, colours 1.10.0" in capsys.readouterr().err
    (out / MANIFEST_FILE).write_bytes(b"{}")
    assert packed(run, out).version == "1.0.0"  # half a directory is none


def test_nothing_is_packed_into_a_run_or_another_folder(
    copy: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (copy.path / "recipe.json").read_bytes()
    argv = ["pack", str(copy.path), "--name", "colours", "--version", "1.0.0", "-o"]
    assert main([*argv, str(copy.path)]) == UsageError.exit_code
    assert "it is no model directory, and holds" in capsys.readouterr().err
    assert (copy.path / "recipe.json").read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    assert main([*argv, str(tmp_path / "mine")]) == UsageError.exit_code
    assert "holds notes.txt" in capsys.readouterr().err


def test_no_packed_file_names_a_path_of_this_machine(run: RunFolder, pictures: Path, tmp_path: Path) -> None:
    packed(run, tmp_path)
    for name in (MANIFEST_FILE, "recipe.json"):
        text = (tmp_path / name).read_text()
        assert str(pictures.parent) not in text
        assert str(run.path.parent) not in text


def test_a_run_that_was_not_validated_is_refused(
    quantized_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["pack", str(quantized_run), "--name", "a", "--version", "1.0.0", "-o", str(tmp_path / "out")]
    assert main(argv) == 2
    assert "it has no validation.json: nothing is known of its files. Try: `modelworks validate`" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


def test_a_file_changed_after_measuring_is_not_packed(
    copy: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy.tflite("int8-io").write_bytes(b"other")
    assert main(["pack", str(copy.path), "--name", "a", "--version", "1.0.0", "-o", str(tmp_path / "out")]) == 12
    assert "not the file whose figures were measured" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--name", "Not A Name"], "making the manifest"),
        (["--version", "1"], "making the manifest"),
        (["--recipe", "float16"], "only float32, dynamic, int8-io were measured"),
    ],
)
def test_what_the_appliance_would_refuse_is_not_packed(
    wrong: list[str], said: str, run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["pack", str(run.path), "--name", "a", "--version", "1.0.0", "-o", str(tmp_path / "out"), *wrong]
    assert main(argv) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_damaged_selection_is_refused(copy: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy.path / "selection.json").write_text(json.dumps({"choice": 3}))
    assert main(["pack", str(copy.path), "--name", "a", "--version", "1.0.0", "-o", str(tmp_path / "out")]) == 2
    assert "no choice in it" in capsys.readouterr().err
