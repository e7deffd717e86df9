"""Several files that appear in a folder together or not at all."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.errors import StorageError
from appliance.files import write_power_safe

__all__ = ["Staging", "staged"]


@dataclass(frozen=True, slots=True)
class Staging:
    """A hidden folder beside the files' places; only what `write` wrote stays."""

    path: Path
    names: list[str] = field(default_factory=list)

    def write(self, name: str, content: bytes) -> Path:
        """Keep a file for later; returns where it lies for now.

        Raises:
            StorageError: it cannot be written.
        """
        place = self.scratch(name, content)
        self.names.append(name)
        return place

    def write_json(self, name: str, content: Mapping[str, Any]) -> Path:
        """As `write`, in the form of the run folder's other JSON files."""
        return self.write(name, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())

    def scratch(self, name: str, content: bytes) -> Path:
        """A file that is gone after the block; raises as `write` does."""
        place = self.path / name
        try:
            write_power_safe(place, content)
        except OSError as error:
            raise _full(self.path.parent, error) from error
        return place


@contextmanager
def staged(folder: Path) -> Iterator[Staging]:
    """When the block ends without an error, its files take their places, in the order in which they were written.

    Moving them needs no room on the disk, so a full one is found out before anything has changed. After an error, or
    an interruption, the folder is as it was; one that had to be made is gone again.

    Raises:
        StorageError: the folder or a file cannot be written.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder, prefix=".part-"))
    except OSError as error:
        raise _full(folder, error) from error
    staging = Staging(beside)
    try:
        yield staging
        _move(staging, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if made and not any(folder.iterdir()):
            folder.rmdir()


def _move(staging: Staging, folder: Path) -> None:
    try:
        for name in staging.names:
            (staging.path / name).replace(folder / name)
    except OSError as error:
        raise _full(folder, error) from error


def _full(folder: Path, error: OSError) -> StorageError:
    return StorageError(f"writing to {folder}", str(error), "make room, then give the same command again")
