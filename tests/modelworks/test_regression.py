"""A regression goes the whole way: trained, quantized, validated by its MSE, selected."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

from appliance.errors import ModelError, UsageError
from modelworks.cli import main
from modelworks.dataset import Picture, decode_all
from modelworks.litert import LiteModel
from modelworks.regression import TARGETS_FILE, Regression, read_targets
from modelworks.runfolder import RunFolder

pytestmark = pytest.mark.workstation

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "regression.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """What the shipped example leaves behind, with fewer pictures and epochs."""
    spec = importlib.util.spec_from_file_location("regression_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    out = tmp_path_factory.mktemp("regression")
    assert example.main([str(out), "--pictures", "80", "--epochs", "10"]) == 0
    return RunFolder(out / "run")


def test_the_example_learns_to_tell_the_level(run: RunFolder) -> None:
    """Guessing the mean of 0 to 1 has an MSE of 1/12."""
    reference = run.read("validation.json")["rows"][0]
    assert reference["mse"]["value"] < 1 / 12 / 3
    assert reference["mse"]["low"] < reference["mse"]["value"] < reference["mse"]["high"]


def test_the_mse_is_that_of_the_pictures(run: RunFolder) -> None:
    targets, recipe = read_targets(run.data_folder()), run.recipe()
    for row in run.read("validation.json")["rows"]:
        for part, key in (("test", "mse"), ("validation", "validation_mse"), ("train", "train_mse")):
            pictures = getattr(run.split(), part)
            decoded = decode_all(run.data_folder(), pictures)
            told = LiteModel(run.path / row["file"]).scores(decoded, recipe.preprocessing)[:, 0]
            errors = told - np.array([targets[picture.path] for picture in pictures])
            assert row[key]["value"] == pytest.approx(float((errors**2).mean()), rel=1e-4)
            assert row[key]["n"] == len(pictures)


def test_a_row_has_the_mse_in_place_of_all_that_classes_need(run: RunFolder) -> None:
    found = run.read("validation.json")
    assert (found["task"], found["labels"]) == ("regression", [])
    for row in found["rows"]:
        assert not {"accuracy", "per_class", "confusion", "agreement", "calibration_error"} & row.keys()
        assert row["L"] == row["L_paper"]
        furthest = [abs(each["truth"] - each["guess"]) for each in row["mistakes"]]
        assert furthest == pytest.approx(sorted(furthest, reverse=True))
    assert found["rows"][0]["paired_loss"]["high"] == 0.0


def test_the_choice_is_the_lowest_l(run: RunFolder) -> None:
    chosen = run.read("selection.json")
    lowest = min(chosen["rows"], key=lambda row: row["L"])
    assert (chosen["choice"], chosen["metric"]) == (lowest["name"], "mse")
    assert "MSE" in chosen["reason"]


def test_a_gate_on_the_loss_is_in_per_cent_of_the_mse(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    before = run.read("selection.json")
    highest = max(row["validation_paired_loss"]["high"] for row in run.read("validation.json")["rows"])
    assert main(["select", str(run.path), "--max-loss", f"{highest - 0.01}"]) == 0
    assert "the gates removed" in " ".join(capsys.readouterr().out.split())
    run.write("selection.json", before)


def test_a_regression_is_not_packed(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", str(run.path), "--name", "a", "--version", "1.0.0", "-o", str(tmp_path / "out")]) == 2
    assert "the appliance runs classifiers only" in capsys.readouterr().err


def test_a_classifier_is_no_regression() -> None:
    with pytest.raises(ModelError, match="it has 6 outputs, a regression has one number a picture"):
        Regression({}).check("float32", 6)


def test_pictures_without_a_value_are_named() -> None:
    with pytest.raises(UsageError, match="1 pictures have no value, a/b.png among them"):
        Regression({"a/a.png": 1.0}).truth([Picture("a/a.png", "a", ""), Picture("a/b.png", "a", "")])


def test_the_rise_of_the_mse_is_paired_and_repeatable() -> None:
    truth, task = np.linspace(0, 1, 50), Regression({})
    reference = (truth + np.where(np.arange(50) % 2, 0.1, -0.2))[:, np.newaxis].astype(np.float32)
    worse = (truth + 1.1 * (reference[:, 0] - truth))[:, np.newaxis].astype(np.float32)
    lost = task.paired_loss(truth, worse, reference)
    assert lost["points"] == pytest.approx(21.0, abs=0.01)
    assert lost["low"] == pytest.approx(21.0, abs=0.01)
    assert lost["high"] == pytest.approx(21.0, abs=0.01)
    assert task.paired_loss(truth, worse, reference) == lost


def test_a_reference_without_an_error_leaves_no_ratio() -> None:
    exact = np.zeros((3, 1), np.float32)
    with pytest.raises(UsageError, match="its MSE is 0"):
        Regression({}).paired_loss(np.zeros(3), exact, exact)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("path,value\n", "line 1: the columns are path, value"),
        ("picture,value\na.png,full\n", "line 2: value is 'full', not a number"),
        ("picture,value\na.png,1\n\na.png,2\n", "line 4: 'a.png' stands there already"),
        ("picture,value\na.png\n", "line 2: 1 fields"),
        ("picture,value\na.png,nan\n", "line 2: value is 'nan'"),
    ],
)
def test_a_bad_list_of_values_is_refused_with_its_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / TARGETS_FILE).write_text(content)
    with pytest.raises(UsageError, match=r"targets\.csv") as caught:
        read_targets(tmp_path)
    assert said in str(caught.value)
