"""A refit learns from the validation pictures too, and says so wherever figures on them are told."""

import json
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

from appliance.errors import UsageError
from modelworks.cli import main
from modelworks.runfolder import TRAINED, RunFolder

pytestmark = pytest.mark.workstation

SMALL = ["--weights", "none", "--size", "32", "--split", "pictures", "--alpha", "0.25", "--until", "conv_pw_8_relu"]
HEAD = [*SMALL, "--epochs", "0"]
CAUTION = "The validation pictures were learned from (--refit)"


@pytest.fixture(scope="module")
def runs(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """Heads trained without the validation pictures, and with them."""
    folder = tmp_path_factory.mktemp("refit")
    for name, how in {"plain": [], "refit": ["--refit"]}.items():
        assert main(["train", str(pictures), "-o", str(folder / name), *HEAD, *how]) == 0
    return {name: RunFolder(folder / name) for name in ("plain", "refit", "joined")}


def test_the_validation_pictures_are_learned_from_as_well(runs: dict[str, RunFolder]) -> None:
    plain, refit = runs["plain"], runs["refit"]
    split = refit.split()
    assert plain.split() == split
    assert set(split.learned(refit=True)) == {*split.train, *split.validation}
    assert refit.recipe().refit
    assert plain.best.read_bytes() != refit.best.read_bytes()


def test_no_epoch_can_be_chosen_by_them(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["train", str(pictures), "-o", str(tmp_path / "run"), *SMALL, "--epochs", "1", "--refit"]
    assert main(argv) == UsageError.exit_code
    assert "they choose no epoch: keep the last one" in capsys.readouterr().err
    cache = ["--cache", str(tmp_path / "cache"), "--batch", "9"]
    assert main([*argv, *cache, "--last-epoch"]) == 0
    assert CAUTION in capsys.readouterr().out


def test_it_may_not_teach_a_network_that_they_are_to_judge(
    runs: dict[str, RunFolder], pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [
        "train",
        str(pictures),
        "-o",
        str(tmp_path / "run"),
        *SMALL,
        "--epochs",
        "1",
        "--views",
        "1",
        "--batch",
        "9",
    ]
    argv += ["--batch", "9", "--cache", str(tmp_path / "cache"), "--teacher", str(runs["refit"].path), "--last-epoch"]
    assert main(argv) == UsageError.exit_code
    held = len(runs["refit"].split().validation)
    assert f"it has learned from {held} pictures that choose or test here" in capsys.readouterr().err
    assert main([*argv, "--refit"]) == 0


def test_they_fit_no_temperature(runs: dict[str, RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["join", str(runs["refit"].path), "--mirror", "-o", str(runs["joined"].path)]
    assert main(argv) == UsageError.exit_code
    assert "those fit no temperature. Try: join the runs before the refit" in capsys.readouterr().err
    assert main([*argv, "--temperature", "-1"]) == UsageError.exit_code
    assert not runs["joined"].path.exists()
    assert main([*argv, "--temperature", "0.7"]) == 0
    assert CAUTION in capsys.readouterr().out
    assert runs["joined"].read(TRAINED)["temperature"] == 0.7


def test_its_figures_come_with_a_caution_and_its_manifest_names_what_was_learned(
    runs: dict[str, RunFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, model = str(runs["refit"].path), tmp_path / "model"
    assert main(["quantize", run, "--recipe", "qat-int8"]) == UsageError.exit_code
    assert "qat-int8 chooses its epoch by them" in capsys.readouterr().err
    steps = [["quantize", run, "--recipe", "float32", "--recipe", "dynamic"]]
    steps += [["validate", run, "--pictures", "3"], ["select", run]]
    for step in steps:
        assert main(step) == 0
        assert CAUTION in " ".join(capsys.readouterr().out.split())
    reason = runs["refit"].read("selection.json")["reason"]
    assert reason.endswith("say nothing of unseen pictures.")
    assert main(["pack", run, "--recipe", "dynamic", "--name", "refit", "--version", "1.0.0", "-o", str(model)]) == 0
    training = json.loads((model / "manifest.json").read_text())["training"]
    assert len(training["pictures"]) == len(runs["refit"].split().learned(refit=True))
