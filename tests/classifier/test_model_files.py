"""The files of a model are checked before any interpreter sees them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.bundle.manifest import FileEntry, Manifest
from appliance.classifier.model_files import ModelFiles, read_model
from appliance.errors import ModelError
from appliance.preprocess import Preprocessing, TensorFormat

BODY = b"\x1c\x00\x00\x00TFL3" + bytes(range(256)) * 4
"""Nothing but the mark of a .tflite: this part of the program never looks further."""
DIGEST = hashlib.sha256(BODY).hexdigest()


def entry(content: bytes) -> FileEntry:
    return FileEntry(hashlib.sha256(content).hexdigest(), len(content))


def manifest(**changes: object) -> Manifest:
    files = {"model.tflite": entry(BODY), "labels.txt": entry(b"can\npet\n")}
    values = {
        "files": files,
        "preprocessing": Preprocessing(),
        "tensor": TensorFormat("uint8", 1 / 128, 128),
        **changes,
    }
    return Manifest("tiny", "1.2.3", **values)  # type: ignore[arg-type]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    place.mkdir()
    (place / "model.tflite").write_bytes(BODY)
    (place / "labels.txt").write_bytes(b"can\npet\n")
    (place / "manifest.json").write_bytes(manifest().to_bytes())
    return place


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "my.tflite"
    path.write_bytes(BODY)
    (tmp_path / "labels.txt").write_text("can\npet\n")
    return path


def refused(model: Path, labels: Path | None = None) -> ModelError:
    with pytest.raises(ModelError) as error:
        read_model(model, labels)
    assert error.value.exit_code == 12
    assert error.value.remedy
    return error.value


def test_a_directory_is_read_whole(directory: Path) -> None:
    files = read_model(directory, None)
    assert files == ModelFiles(directory / "model.tflite", ("can", "pet"), DIGEST, manifest())
    assert files.name == f"tiny 1.2.3 ({DIGEST[:8]})"


def test_a_bare_file_takes_its_labels_from_beside(bare: Path, tmp_path: Path) -> None:
    files = read_model(bare, tmp_path / "labels.txt")
    assert files == ModelFiles(bare, ("can", "pet"), DIGEST, None)
    assert files.name == f"my.tflite ({DIGEST[:8]})"


def test_other_files_of_the_bundle_are_checked_too(directory: Path) -> None:
    files = {**manifest().files, "golden/0.png": entry(b"picture")}
    (directory / "manifest.json").write_bytes(manifest(files=files).to_bytes())
    assert "golden/0.png" in str(refused(directory))
    (directory / "golden").mkdir()
    (directory / "golden" / "0.png").write_bytes(b"picture")
    assert read_model(directory, None).labels == ("can", "pet")


def test_a_file_that_the_manifest_does_not_name_is_nobodys_business(directory: Path) -> None:
    (directory / "README.md").write_text("hello")
    assert read_model(directory, None).digest == DIGEST


@pytest.mark.parametrize("name", ["model.tflite", "labels.txt", "manifest.json"])
def test_a_missing_file_is_named(directory: Path, name: str) -> None:
    (directory / name).unlink()
    assert name in str(refused(directory))


@pytest.mark.parametrize("name", ["model.tflite", "labels.txt"])
def test_a_truncated_file_is_told_by_its_length(directory: Path, name: str) -> None:
    content = (directory / name).read_bytes()
    (directory / name).write_bytes(content[:-1])
    assert f"{name} has {len(content) - 1} bytes, the manifest says {len(content)}" in str(refused(directory))


@pytest.mark.parametrize("name", ["model.tflite", "labels.txt"])
def test_a_changed_file_is_told_by_its_hash(directory: Path, name: str) -> None:
    content = bytearray((directory / name).read_bytes())
    content[-2] ^= 1
    (directory / name).write_bytes(content)
    assert f"{name} is not the file that the manifest describes" in str(refused(directory))


def test_a_model_for_another_task_is_refused(directory: Path) -> None:
    (directory / "manifest.json").write_bytes(manifest(task="regression").to_bytes())
    assert "regression" in str(refused(directory))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff" * 100])
def test_a_damaged_manifest_is_refused(directory: Path, content: bytes) -> None:
    (directory / "manifest.json").write_bytes(content)
    assert "manifest.json" in str(refused(directory))


def test_a_manifest_cannot_reach_out_of_its_directory(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    raw = json.loads(manifest().to_bytes())
    raw["files"]["../secret"] = {"sha256": hashlib.sha256(b"secret").hexdigest(), "length": 6}
    (directory / "manifest.json").write_text(json.dumps(raw))
    assert "../secret" in str(refused(directory))


def test_a_directory_wants_no_labels_from_elsewhere(directory: Path, tmp_path: Path) -> None:
    assert "remove classifier.labels" in str(refused(directory, tmp_path / "labels.txt"))


def test_a_directory_without_a_manifest_says_what_to_name_instead(directory: Path) -> None:
    (directory / "manifest.json").unlink()
    assert "name the .tflite itself" in str(refused(directory))


@pytest.mark.parametrize("name", ["absent", "absent/model.tflite", "x" * 300])
def test_what_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    assert name in str(refused(tmp_path / name))


def test_a_bare_file_without_labels_is_refused(bare: Path) -> None:
    assert "classifier.labels" in str(refused(bare))


def test_a_bare_file_whose_labels_are_not_there_is_refused(bare: Path, tmp_path: Path) -> None:
    assert "no-labels.txt" in str(refused(bare, tmp_path / "no-labels.txt"))


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x00" * 100, b"PK\x03\x04 a zip archive", b"\x1c\x00\x00\x00TFL2aaaa"]
)
def test_a_file_that_is_no_tflite_is_refused(bare: Path, tmp_path: Path, content: bytes) -> None:
    bare.write_bytes(content)
    assert "not a TensorFlow Lite file" in str(refused(bare, tmp_path / "labels.txt"))


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff\xfe")])
def test_labels_that_are_no_text_are_refused(bare: Path, tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "odd")
    assert "odd" in str(refused(bare, tmp_path / "odd")) or "UTF-8" in str(refused(bare, tmp_path / "odd"))
