"""A model is shown pictures by hand: the machine's answer, or a sentence about what is wrong."""

import json
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from appliance.classifier.tflite import TFLiteClassifier, TFLiteOptions
from appliance.files import sha256_of
from modelworks.cli import main
from modelworks.dataset import read_pixels

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "chamber5"
LABELS = tuple((MODEL / "labels.txt").read_text(encoding="utf-8").split())


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """A folder of four pictures: three in it, one in a folder below."""
    folder = tmp_path / "shots"
    (folder / "deep").mkdir(parents=True)
    for number, value in enumerate((20, 90, 160)):
        pixels = np.random.default_rng(number).integers(value, value + 60, (48, 64, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"shot{number}.png"), pixels)
    shutil.copy(folder / "shot0.png", folder / "deep" / "shot3.PNG")
    return folder


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The shipped file alone in a folder, with neither labels nor manifest."""
    (tmp_path / "bare").mkdir()
    return Path(shutil.copy(MODEL / "model.tflite", tmp_path / "bare" / "network.tflite"))


def told(argv: Sequence[str | Path], capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    assert main(["classify", *map(str, argv), "--json"]) == code
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def refused(argv: Sequence[str | Path], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["classify", *map(str, argv)]) == code
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_the_answer_is_the_machines_own(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = told([MODEL, shots, "--top", "99"], capsys)
    assert answer["sha256"] == sha256_of(MODEL / "model.tflite")
    machine = TFLiteClassifier(TFLiteOptions(kind="tflite", model=MODEL))
    assert [row["picture"] for row in answer["pictures"]] == [
        str(shots / name) for name in ("deep/shot3.PNG", "shot0.png", "shot1.png", "shot2.png")
    ]
    for row in answer["pictures"]:
        pixels = read_pixels(Path(row["picture"]))
        assert pixels is not None
        expected = machine.classify(pixels)
        assert (row["label"], row["confidence"]) == (expected.label, round(expected.confidence, 4))
        scores = {each["label"]: each["score"] for each in row["top"]}
        assert scores == {label: round(score, 4) for label, score in zip(LABELS, expected.scores, strict=True)}
        assert list(scores.values()) == sorted(scores.values(), reverse=True)


@pytest.mark.parametrize("given", ["--labels", "labels.txt beside", "manifest beside", "run folder"])
def test_labels_are_found_wherever_they_are(
    given: str, shots: Path, bare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = told([MODEL, shots], capsys)["pictures"]
    argv: list[str | Path] = [bare, shots]
    if given == "--labels":
        argv += ["--labels", MODEL / "labels.txt"]
    elif given == "labels.txt beside":
        shutil.copy(MODEL / "labels.txt", bare.parent)
    elif given == "manifest beside":
        argv[0] = MODEL / "model.tflite"
    else:
        recipe = json.loads((MODEL / "recipe.json").read_bytes())
        (bare.parent / "recipe.json").write_text(json.dumps({"recipe": recipe.get("recipe", recipe)}))
    answer = told(argv, capsys)
    assert answer["labels"] == list(LABELS)
    assert answer["pictures"] == expected


def test_top_says_how_many_labels_are_shown(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", str(MODEL), str(shots / "shot0.png"), "--top", "1"]) == 0
    shown = capsys.readouterr().out
    assert sum(shown.count(label) for label in LABELS) == 1
    assert main(["classify", str(MODEL), str(shots / "shot0.png"), "--top", "3"]) == 0
    shown = capsys.readouterr().out
    assert sum(shown.count(label) for label in LABELS) == 3


def test_unreadable_pictures_are_named_and_the_others_answered(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (shots / "shot1.png").read_bytes()
    (shots / "shot1.png").write_bytes(whole[: len(whole) // 2])
    (shots / "shot2.png").write_bytes(b"")
    assert main(["classify", str(MODEL), str(shots), "--json"]) == 1
    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert answer["unreadable"] == [str(shots / "shot1.png"), str(shots / "shot2.png")]
    assert len(answer["pictures"]) == 2
    assert f"{shots / 'shot2.png'}: cannot be read as a picture" in said.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nowhere.tflite", "shots"], "there is no such file"),
        (["empty", "shots"], "no manifest.json in it"),
        (["bare", "shots"], "a folder with network.tflite. Try: name one of the files"),
        ([str(MODEL), "nowhere.jpg"], "there is no nowhere.jpg"),
        ([str(MODEL), "empty"], "none in empty"),
        ([str(MODEL), "shots", "--top", "0"], "--top 0"),
        ([str(MODEL), "shots", "--labels", "labels.txt"], "it has labels of its own"),
        (["bare/network.tflite", "shots", "--labels", "labels.txt"], "reading the labels labels.txt"),
    ],
)
def test_what_is_not_there_is_a_usage_error(
    argv: list[str],
    said: str,
    shots: Path,
    bare: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "empty").mkdir()
    assert said in refused(argv, 2, capsys)


def test_labels_that_do_not_fit_are_a_model_error(
    shots: Path, bare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing names its labels" in refused([bare, shots], 12, capsys)
    labels = tmp_path / "mine.txt"
    for content, said in (
        ("\n".join(LABELS[1:]), f"it has {len(LABELS)} outputs, and there are {len(LABELS) - 1} labels"),
        ("a\na\n", "'a' comes twice"),
        ("", "it is empty"),
    ):
        labels.write_text(content)
        assert said in refused([bare, shots, "--labels", labels], 12, capsys)
    labels.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in refused([bare, shots, "--labels", labels], 12, capsys)


def test_a_changed_model_directory_is_refused(shots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path(shutil.copytree(MODEL, tmp_path / "copy"))
    with (copy / "model.tflite").open("r+b") as file:
        file.seek(5000)
        file.write(b"\0\1\2\3")
    assert "model.tflite is not the file that the manifest describes" in refused([copy, shots], 12, capsys)


@pytest.mark.parametrize("damage", ["empty", "cut in half", "cut at the end", "text", "random", "flipped"])
def test_a_damaged_file_is_refused_and_does_not_crash(
    damage: str, shots: Path, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, rng = bare.read_bytes(), random.Random(damage)
    flipped = bytearray(whole)
    for _ in range(300):
        flipped[rng.randrange(8, 4000)] = rng.randrange(256)
        flipped[-rng.randrange(1, 60_000)] = rng.randrange(256)
    damaged = {
        "empty": b"",
        "cut in half": whole[: len(whole) // 2],
        "cut at the end": whole[:-2000],
        "text": b"not a model\n" * 99,
        "random": b"\x1c\0\0\0TFL3" + rng.randbytes(9000),
        "flipped": bytes(flipped),
    }
    bare.write_bytes(damaged[damage])
    shutil.copy(MODEL / "labels.txt", bare.parent)
    assert "network.tflite" in refused([bare, shots], 12, capsys)


def test_a_file_that_crashes_the_interpreter_does_not_take_this_process_with_it(
    shots: Path, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The child here is a program that crashes as a bad file can crash the interpreter."""
    child = tmp_path / "python"
    child.write_text("#!/bin/sh\nkill -SEGV $$\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    shutil.copy(MODEL / "labels.txt", bare.parent)
    assert "the file crashes the interpreter (SIGSEGV)" in refused([bare, shots], 12, capsys)


Make = Callable[[str], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a network by what is special about it, with two labels beside it."""
    tf = pytest.importorskip("tensorflow", reason="needs the extra `train`")

    def mean(picture: Any, factor: float = 1.0) -> Any:
        """Two scores that grow and fall with the first channel, shape (1, 2)."""
        value = tf.reduce_mean(picture[..., :1], axis=[1, 2])
        return factor * tf.concat([value, -value], axis=1)

    networks: dict[str, tuple[list[list[int]], Callable[..., Any]]] = {
        "logits": ([[1, 16, 16, 3]], lambda picture: mean(picture, 5.0)),
        "nan": ([[1, 16, 16, 3]], lambda picture: tf.math.log(mean(picture) - 10.0)),
        "two inputs": ([[1, 16, 16, 3], [1, 16, 16, 3]], lambda one, other: mean(one) + mean(other)),
        "two outputs": ([[1, 16, 16, 3]], lambda picture: (mean(picture), mean(picture, 2.0))),
        "one output": ([[1, 16, 16, 3]], lambda picture: mean(picture)[:, :1]),
        "grey": ([[1, 16, 16, 1]], mean),
        "vector": ([[1, 48]], lambda values: values[:, :2] * 2.0),
        "map": ([[1, 16, 16, 3]], lambda picture: picture * 2.0),
    }

    def write(kind: str) -> Path:
        shapes, function = networks[kind]
        signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        concrete = tf.function(function).get_concrete_function(*signature)
        path = tmp_path / f"{kind.replace(' ', '-')}.tflite"
        path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
        (tmp_path / "labels.txt").write_text("bright\ndark\n")
        return path

    return write


@pytest.mark.workstation
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("two inputs", "2 inputs and 1 outputs"),
        ("two outputs", "1 inputs and 2 outputs"),
        ("one output", "the output is (1, 1), not (1, classes)"),
        ("grey", "the input is (1, 16, 16, 1), not (1, height, width, 3)"),
        ("vector", "the input is (1, 48), not (1, height, width, 3)"),
        ("map", "the output is (1, 16, 16, 3), not (1, classes)"),
    ],
)
def test_a_model_that_is_no_classifier_of_pictures_is_refused(
    kind: str, said: str, make: Make, shots: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused([make(kind), shots], 12, capsys)


@pytest.mark.workstation
def test_logits_become_probabilities(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    white = tmp_path / "white.png"
    cv2.imwrite(str(white), np.full((20, 20, 3), 255, np.uint8))
    (row,) = told([make("logits"), white], capsys)["pictures"]
    assert (row["label"], row["confidence"]) == ("bright", 1.0)
    assert sum(each["score"] for each in row["top"]) == pytest.approx(1)


@pytest.mark.workstation
def test_a_network_that_gives_nan_says_nothing(make: Make, shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make("nan")
    assert [(row["label"], row["top"]) for row in told([path, shots], capsys)["pictures"]] == [(None, [])] * 4
    assert main(["classify", str(path), str(shots)]) == 0
    assert capsys.readouterr().out.count("NaN or infinity") == 4
