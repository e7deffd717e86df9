"""What would falsify a result is found before a training, named, and told by the exit code."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import scene

from modelworks.cli import main
from modelworks.dataset import list_pictures
from modelworks.runfolder import RunFolder
from modelworks.split import SplitPlan, split_pictures

PER_CLASS = 60
CLASSES = ("glass", "metal", "paper")


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of sixty different pictures, with nothing wrong."""
    folder = tmp_path_factory.mktemp("data") / "sound"
    for place, label in enumerate(CLASSES):
        (folder / label).mkdir(parents=True)
        for number in range(PER_CLASS):
            path = folder / label / f"{label}{number:03d}.jpg"
            cv2.imwrite(str(path), scene(1000 * place + number))
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(sound, tmp_path / "copy"))


def checked(folder: Path, capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> dict[str, Any]:
    """The JSON of `data check`, and its findings by name."""
    assert main(["data", "check", str(folder), "--json", *options]) == code
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == code
    return told | {"by_check": {finding["check"]: finding for finding in told["findings"]}}


def part_of(folder: Path) -> dict[str, str]:
    parts = split_pictures(list_pictures(folder).pictures, SplitPlan()).parts()
    return {picture.path: part for part, chosen in parts.items() for picture in chosen}


def shot_again(folder: Path, of: str, to: str) -> None:
    """Write the picture `of` once more, in other bytes."""
    pixels = cv2.imread(str(folder / of))
    cv2.imwrite(str(folder / to), np.clip(pixels * 0.9 + 8, 0, 255).astype(np.uint8))


def test_sound_pictures_pass(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = checked(sound, capsys)
    assert {name: finding["verdict"] for name, finding in told["by_check"].items()} == dict.fromkeys(
        [
            *("files", "labels", "copies", "classes", "sizes", "split"),
            *("near duplicates", "across labels", "across parts"),
        ],
        "ok",
    )
    assert told["classes"]["glass"] == {"pictures": 60, "train": 20, "validation": 20, "test": 20}
    assert told["near_duplicates"] == []
    assert told["by_check"]["classes"]["evidence"] == "3 classes of 60 pictures each"
    assert told["sizes"] == {"min": [160, 120], "median": [160, 120], "max": [160, 120], "odd": []}


def run_without_check(folder: Path, place: Path, parts: dict[str, str]) -> str:
    """A run folder whose split was made without looking for near duplicates, as versions before did."""
    own: dict[str, dict[str, str]] = {"train": {}, "validation": {}, "test": {}}
    for picture in list_pictures(folder).pictures:
        own[parts[picture.path]][picture.path] = picture.sha256
    (place / "run").mkdir()
    RunFolder(place / "run").write("split.json", own)
    return str(place / "run")


def test_a_near_duplicate_binds_two_blocks_and_then_crosses_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = part_of(folder)
    metal = [path for path in parts if "metal" in path]
    learned, tested = (next(path for path in metal if parts[path] == part) for part in ("train", "test"))
    shot_again(folder, learned, tested)
    # Three blocks a class: with two of them bound, three parts are one too many.
    told = checked(folder, capsys, "--block", "5")
    (pair,) = told["near_duplicates"]
    assert pair["parts"][0] == pair["parts"][1]


def test_a_near_duplicate_across_the_parts_fails(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = part_of(folder)
    metal = [path for path in parts if "metal" in path]
    learned, tested = (next(path for path in metal if parts[path] == part) for part in ("train", "test"))
    shot_again(folder, learned, tested)
    told = checked(folder, capsys, "--run", run_without_check(folder, tmp_path, parts), code=1)
    (pair,) = told["near_duplicates"]
    assert sorted(zip(pair["pictures"], pair["parts"], strict=True)) == sorted([(learned, "train"), (tested, "test")])
    assert (pair["across_parts"], pair["across_labels"]) == (True, False)
    assert told["with_near_duplicate_in_train"] == {"validation": [], "test": [tested]}
    assert told["by_check"]["across parts"]["verdict"] == "fail"
    assert "0 of 60 validation pictures and 1 of 60 test pictures" in told["by_check"]["across parts"]["evidence"]


def test_a_near_duplicate_within_a_part_is_told_and_does_no_harm(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shot_again(folder, "metal/metal000.jpg", "metal/metal001.jpg")
    told = checked(folder, capsys)
    assert [pair["pictures"] for pair in told["near_duplicates"]] == [["metal/metal000.jpg", "metal/metal001.jpg"]]
    assert told["by_check"]["near duplicates"]["evidence"] == "1 pair, 1 of them within one part"


def test_a_near_duplicate_under_another_label_is_a_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = part_of(folder)
    other = next(path for path in parts if parts[path] == parts["metal/metal000.jpg"] and "paper" in path)
    shot_again(folder, "metal/metal000.jpg", other)
    told = checked(folder, capsys)
    assert told["by_check"]["across labels"]["verdict"] == "warn"
    assert other in told["by_check"]["across labels"]["evidence"]


def test_a_smaller_distance_compares_less(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = cv2.imread(str(folder / "metal" / "metal000.jpg"))
    cv2.imwrite(str(folder / "metal" / "metal001.jpg"), pixels[4:-4, 5:-5])
    (pair,) = checked(folder, capsys)["near_duplicates"]
    assert pair["distance"] > 4
    assert checked(folder, capsys, "--distance", "4")["near_duplicates"] == []


def test_the_split_of_a_run_is_the_one_that_counts(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pair lies within one block; the run had split picture by picture."""
    shot_again(folder, "metal/metal000.jpg", "metal/metal001.jpg")
    pictures = list_pictures(folder).pictures
    paths = {picture.path: picture.sha256 for picture in pictures}
    moved = {
        "metal/metal001.jpg": paths.pop("metal/metal001.jpg"),
        "paper/paper001.jpg": paths.pop("paper/paper001.jpg"),
    }
    validation = {"glass/glass001.jpg": paths.pop("glass/glass001.jpg")}
    run = tmp_path / "run"
    run.mkdir()
    RunFolder(run).write("split.json", {"train": paths, "validation": validation, "test": moved})
    told = checked(folder, capsys, "--run", str(run), code=1)
    assert told["with_near_duplicate_in_train"]["test"] == ["metal/metal001.jpg"]
    assert told["classes"]["metal"] == {"pictures": 60, "train": 59, "validation": 0, "test": 1}


def test_a_folder_that_changed_since_the_run_fails(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = split_pictures(list_pictures(folder).pictures, SplitPlan()).parts()
    run = tmp_path / "run"
    run.mkdir()
    RunFolder(run).write("split.json", {part: {one.path: one.sha256 for one in own} for part, own in parts.items()})
    (folder / "metal" / "metal003.jpg").rename(folder / "metal" / "other003.jpg")
    checked(folder, capsys, "--run", str(run))
    (folder / "metal" / "other003.jpg").unlink()
    cv2.imwrite(str(folder / "metal" / "metal990.jpg"), scene(77))
    evidence = checked(folder, capsys, "--run", str(run), code=1)["by_check"]["split"]["evidence"]
    assert evidence.endswith("; 1 gone: metal/metal003.jpg; 1 new: metal/metal990.jpg")


def test_unreadable_files_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "glass" / "glass001.jpg").write_bytes(b"")
    (folder / "glass" / "glass002.jpg").write_bytes(b"not a picture")
    whole = (folder / "metal" / "metal005.jpg").read_bytes()
    (folder / "metal" / "metal005.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "paper" / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    told = checked(folder, capsys, code=1)
    assert told["unreadable"] == ["glass/glass001.jpg", "glass/glass002.jpg", "metal/metal005.jpg", "paper/gone.jpg"]
    assert told["pictures"] == 3 * PER_CLASS - 3
    assert told["by_check"]["files"]["evidence"] == (
        "4 cannot be read: glass/glass001.jpg, glass/glass002.jpg, metal/metal005.jpg, "
        "paper/gone.jpg (No such file or directory)"
    )


def test_a_class_of_which_nothing_can_be_read_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, path in enumerate(sorted((folder / "paper").iterdir())):
        path.write_bytes(f"{number}".encode())
    told = checked(folder, capsys, code=1)
    assert told["classes"]["paper"] == {"pictures": 0, "train": 0, "validation": 0, "test": 0}
    assert "from 0 pictures of paper" in told["by_check"]["classes"]["evidence"]


def test_nothing_readable_at_all_is_told(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, path in enumerate(sorted(folder.glob("*/*"))):
        path.write_bytes(f"{number}".encode())
    told = checked(folder, capsys, "-o", str(tmp_path / "sheet.png"), code=1)
    assert (told["pictures"], len(told["unreadable"])) == (0, 3 * PER_CLASS)


def test_copies_warn_and_two_labels_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(folder / "glass" / "glass003.jpg", folder / "glass" / "glass070.jpg")
    told = checked(folder, capsys)
    assert told["copies"] == [["glass/glass003.jpg", "glass/glass070.jpg"]]
    assert told["by_check"]["copies"]["verdict"] == "warn"
    shutil.copy(folder / "glass" / "glass003.jpg", folder / "metal" / "metal070.jpg")
    told = checked(folder, capsys, code=1)
    assert told["two_labels"] == [["glass/glass003.jpg", "glass/glass070.jpg", "metal/metal070.jpg"]]
    assert told["by_check"]["labels"]["verdict"] == "fail"


def test_an_odd_size_and_a_small_class_are_warnings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((folder / "paper").iterdir())[6:]:
        path.unlink()
    cv2.imwrite(str(folder / "glass" / "glass071.jpg"), scene(71).transpose(1, 0, 2))
    cv2.imwrite(str(folder / "glass" / "glass072.jpg"), cv2.resize(scene(72), None, fx=3, fy=3))
    told = checked(folder, capsys, "--block", "2")
    assert told["sizes"]["odd"] == ["glass/glass071.jpg", "glass/glass072.jpg"]
    assert {name for name, finding in told["by_check"].items() if finding["verdict"] == "warn"} == {
        "classes",
        "sizes",
        "split",
    }
    assert told["by_check"]["split"]["evidence"].endswith("few to test: paper (2)")


@pytest.mark.parametrize(
    ("name", "found"), [("glass-of-water.jpg", "has no number in its name"), ("glass070.jpg", "three parts need three")]
)
def test_pictures_that_cannot_be_split_are_a_finding(
    name: str, found: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "metal" / "metal001.jpg").rename(folder / "metal" / name)
    told = checked(folder, capsys, "--block", "20" if "-" in name else "1000", code=1)
    assert found in told["by_check"]["split"]["evidence"]
    assert told["by_check"]["across parts"]["verdict"] == "warn"
    assert checked(folder, capsys, "--split", "pictures")["pictures"] == 3 * PER_CLASS


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["nowhere"], 2, "it is not a folder"),
        (["empty"], 2, "no pictures in its sub-folders"),
        (["one"], 2, "only one class, 'glass'"),
        (["copy", "--distance", "300"], 2, "--distance 300"),
        (["copy", "--test", "1"], 2, "the shares leave nothing to train on"),
        (["copy", "--run", "empty"], 2, "name a folder made by `modelworks train`"),
        (["copy", "-o", "sheet.gif"], 2, "sheet.gif is no picture's name"),
        (["copy", "-o", "nowhere/sheet.png"], 2, "there is no folder nowhere"),
        (["copy", "-o", "folder.png"], 13, "writing folder.png"),
    ],
)
def test_what_makes_no_sense_is_refused(
    argv: list[str],
    code: int,
    said: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "one/glass", "folder.png"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(folder / "glass" / "glass001.jpg", tmp_path / "one" / "glass" / "glass001.jpg")
    assert main(["data", "check", *argv]) == code
    assert said in capsys.readouterr().err


def test_a_person_reads_verdicts_evidence_and_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(folder / "glass" / "glass003.jpg", folder / "metal" / "metal070.jpg")
    assert main(["data", "check", str(folder)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "metal 33.5% 60 20 20 20" in said
    assert "1 file(s) under two labels: glass/glass003.jpg = metal/metal070.jpg → keep each under the label" in said
    assert said.endswith("copy: mend this before you believe a result: labels")


def test_the_sheet_shows_every_class_and_frames_what_crosses(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / name for name in ("first.png", "again.png", "other.png", "crossing.png")]
    for path, seed in zip(paths[:3], ("1", "1", "2"), strict=True):
        checked(folder, capsys, "-o", str(path), "--seed", seed)
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()
    parts = part_of(folder)
    learned, tested = (next(path for path in parts if parts[path] == part) for part in ("train", "test"))
    shot_again(folder, learned, tested)
    checked(folder, capsys, "-o", str(paths[3]), "--run", run_without_check(folder, tmp_path, parts), code=1)
    sound, crossing = (cv2.imread(str(path)) for path in (paths[0], paths[3]))
    assert crossing.shape[0] > sound.shape[0]
    alarm = np.array([40, 40, 200])
    assert (crossing[sound.shape[0] :] == alarm).all(axis=2).sum() > 2 * 2 * 2 * 100
    assert not (sound == alarm).all(axis=2).any()


def test_help_says_what_the_exit_code_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["data", "check", "--help"])
    assert "1 if a result on these pictures cannot be believed" in capsys.readouterr().out


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from([".jpg", ".png", ".webp", ".bmp"]),
    cut=st.floats(0.02, 0.98),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=6),
    tail=st.binary(max_size=40),
)
def test_any_bytes_at_all_are_reported_and_never_crash(
    suffix: str,
    cut: float,
    flips: list[tuple[float, int]],
    tail: bytes,
    sound: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One file cut short, one with flipped bytes, one of random bytes, among good ones."""
    folder = tmp_path_factory.mktemp("fuzz") / "data"
    for label in ("glass", "metal"):
        (folder / label).mkdir(parents=True)
        for number in (1, 21, 41):
            shutil.copy(sound / label / f"{label}{number:03d}.jpg", folder / label)
    whole = cv2.imencode(suffix, scene(7))[1].tobytes()
    (folder / "glass" / f"cut61{suffix}").write_bytes(whole[: int(cut * len(whole))])
    flipped = bytearray(whole)
    for place, change in flips:
        flipped[int(place * len(whole))] ^= change
    (folder / "glass" / f"flipped81{suffix}").write_bytes(flipped)
    (folder / "metal" / f"random61{suffix}").write_bytes(tail)
    told = checked(folder, capsys, code=1)
    assert f"glass/cut61{suffix}" in told["unreadable"]
    assert f"metal/random61{suffix}" in told["unreadable"]
    assert told["pictures"] + len(told["unreadable"]) == 9
