"""Every picture tests once, a finished fold is not trained again, and the pooled figures are those of the folds."""

import json
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

from appliance.errors import UsageError
from modelworks.cli import main
from modelworks.folds import FOLDS
from modelworks.runfolder import RunFolder

pytestmark = pytest.mark.workstation

SMALL = ["--weights", "none", "--alpha", "0.25", "--until", "conv_pw_8_relu", "--size", "32", "--epochs", "1"]
SMALL += ["--split", "pictures", "--batch", "9"]


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished training, cross-validated in two folds."""
    folder = tmp_path_factory.mktemp("runs") / "colours"
    cache = str(folder.parent / "cache")
    assert main(["train", str(pictures), "-o", str(folder), "--cache", cache, *SMALL]) == 0
    assert main(["validate", str(folder), "--folds", "2", "--json"]) == 0
    return RunFolder(folder)


def test_every_picture_is_counted_once_in_the_pooled_figures(run: RunFolder) -> None:
    figures = run.read(FOLDS)
    assert set(figures["rows"]) == {"float32", "int8-io"}
    for name, row in figures["rows"].items():
        assert row["accuracy"]["n"] == row["agreement"]["n"] == row["paired_loss"]["n"] == 36
        assert sum(map(sum, row["confusion"])) == 36
        right = sum(fold["accuracy"][name]["right"] for fold in figures["per_fold"])
        assert row["accuracy"]["right"] == right
    assert figures["rows"]["float32"]["agreement"]["value"] == 1.0
    tested = [picture.path for number in (1, 2) for picture in RunFolder(run.path / "folds" / str(number)).split().test]
    assert len(tested) == len(set(tested)) == 36


def test_given_again_it_trains_nothing_and_says_the_same(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    before = run.read(FOLDS)
    stamps = {path: path.stat().st_mtime_ns for path in run.path.glob("folds/*/best.weights.h5")}
    assert main(["validate", str(run.path), "--folds", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == before["rows"]
    assert {path: path.stat().st_mtime_ns for path in run.path.glob("folds/*/best.weights.h5")} == stamps


def test_every_fold_has_the_teacher_of_that_fold(run: RunFolder, pictures: Path, tmp_path: Path) -> None:
    """A teacher of another fold has learned from what tests here."""
    pupil, cache = RunFolder(tmp_path / "pupil"), str(tmp_path / "cache")
    taught = [*SMALL, "--teacher", str(run.path), "--views", "1"]
    assert main(["train", str(pictures), "-o", str(pupil.path), "--cache", cache, *taught]) == 0
    assert main(["validate", str(pupil.path), "--folds", "2", "--recipe", "int8-io", "--json"]) == 0
    named = [pupil.fold(number).recipe().distillation for number in (1, 2)]
    assert [one.teachers[0].name for one in named if one] == [f"{run.path.name}/folds/{n}" for n in (1, 2)]


def test_folds_of_another_number_are_not_mixed_up(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(run.path), "--folds", "3"]) == UsageError.exit_code
    assert "holds a fold of another recipe or of other pictures" in capsys.readouterr().err


def test_one_fold_is_none(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(run.path), "--folds", "1"]) == UsageError.exit_code
    assert "2 or more" in capsys.readouterr().err


def test_a_run_that_was_trained_as_a_fold_is_not_trained_again(
    run: RunFolder, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = RunFolder(tmp_path / "own")
    cache = str(tmp_path / "cache")
    assert main(["train", str(pictures), "-o", str(own.path), "--cache", cache, *SMALL, "--fold", "2/2"]) == 0
    assert own.split() == RunFolder(run.path / "folds" / "2").split()
    assert own.read("history.json") == RunFolder(run.path / "folds" / "2").read("history.json")
    assert main(["validate", str(own.path), "--folds", "2", "--json"]) == 0
    assert [path.name for path in (own.path / "folds").iterdir()] == ["1"]
    assert own.read(FOLDS)["rows"] == run.read(FOLDS)["rows"]


@pytest.mark.parametrize("fold", ["3/2", "0/5", "two", "1/"])
def test_a_fold_that_is_none_is_refused(
    fold: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["train", str(pictures), "-o", str(tmp_path / "run"), *SMALL, "--fold", fold])
    except SystemExit as refused:
        code = refused.code
    assert code == UsageError.exit_code
    assert "fold" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
