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
HEAD_ALONE = [*SMALL, "--epochs", "0"]
CAUTION = "The validation pictures were learned from (--refit)"


@pytest.fixture(scope="module")
def runs(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """Heads trained without the validation pictures, and with them."""
    folder = tmp_path_factory.mktemp("refit")
    for name, how in {"plain": [], "refit": ["--refit"]}.items():
        assert main(["train", str(pictures), "-o", str(folder / name), *HEAD_ALONE, *how]) == 0
    return {name: RunFolder(folder / name) for name in ("plain", "refit", "joined")}


def test_the_validation_pictures_are_learned_from_as_well(
    runs: dict[str, RunFolder], pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, refit = runs["plain"], runs["refit"]
    split = refit.split()
    assert plain.split() == split
    assert set(split.learned(refit=True)) == {*split.train, *split.validation}
    assert refit.recipe().refit
    for how, learned in (([], split.train), (["--refit"], split.learned(refit=True))):
        assert main(["train", str(pictures), "-o", str(tmp_path / f"again{how}"), *HEAD_ALONE, *how]) == 0
        assert f"head trained on {len(learned)} pictures" in capsys.readouterr().out


def test_no_epoch_can_be_chosen_by_them(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["train", str(pictures), "-o", str(tmp_path / "run"), *SMALL, "--epochs", "1", "--refit"]
    assert main(argv) == UsageError.exit_code
    assert "they choose no epoch: --last-epoch keeps the last" in capsys.readouterr().err
    cache = ["--cache", str(tmp_path / "cache"), "--batch", "9"]
    assert main([*argv, *cache, "--last-epoch"]) == 0
    said, split = capsys.readouterr().out, RunFolder(tmp_path / "run").split()
    assert CAUTION in said
    assert f"head trained on {len(split.train) + len(split.validation)} pictures" in said


def test_it_may_not_teach_a_network_that_they_are_to_judge(
    runs: dict[str, RunFolder], pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["train", str(pictures), "-o", str(tmp_path / "run"), *SMALL, "--epochs", "1", "--views", "1"]
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
    both = [str(runs[name].path) for name in ("plain", "refit")]
    assert main(["join", *both, "-o", str(runs["joined"].path.with_name("both"))]) == UsageError.exit_code
    assert "another use of the validation pictures (--refit)" in capsys.readouterr().err


def test_its_figures_come_with_a_caution_and_its_manifest_names_what_was_learned(
    runs: dict[str, RunFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, model = str(runs["refit"].path), tmp_path / "model"
    for asked in (["quantize", run], ["validate", run, "--folds", "2"]):
        assert main([*asked, "--recipe", "qat-int8"]) == UsageError.exit_code
        assert "qat-int8 chooses its epoch by them" in capsys.readouterr().err
    steps = [["quantize", run, "--recipe", "float32", "--recipe", "dynamic"]]
    steps += [["validate", run, "--pictures", "3"], ["select", run]]
    for step in steps:
        assert main(step) == 0
        assert CAUTION in " ".join(capsys.readouterr().out.split())
    assert all(runs["refit"].read(name)["refit"] for name in (TRAINED, "figures.json", "validation.json"))
    reason = runs["refit"].read("selection.json")["reason"]
    assert reason.endswith("say nothing of unseen pictures.")
    assert main(["pack", run, "--recipe", "dynamic", "--name", "refit", "--version", "1.0.0", "-o", str(model)]) == 0
    manifest, split = json.loads((model / "manifest.json").read_text()), runs["refit"].split()
    assert manifest["training"]["refit"]
    assert manifest["training"]["pictures"] == sorted(each.sha256 for each in split.learned(refit=True))
    assert manifest["validation"]["pictures"] == []
    assert manifest["validation"]["test_pictures"] == sorted(each.sha256 for each in split.test)
    assert main(["report", run]) == 0
    assert "has learned from the validation pictures too" in (runs["refit"].path / "report.html").read_text()
