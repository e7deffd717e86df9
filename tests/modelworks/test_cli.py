"""Bad input is refused with a sentence and an exit code, before a run folder is made or TensorFlow loaded."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelworks.cli import main
from modelworks.cli.command import given_command


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def refused(argv: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(argv) == code
    return capsys.readouterr().err


def test_an_empty_folder_is_refused(tmp_path: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    said = refused(["train", str(tmp_path / "empty"), "-o", str(run_folder)], 2, capsys)
    assert "no pictures in its sub-folders. Try: put the pictures of each class into its own folder" in said
    assert not run_folder.exists()


def test_missing_weights_are_a_model_error(
    pictures: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["train", str(pictures), "-o", str(run_folder), "--split", "pictures", "--weights", "nowhere.weights.h5"]
    said = refused(argv, 12, capsys)
    assert "reading the weights nowhere.weights.h5: No such file or directory" in said
    assert not run_folder.exists()


def test_an_unreadable_picture_is_refused(
    pictures: Path, tmp_path: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled = Path(shutil.copytree(pictures, tmp_path / "spoiled"))
    (spoiled / "red" / "red005.png").write_bytes(b"\x89PNG and no more")
    argv = ["train", str(spoiled), "-o", str(run_folder), "--split", "pictures", "--weights", "none"]
    assert "red/red005.png" in refused(argv, 2, capsys)
    assert not run_folder.exists()


@pytest.mark.parametrize("options", [["--json"], []], ids=["json", "table"])
def test_a_reader_that_has_heard_enough_is_neither_a_traceback_nor_a_verdict(
    options: list[str], pictures: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.png"
    command = [sys.executable, "-m", "modelworks", "data", "check", str(pictures), "-o", str(sheet), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        said = child.stderr.read().decode()
    assert child.returncode == 141
    assert "Traceback" not in said
    assert sheet.exists()


@pytest.mark.parametrize(
    "wrong",
    [["--alpha", "0"], ["--size", "16"], ["--test", "1"], ["--scale", "2"], ["--epochs", "-1"], ["--batch", "1"]],
)
def test_a_value_out_of_range_is_refused(
    wrong: list[str], pictures: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["train", str(pictures), "-o", str(run_folder), "--split", "pictures", "--weights", "none", *wrong]
    assert "reading the command line" in refused(argv, 2, capsys)
    assert not run_folder.exists()


def test_a_folder_with_other_things_in_it_is_left_alone(
    pictures: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder.mkdir()
    (run_folder / "thesis.txt").write_text("mine")
    argv = ["train", str(pictures), "-o", str(run_folder), "--split", "pictures", "--weights", "none"]
    assert "is there already and is no run folder" in refused(argv, 2, capsys)
    assert [each.name for each in run_folder.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("argv", [["quantize"], ["pack", "--name", "a", "--version", "1.0.0", "-o", "out"]])
def test_a_folder_that_is_no_run_is_refused(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused([argv[0], str(tmp_path), *argv[1:]], 2, capsys)
    assert "name a folder made by `modelworks train`" in said


def test_the_command_is_kept_without_the_paths_of_the_machine() -> None:
    argv = ["train", "/home/somebody/data/glass/", "-o", "runs/one", "--weights", "/tmp/w.h5", "--seed", "3"]
    assert given_command(argv) == "modelworks train glass -o one --weights w.h5 --seed 3"
    assert given_command(["train", "data/", "--fold", "1/5"]) == "modelworks train data --fold 1/5"


@pytest.mark.parametrize("command", ["data", "train", "join", "quantize", "validate", "select", "classify", "pack"])
def test_help_teaches_without_loading_tensorflow(command: str) -> None:
    program = f"""
import sys
from modelworks.cli import main
try:
    main([{command!r}, "--help"])
finally:
    assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    paths = [path for path in sys.path if path]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": ":".join(paths)}, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: modelworks {command}" in done.stdout
