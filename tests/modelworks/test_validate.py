"""`modelworks validate` measures every file of a run, reads the test pictures once and says how often it did."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra `train`")

from appliance.cli import main as appliance
from modelworks.classification import Classification
from modelworks.cli import main
from modelworks.dataset import decode_all
from modelworks.integrity import digests_of
from modelworks.latencies import Workstation
from modelworks.litert import LiteModel
from modelworks.progress import Report
from modelworks.runfolder import RunFolder
from modelworks.scoring import score_pictures
from modelworks.validating import Job, Plan, open_job, validate

pytestmark = pytest.mark.workstation

SETTINGS = ["--threads", "1,2", "--pictures", "20"]
FILES = ["float32", "dynamic", "int8-io"]


@pytest.fixture(scope="module")
def run(quantized_run: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A validated run."""
    folder = Path(shutil.copytree(quantized_run, tmp_path_factory.mktemp("validated") / "colours"))
    assert main(["validate", str(folder), *SETTINGS]) == 0
    return RunFolder(folder)


@pytest.fixture
def copy(quantized_run: Path, tmp_path: Path) -> RunFolder:
    """A run that is not validated and may be spoilt."""
    return RunFolder(Path(shutil.copytree(quantized_run, tmp_path / "run")))


def rows(run: RunFolder) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in run.read("validation.json")["rows"]}


