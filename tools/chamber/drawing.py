"""Drawing into a folder what is not there yet: a run that was killed goes on where it stopped."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from appliance.errors import StorageError, UsageError
from appliance.files import write_power_safe
from chamber.exposure import exposed
from chamber.records import Pixels, Scene
from chamber.shots import Shot, compose
from modelworks.progress import Report

__all__ = ["SETTINGS_FILE", "Settings", "Studio", "check", "draw", "missing", "write"]

SETTINGS_FILE = "drawn.json"
"""What every picture of the folder has in common: a run with other settings must not complete it."""
Settings = Mapping[str, int | str]
LINES = 20
"""How often a drawing says in a log how far it is."""


class Studio(Protocol):
    """Something that can draw."""

    def draw(self, scene: Scene) -> Pixels: ...

    def jpeg(self, pixels: Pixels) -> bytes: ...


def check(folder: Path, settings: Settings) -> None:
    """Refuse a folder whose pictures were drawn with other settings.

    Raises:
        StorageError: its note cannot be read.
        UsageError: it says other settings.
    """
    try:
        found = (folder / SETTINGS_FILE).read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"reading {folder / SETTINGS_FILE}", str(error), "choose another folder") from error
    if found != _note(settings):
        doing, others = f"drawing into {folder}", found.decode(errors="replace").strip()
        raise UsageError(doing, f"its pictures were drawn with {others}", "the same settings, or another folder")


def missing(folder: Path, shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """The shots of which a picture is not in the folder, each with those pictures only."""
    rest = (
        replace(shot, pictures=tuple(each for each in shot.pictures if not (folder / each.file).exists()))
        for shot in shots
    )
    return tuple(shot for shot in rest if shot.pictures)


def draw(folder: Path, shots: Sequence[Shot], settings: Settings, studio: Studio, report: Report) -> None:
    """Note the settings, then draw every shot's pictures; each file appears whole or not at all.

    Raises:
        StorageError: a picture cannot be written; those before it stay.
    """
    write(folder / SETTINGS_FILE, _note(settings))
    every = max(1, len(shots) // LINES)
    for count, shot in enumerate(shots, 1):
        drawn = studio.draw(compose(shot))
        for picture in shot.pictures:
            pixels = drawn if picture.exposure is None else exposed(drawn, picture.exposure)
            write(folder / picture.file, studio.jpeg(pixels))
        report.advance(shot.cost)
        if count % every == 0:
            report.say(shot.pictures[-1].file)


def write(path: Path, content: bytes) -> None:
    """Write a file, its folders too.

    Raises:
        StorageError: the disk is full, read-only or not ours; what was there is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_power_safe(path, content)
    except OSError as error:
        remedy = "make room or choose another folder, then give the same command again: it goes on where it stopped"
        raise StorageError(f"writing {path}", str(error), remedy) from error


def _note(settings: Settings) -> bytes:
    return (json.dumps(settings) + "\n").encode()
