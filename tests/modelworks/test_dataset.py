"""A folder of pictures is read whole, or refused with the names of what is wrong."""

import shutil
import struct
import zlib
from pathlib import Path

import pytest

from appliance.errors import UsageError
from modelworks.dataset import decode_all, fingerprint, labels_of, list_pictures


@pytest.fixture
def folder(pictures: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(pictures, tmp_path / "copy"))


def test_every_picture_is_found_under_its_label(pictures: Path) -> None:
    found = list_pictures(pictures).pictures
    assert labels_of(found) == ("blue", "green", "red")
    assert [each.path for each in found[:2]] == ["blue/blue000.png", "blue/blue001.png"]
    assert len(found) == 36


def test_files_that_are_no_pictures_are_left_alone(folder: Path) -> None:
    (folder / "LICENSE").write_text("MIT")
    (folder / "blue" / "notes.txt").write_text("blue")
    assert len(list_pictures(folder).pictures) == 36


def test_the_fingerprint_knows_bytes_and_labels_but_not_file_names(folder: Path) -> None:
    before = fingerprint(list_pictures(folder).pictures)
    (folder / "blue" / "blue000.png").rename(folder / "blue" / "other9.png")
    assert fingerprint(list_pictures(folder).pictures) == before
    (folder / "blue" / "other9.png").rename(folder / "red" / "other9.png")
    assert fingerprint(list_pictures(folder).pictures) != before


def test_of_two_copies_the_first_stays(folder: Path) -> None:
    shutil.copy(folder / "blue" / "blue003.png", folder / "blue" / "blue900.png")
    listing = list_pictures(folder)
    assert len(listing.pictures) == 36
    assert listing.left_out == ("copies of one picture, the first is kept: blue/blue003.png, blue/blue900.png",)


def test_a_picture_under_two_labels_teaches_nothing(folder: Path) -> None:
    shutil.copy(folder / "blue" / "blue003.png", folder / "red" / "red900.png")
    listing = list_pictures(folder)
    assert len(listing.pictures) == 35
    assert listing.left_out == ("the same picture under two labels: blue/blue003.png, red/red900.png",)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is not a folder"):
        list_pictures(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures in its sub-folders"):
        list_pictures(tmp_path)


def test_the_folder_that_was_meant_is_named(pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "above" / "train")
    with pytest.raises(UsageError, match="no pictures in its sub-folders. Try: .*above/train: it has classes itself"):
        list_pictures(tmp_path / "above")
    shutil.copytree(pictures / "red", tmp_path / "above" / "film")
    with pytest.raises(UsageError, match="only one class, 'film'. Try: .*above/train: it has classes itself"):
        list_pictures(tmp_path / "above")


def test_a_single_class_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "red")
    shutil.rmtree(folder / "green")
    with pytest.raises(UsageError, match="only one class, 'blue'"):
        list_pictures(folder)


def test_unreadable_pictures_are_counted_and_named(folder: Path) -> None:
    (folder / "blue" / "blue001.png").write_bytes(b"not a picture")
    (folder / "red" / "red001.png").write_bytes(b"")
    with pytest.raises(
        UsageError, match=r"2 cannot be read \(1 in blue, 1 in red\): blue/blue001\.png, red/red001\.png"
    ):
        decode_all(folder, list_pictures(folder).pictures)


def test_a_file_that_cannot_be_opened_is_left_out_by_name(folder: Path) -> None:
    (folder / "blue" / "gone.png").symlink_to(folder / "nowhere.png")
    listing = list_pictures(folder)
    assert len(listing.pictures) == 36
    assert listing.left_out == ("cannot be opened: blue/gone.png (No such file or directory)",)


def test_a_header_that_claims_too_many_pixels_is_unreadable(folder: Path) -> None:
    """A PNG of a few bytes can claim 60,000 x 60,000 pixels; OpenCV raises then instead of saying no."""
    path = folder / "red" / "red001.png"
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"1 cannot be read \(1 in red\): red/red001\.png"):
        decode_all(folder, list_pictures(folder).pictures)
