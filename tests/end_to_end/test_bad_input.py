"""Each bad input: a clear message, its exit code, nothing moved; `diagnose` names it too."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ROOT, SCRIPTED, ConfigFile, TwinControl, appliance

from appliance.twin import read_log

MODEL = ROOT / "models" / "chamber5"


def refused(config_file: ConfigFile, twin: TwinControl, code: int, *words: str) -> None:
    """`run` ends with the code and the words, nothing moved; `diagnose` ends with the same code and says it too."""
    done = appliance("run", "-c", str(config_file.path), "--json")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    if twin.log.exists():
        assert read_log(twin.log) == []
    looked = appliance("diagnose", "--json", "-c", str(config_file.path))
    findings = json.loads(looked.stdout)["findings"]
    assert looked.returncode == code, findings
    failures = [one for one in findings if one["verdict"] == "fail"]
    assert any(words[0] in one["evidence"] for one in failures), failures


@pytest.fixture(autouse=True)
def far_end(twin: TwinControl) -> TwinControl:
    twin.start("--delay", "0")
    return twin


def test_a_missing_model(config_file: ConfigFile, twin: TwinControl) -> None:
    config_file.change(classifier={"model": "models/none"})
    refused(config_file, twin, 12, "No such file or directory", "set classifier.model")


def test_a_truncated_model(config_file: ConfigFile, twin: TwinControl, tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "model")
    content = (MODEL / "model.tflite").read_bytes()
    (tmp_path / "model" / "model.tflite").write_bytes(content[: len(content) // 2])
    config_file.change(classifier={"model": str(tmp_path / "model")})
    refused(config_file, twin, 12, "the manifest says", "copy the model again")


@pytest.mark.parametrize("keep", [8, 20, 1000, 100_000, 500_000])
def test_a_truncated_bare_model(keep: int, config_file: ConfigFile, twin: TwinControl, tmp_path: Path) -> None:
    (tmp_path / "bare.tflite").write_bytes((MODEL / "model.tflite").read_bytes()[:keep])
    config_file.change(
        classifier={"model": str(tmp_path / "bare.tflite"), "labels": str(MODEL / "labels.txt")},
    )
    done = appliance("run", "-c", str(config_file.path), "--json")

    assert done.returncode == 12, done.stderr
    assert "bare.tflite" in done.stderr
    assert read_log(twin.log) == []


def test_a_model_with_another_number_of_labels(config_file: ConfigFile, twin: TwinControl, tmp_path: Path) -> None:
    labels = (MODEL / "labels.txt").read_text().splitlines()
    (tmp_path / "labels.txt").write_text("\n".join(labels[:-1]) + "\n")
    config_file.change(classifier={"model": str(MODEL / "model.tflite"), "labels": str(tmp_path / "labels.txt")})
    refused(config_file, twin, 12, f"but labels.txt has {len(labels) - 1} labels")


def test_a_label_without_a_bin(config_file: ConfigFile, twin: TwinControl) -> None:
    bins = config_file.values["decision"]["bins"]
    bins["plastic"]["labels"] = ["pet-bottle"]
    config_file.write()
    refused(config_file, twin, 78, "the model's label 'hdpe-bottle' is in no bin", "decision.bins")


def test_a_camera_that_is_not_there(config_file: ConfigFile, twin: TwinControl) -> None:
    config_file.change(camera={"kind": "opencv", "device": 93})
    refused(config_file, twin, 10, "/dev/video93 does not exist", "plug the camera in")


def test_a_folder_without_pictures(config_file: ConfigFile, twin: TwinControl, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    config_file.change(camera={"path": str(tmp_path / "none")})
    refused(config_file, twin, 10, "no pictures in it")


def test_a_serial_port_that_is_not_there(config_file: ConfigFile, twin: TwinControl) -> None:
    config_file.change(sorter={"port": "/dev/ttyUSB93"})
    refused(config_file, twin, 11, "it does not exist", "plug the board in")


def test_a_serial_port_that_another_program_holds(config_file: ConfigFile, twin: TwinControl) -> None:
    import serial

    with serial.Serial(str(twin.link), exclusive=True):
        refused(config_file, twin, 11, "held by python", f"(pid {os.getpid()})")


def test_a_state_directory_that_cannot_be_written(config_file: ConfigFile, twin: TwinControl) -> None:
    config_file.change(machine={"state_dir": "/proc/appliance"})
    refused(config_file, twin, 13, "/proc/appliance", "set machine.state_dir")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_state_directory(config_file: ConfigFile, twin: TwinControl, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(790_000))
    config_file.change(machine={"state_dir": str(small_disk)})
    refused(config_file, twin, 13, "No space left on device", "free some space")


def test_a_disk_that_fills_up_stops_the_movements_and_loses_nothing(
    config_file: ConfigFile, twin: TwinControl, small_disk: Path
) -> None:
    (small_disk / "ballast").write_bytes(bytes(250_000))
    config_file.change(
        machine={"state_dir": str(small_disk)},
        classifier=SCRIPTED,
        camera={"kind": "folder", "path": str(ROOT / "pictures" / "chamber"), "loop": True},
        journal={"give_up_s": 1.0},
        evidence={"keep": "none"},
    )
    done = appliance("run", "-c", str(config_file.path), "--json")
    assert done.returncode == 13, done.stderr
    assert "writing the journal" in done.stderr
    (small_disk / "ballast").unlink()
    again = appliance("run", "-c", str(config_file.path), "--json", "--items", "1")
    assert again.returncode == 0, again.stderr

    from appliance.agreement import compare
    from appliance.history import open_history

    with open_history(small_disk) as history:
        rows = list(history.items())
    found = compare(rows, read_log(twin.log), {"rest": 0, "cans": 1, "glass": 2, "plastic": 3})
    assert found.contradictions == ()
    assert found.commands >= 5


def test_a_corrupt_picture_is_counted_skipped_and_sorted_on(
    config_file: ConfigFile, twin: TwinControl, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    good = sorted((ROOT / "pictures" / "chamber").rglob("*.jpg"))[:4]
    for number, path in enumerate(good):
        shutil.copy(path, folder / f"{number}-good.jpg")
    content = good[0].read_bytes()
    (folder / "1-half.jpg").write_bytes(content[: len(content) // 2])
    (folder / "2-empty.jpg").write_bytes(b"")
    (folder / "3-text.png").write_text("this is no picture")
    config_file.change(camera={"path": str(folder)})
    done = appliance("run", "-c", str(config_file.path), "--json")
    looked = appliance("diagnose", "--json", "-c", str(config_file.path))

    summary = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, summary["items"], summary["skipped"]) == (0, 4, 3)
    events = appliance("history", "events", "-c", str(config_file.path)).stdout
    for name in ("1-half.jpg", "2-empty.jpg", "3-text.png"):
        assert name in done.stderr
        assert name in events
    assert "3 unreadable: 1-half.jpg, 2-empty.jpg, 3-text.png" in looked.stdout


def test_nan_scores_go_to_the_reject_bin(config_file: ConfigFile, twin: TwinControl) -> None:
    config_file.change(classifier={**SCRIPTED, "answers": [{"label": None}]})
    done = appliance("run", "-c", str(config_file.path), "--items", "6", "--json")
    looked = appliance("diagnose", "--json", "-c", str(config_file.path))

    summary = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, summary["rejected"]) == (0, 6)
    assert [record["channel"] for record in read_log(twin.log)] == [0] * 6
    assert looked.returncode == 12
    assert "gives NaN or infinity" in looked.stdout


def test_an_unknown_command_line_is_usage(config_file: ConfigFile) -> None:
    assert appliance("run", "--nonsense").returncode == 2
    assert appliance("nonsense").returncode == 2
    assert appliance("run", "--items", "0", "-c", str(config_file.path)).returncode == 2
