"""The command draws what is missing and nothing else, says what is wrong, and leaves only whole pictures."""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Timer

import numpy as np
import pytest

import render_chamber
from chamber.drawing import SETTINGS_FILE
from chamber.records import Pixels, Scene
from chamber.shots import compose, stills

needs_blender = pytest.mark.skipif(find_spec("bpy") is None, reason="needs Blender (bpy): docs/rendering.md")


@dataclass
class SketchStudio:
    """Draws flat grey instead of Blender. With `breaks_after`, it is interrupted in the shot after so many."""

    breaks_after: int | None = None
    scenes: list[Scene] = field(default_factory=list)

    def draw(self, scene: Scene) -> Pixels:
        if len(self.scenes) == self.breaks_after:
            raise KeyboardInterrupt
        self.scenes.append(scene)
        return np.full((8, 8, 3), len(self.scenes), np.uint8)

    def jpeg(self, pixels: Pixels) -> bytes:
        return pixels.tobytes()

    @contextmanager
    def open(self, _size_px: int, _samples: int) -> Iterator["SketchStudio"]:
        yield self


def run(folder: Path, *options: str, studio: SketchStudio | None = None) -> int:
    return render_chamber.main([str(folder), *options], (studio or SketchStudio()).open)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_stills_come_in_one_folder_a_class(tmp_path: Path) -> None:
    assert run(tmp_path, "--per-class", "2", "--empties", "1", "--seed", "7") == 0
    drawn = sorted(name for name in files_in(tmp_path) if name.endswith(".jpg"))
    assert len(drawn) == 11
    assert drawn[:2] == ["aluminium-can/aluminium-can-070000.jpg", "aluminium-can/aluminium-can-070001.jpg"]
    assert "empty/empty-070000.jpg" in drawn


def test_frames_json_lists_every_frame_with_label_and_item(tmp_path: Path) -> None:
    assert run(tmp_path, "--clip", "2") == 0
    rows = json.loads((tmp_path / "frames.json").read_bytes())
    assert all(list(row) == ["file", "label", "item"] for row in rows)
    assert rows[0] == {"file": "frame-0000.jpg", "label": "", "item": None}
    assert {row["item"] for row in rows} == {None, 0, 1}
    assert {row["file"] for row in rows} == {name for name in files_in(tmp_path) if name.endswith(".jpg")}


@pytest.mark.parametrize("options", [("--per-class", "2", "--empties", "1"), ("--clip", "2")])
def test_an_interrupted_run_is_completed_to_the_same_set(tmp_path: Path, options: Sequence[str]) -> None:
    class Flat(SketchStudio):
        def draw(self, scene: Scene) -> Pixels:
            return super().draw(scene) * 0

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    uninterrupted, interrupted, rest = Flat(), Flat(breaks_after=3), Flat()
    assert run(whole, *options, studio=uninterrupted) == 0
    assert run(parts, *options, studio=interrupted) == render_chamber.INTERRUPTED
    assert "frames.json" not in files_in(parts)
    assert run(parts, *options, studio=rest) == 0
    assert files_in(parts) == files_in(whole)
    assert interrupted.scenes + rest.scenes == uninterrupted.scenes


def test_only_the_missing_frames_of_a_shot_are_written(tmp_path: Path) -> None:
    assert run(tmp_path, "--clip", "1") == 0
    before = files_in(tmp_path)
    (tmp_path / "frame-0003.jpg").unlink()
    (tmp_path / "frame-0004.jpg").write_bytes(b"kept")
    studio = SketchStudio()
    assert run(tmp_path, "--clip", "1", studio=studio) == 0
    assert len(studio.scenes) == 1
    assert files_in(tmp_path) == before | {"frame-0004.jpg": b"kept"}


def test_a_complete_set_needs_no_blender(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--empties", "2") == 0

    def refuse(_size_px: int, _samples: int) -> AbstractContextManager[SketchStudio]:
        raise AssertionError("opened")

    assert render_chamber.main([str(tmp_path), "--empties", "2"], refuse) == 0
    assert "0 pictures drawn, 2 were there" in capsys.readouterr().out


def test_a_larger_number_adds_to_the_set(tmp_path: Path) -> None:
    assert run(tmp_path, "--per-class", "1") == 0
    studio = SketchStudio()
    assert run(tmp_path, "--per-class", "2", studio=studio) == 0
    assert len(studio.scenes) == 5


@pytest.mark.parametrize("other", [("--clip", "3"), ("--clip", "2", "--seed", "1"), ("--empties", "1")])
def test_a_folder_is_not_completed_with_other_settings(
    tmp_path: Path, other: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--clip", "2") == 0
    before = files_in(tmp_path)
    assert run(tmp_path, *other) == 2
    assert '"seed": 0, "items": 2' in capsys.readouterr().err
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "nothing to draw"),
        (("--clip", "1", "--empties", "1"), "stills and a clip at once"),
        (("--per-class", "10001"), "more than 10000"),
        (("--empties", "1", "--size", "8"), "--size 16"),
        (("--empties", "1", "--samples", "0"), "--samples 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    tmp_path: Path, options: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "new", *options) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert run(tmp_path / "file" / "set", "--empties", "1") == 13
    assert f"{tmp_path}/file/set" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("bpy") is not None, reason="Blender is installed here")
def test_without_blender_the_message_says_how_to_get_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render_chamber.main([str(tmp_path / "new"), "--empties", "1"]) == 2
    assert "pip install '.[render]'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@needs_blender
def test_blender_draws_the_same_bytes_twice_and_the_item_is_on_the_belt(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny = ("--size", "64", "--samples", "4", "--seed", "2")
    for name in ("once", "again"):
        assert render_chamber.main([str(tmp_path / name), "--per-class", "1", "--empties", "1", *tiny]) == 0
    once = files_in(tmp_path / "once")
    assert once == files_in(tmp_path / "again")
    pictures = {content for name, content in once.items() if name != SETTINGS_FILE}
    assert len(pictures) == 6
    assert all(content.startswith(b"\xff\xd8") and content.endswith(b"\xff\xd9") for content in pictures)
    said = capfd.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["6 pictures drawn, 0 were there"] * 2


@needs_blender
def test_ctrl_c_while_blender_draws_takes_effect_once_it_has_drawn() -> None:
    from chamber.blender import open_studio

    scene = compose(next(stills(0, 1, 0)))
    with open_studio(64, 4) as studio:
        timer = Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            studio.draw(scene)
        timer.join()
        assert studio.draw(scene).std() > 5