def scores_of(run: RunFolder, name: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """(scores, truth), found without the code under test."""
    recipe, pictures = run.recipe(), getattr(run.split(), part)
    scores = LiteModel(run.tflite(name)).scores(decode_all(run.data_folder(), pictures), recipe.preprocessing)
    return scores, np.array([recipe.labels.index(picture.label) for picture in pictures])


def test_the_heading_says_what_was_measured_on_what(run: RunFolder) -> None:
    found, split = run.read("validation.json"), run.split()
    assert found["task"] == "classification"
    assert found["labels"] == ["blue", "green", "red"]
    assert found["test_reads"] == 1
    assert found["reference"] == "float32"
    assert found["latencies"] == {"source": "this workstation"}
    counts = {part: len(pictures) for part, pictures in split.parts().items()}
    assert found["pictures"] == counts | {"timed": counts["validation"]}
    assert found["machine"]["cores"] >= 1
    assert found["versions"]["ai-edge-litert"]
    assert [row["name"] for row in found["rows"]] == FILES


def test_accuracies_are_those_of_the_pictures(run: RunFolder) -> None:
    for name, row in rows(run).items():
        for part, key in (("test", "accuracy"), ("train", "train_accuracy"), ("validation", "validation_accuracy")):
            scores, truth = scores_of(run, name, part)
            assert (row[key]["right"], row[key]["n"]) == (int((scores.argmax(axis=1) == truth).sum()), len(truth))
            assert row[key]["low"] <= row[key]["value"] <= row[key]["high"]


def test_the_mistakes_are_all_the_wrong_ones_the_surest_first(run: RunFolder) -> None:
    for name, row in rows(run).items():
        scores, truth = scores_of(run, name, "test")
        paths = [picture.path for picture in run.split().test]
        wrong = {paths[i] for i in np.flatnonzero(scores.argmax(axis=1) != truth)}
        assert {each["picture"] for each in row["mistakes"]} == wrong
        assert len(row["mistakes"]) == row["accuracy"]["n"] - row["accuracy"]["right"]
        confidences = [each["confidence"] for each in row["mistakes"]]
        assert confidences == sorted(confidences, reverse=True)
        assert all(each["truth"] != each["guess"] for each in row["mistakes"])


def test_the_reference_loses_nothing_against_itself_and_stands_at_zero(run: RunFolder) -> None:
    reference = rows(run)["float32"]
    assert (reference["L"], reference["L_paper"], reference["agreement"]["value"]) == (0.0, 0.0, 1.0)
    for part in ("paired_loss", "validation_paired_loss"):
        assert (reference[part]["low"], reference[part]["points"], reference[part]["high"]) == (0.0, 0.0, 0.0)


def test_a_loss_is_the_difference_of_the_accuracies_with_an_interval_around_it(run: RunFolder) -> None:
    found = rows(run)
    for row in (found["dynamic"], found["int8-io"]):
        lost = 100 * (found["float32"]["accuracy"]["value"] - row["accuracy"]["value"])
        assert row["paired_loss"]["points"] == pytest.approx(lost, abs=0.02)
        assert row["paired_loss"]["low"] <= row["paired_loss"]["points"] <= row["paired_loss"]["high"]
        assert row["paired_loss"]["low"] < row["paired_loss"]["high"]


def test_l_takes_the_accuracy_of_the_validation_pictures(run: RunFolder) -> None:
    found = rows(run)
    base, row = found["float32"], found["int8-io"]
    costs = row["kb"] / base["kb"] + row["ms"]["median"] / base["ms"]["median"] - 2
    gain = row["validation_accuracy"]["value"] / base["validation_accuracy"]["value"] - 1
    assert row["L"] == pytest.approx(costs - gain, abs=1e-5)
    assert row["L_paper"] == pytest.approx(costs + gain, abs=1e-5)


def test_sizes_times_and_memory_are_those_of_the_files(run: RunFolder) -> None:
    for name, row in rows(run).items():
        assert row["bytes"] == run.tflite(name).stat().st_size
        assert row["kb"] == round(row["bytes"] / 1000, 1)
        assert 0 < row["compressed_kb"] < row["kb"]
        settings = [(each["threads"], each["kernels"]) for each in row["timings"]]
        assert settings == [(1, "default"), (2, "default"), (1, "reference")]
        assert all(0 < each["median"] <= each["p95"] for each in row["timings"])
        assert all(each["n"] == 20 for each in row["timings"])
        assert {key: row["timings"][0][key] for key in row["ms"]} == row["ms"]
        assert 10_000 < row["peak_memory_kb"] < 500_000


def test_the_test_pictures_are_counted_each_time_they_are_read(
    copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["validate", str(copy.path), *SETTINGS, "--recipe", "int8-io", "--train-pictures", "7"]
    assert main(argv) == 0
    assert "were read for" not in capsys.readouterr().out
    assert main([*argv, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == copy.read("validation.json")
    assert told["test_reads"] == 2
    assert told["pictures"]["train"] == 7
    assert [row["name"] for row in told["rows"]] == ["float32", "int8-io"]
    assert main(argv) == 0
    assert "The test pictures have been read 3 times" in " ".join(capsys.readouterr().out.split())


def test_the_work_announced_is_the_work_done(copy: RunFolder) -> None:
    job = Job(
        copy.data_folder(),
        copy,
        Classification(copy.recipe().labels),
        digests_of(copy),
        Workstation(),
        Plan((1,), 10),
    )
    opened, done = open_job(job), [0.0]
    announced = opened.units
    validate(opened, "", Report(done.append, lambda text: None))
    assert sum(done) == pytest.approx(announced)


def test_it_makes_no_difference_how_many_workers_look(run: RunFolder) -> None:
    """More than a piece of pictures, and one worker more than there are pictures in the last piece."""
    pictures = (run.split().train * 5)[:65]
    files, spec, folder = {"float32": run.tflite("float32")}, run.recipe().preprocessing, run.data_folder()
    one, three = (
        score_pictures(files, folder, pictures, spec, workers, lambda name, seen: None)["float32"] for workers in (1, 3)
    )
    assert one.shape == (65, 3)
    np.testing.assert_allclose(one, three, atol=1e-6)


@pytest.mark.parametrize(("ratio", "choice"), [(0.3, "int8-io"), (30.0, "dynamic")])
def test_the_target_s_times_change_the_choice(
    ratio: float, choice: str, copy: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "target.json"
    target.write_text(json.dumps({"machine": "a Pi", "ratios": {"float32": 1, "dynamic": 0.9, "int8-io": ratio}}))
    assert main(["validate", str(copy.path), *SETTINGS, "--latencies", str(target)]) == 0
    assert "what L takes, the ms of a Pi" in " ".join(capsys.readouterr().out.split())
    assert main(["select", str(copy.path)]) == 0
    assert copy.read("selection.json")["choice"] == choice
    assert copy.read("validation.json")["latencies"] == {"source": {"file": "target.json", "machine": "a Pi"}}


def test_a_real_bench_of_the_machine_is_taken_for_its_times(copy: RunFolder, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(64):
        cv2.imwrite(str(frames / f"{number}.png"), np.full((48, 64, 3), number, np.uint8))
    config = Path(__file__).parents[2] / "config.yaml"
    argv = ["bench", "-c", str(config), "--frames-from", str(frames), "--frames", "64", "--json"]
    argv += ["--rounds", "1", "--block", "3", "--starts", "0"]
    models = [each for name in FILES for each in ("--model", str(copy.tflite(name)))]
    printed = tmp_path / "bench.json"
    with printed.open("w") as file, contextlib.redirect_stdout(file):
        assert appliance([*argv, *models]) == 0
    assert main(["validate", str(copy.path), *SETTINGS, "--latencies", str(printed)]) == 0
    by_digest = {each["digest"]: each["invoke_ms"] for each in json.loads(printed.read_text())["models"]}
    for row in copy.read("validation.json")["rows"]:
        assert row["ms"]["median"] == by_digest[row["sha256"]]["p50"]


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["--threads", "0"], 2, "--threads 0"),
        (["--threads", "2,2"], 2, "--threads 2,2"),
        (["--threads", "many"], 2, "--threads many"),
        (["--pictures", "0"], 2, "below 1"),
        (["--train-pictures", "0"], 2, "below 1"),
        (["--recipe", "float16"], 2, "no float16 among the run's files: float32, dynamic, int8-io"),
        (["--latencies", "nowhere.json"], 2, "reading the latencies nowhere.json"),
        (["--task", "regression"], 2, "targets.csv"),
        (["--data", "nowhere"], 2, "there is no folder nowhere"),
    ],
)
def test_bad_input_is_refused_before_anything_is_read(
    argv: list[str], code: int, said: str, copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(copy.path), *argv]) == code
    assert said in capsys.readouterr().err
    assert not copy.has("test-reads.json")
    assert not copy.has("validation.json")


def test_a_file_that_changed_since_it_was_made_is_refused(copy: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    copy.tflite("int8-io").write_bytes(b"other")
    assert main(["validate", str(copy.path)]) == 12
    assert "it is not the file that `quantize` wrote" in capsys.readouterr().err
    copy.tflite("int8-io").unlink()
    assert main(["validate", str(copy.path)]) == 12
    assert "it is not there" in capsys.readouterr().err


def test_a_network_for_other_labels_is_refused(copy: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = copy.read("recipe.json")
    recipe["recipe"]["labels"].append("yellow")
    copy.write("recipe.json", recipe)
    assert main(["validate", str(copy.path)]) == 12
    assert "it has 3 outputs for 4 labels" in capsys.readouterr().err
    assert not copy.has("test-reads.json")


def test_a_reference_that_gets_nothing_right_is_refused_before_the_test_pictures_are_read(
    copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Labels turned about: whatever the network says is wrong."""
    recipe = copy.read("recipe.json")
    labels = recipe["recipe"]["labels"]
    recipe["recipe"]["labels"] = [*labels[1:], labels[0]]
    copy.write("recipe.json", recipe)
    assert main(["validate", str(copy.path), *SETTINGS]) == 2
    assert "its accuracy on 6 validation pictures is 0" in capsys.readouterr().err
    assert not copy.has("test-reads.json")


def test_a_folder_that_is_not_quantized_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(tmp_path)]) == 2
    assert "name a folder made by `modelworks train`" in capsys.readouterr().err
