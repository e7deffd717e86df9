"""A run's folder: where each thing that a training made lies, and the JSON in it.

train:     recipe.json  split.json  near-duplicates.json  history.json  curves.png  best.weights.h5 (the chosen epoch)
           (near-duplicates.json: all that the split does not part, so the pairs of --groups too)
           trained.json (the chosen epoch's figures: the training is finished)
           epoch-NN.weights.h5 (the newest: to go on from)  mean-NN.weights.h5 (its running mean)
           data.json (where the pictures lie on this machine: the one file that nothing else copies)
quantize:  NAME.tflite  NAME.recipe.json  figures.json
validate:  validation.json  folds.json  test-reads.json (each reading of the test pictures)
select:    selection.json      report:  report.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import ModelError, StorageError, UsageError
from appliance.files import sha256_of, write_power_safe
from modelworks.dataset import Picture
from modelworks.recipe import Member, Teacher, TrainRecipe
from modelworks.split import Pairs, Split

__all__ = ["HISTORY", "TRAINED", "RunFolder"]

TOGETHER = "near-duplicates.json"
HISTORY = "history.json"
TRAINED = "trained.json"
FOLDS = "folds"
BEGINNING = ("data.json", "split.json", TOGETHER)
"""What `begin` writes before recipe.json, which makes it a training."""
TEST_READS = "test-reads.json"
MADE_BY = {
    "figures.json": "quantize",
    "validation.json": "validate",
    "folds.json": "validate --folds",
    "selection.json": "select",
}
"""Which command writes a file anew, whatever was there; without the others' files a run cannot be gone on with."""
ROOM = "make room, then give the same command again: a training goes on where it stopped"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Reads and writes one run's files; every write leaves the old file or the new one."""

    path: Path

    @property
    def best(self) -> Path:
        return self.path / "best.weights.h5"

    def checkpoint(self, epoch: int) -> Path:
        return self.path / f"epoch-{epoch:02d}.weights.h5"

    def mean(self, epoch: int) -> Path:
        """The running mean of the weights, where the recipe wants one."""
        return self.path / f"mean-{epoch:02d}.weights.h5"

    def tflite(self, recipe: str) -> Path:
        return self.path / f"{recipe}.tflite"

    def fold(self, number: int) -> "RunFolder":
        """Where the training of a fold of this run's cross-validation lies."""
        return RunFolder(self.path / FOLDS / str(number))

    def as_teacher(self) -> Teacher:
        """The finished run as the recipe names it that it teaches.

        Raises:
            ModelError: its weights cannot be read.
        """
        return Teacher(*self._identity())

    def as_member(self) -> Member:
        """The finished run as the recipe of a joined network names it.

        Raises:
            ModelError: its weights cannot be read.
            UsageError: its recipe cannot be read.
        """
        return Member(*self._identity(), self.recipe())

    def _identity(self) -> tuple[str, str]:
        """Name and hash of the weights."""
        path = self.path.absolute()
        name = "/".join(path.parts[-3:]) if path.parent.name == FOLDS else path.name
        try:
            return name, sha256_of(self.best)
        except OSError as error:
            remedy = "name a run folder whose training is finished"
            raise ModelError(f"reading the weights {self.best}", error.strerror or str(error), remedy) from error

    def begin(
        self,
        folder: Path,
        recipe: TrainRecipe,
        split: Split,
        versions: Mapping[str, str],
        command: str,
        places: Mapping[str, Path | Sequence[Path]] | None = None,
        together: Pairs = (),
    ) -> None:
        """Make the run folder for a training on the pictures in `folder`; `places`: what else lies on this machine;
        `together`: what the split did not part, near duplicates and pictures of one group.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"making the run folder {self.path}", str(error), "choose another -o") from error
        parts = {part: {each.path: each.sha256 for each in chosen} for part, chosen in split.parts().items()}
        self.write(
            "data.json", {"folder": _absolute(folder)} | {n: _absolute(each) for n, each in (places or {}).items()}
        )
        self.write("split.json", parts)
        self.write(TOGETHER, {"pairs": [list(pair) for pair in together]})
        self.write("recipe.json", {"recipe": recipe.as_dict(), "versions": dict(versions), "command": command})

    @contextmanager
    def taken_back_if_refused(self) -> Iterator[None]:
        """What is begun here, and refused before anything is learned, leaves the folder as it was."""
        begun, there = self.exists(), self.path.exists()
        try:
            yield
        except (UsageError, ModelError):
            if not (begun or self.has(HISTORY) or self.best.exists()):
                self._withdraw(whole=not there)
            raise

    def _withdraw(self, *, whole: bool) -> None:
        """Remove what `begin` writes, and the folder, if it is to go as a whole and nothing else is in it."""
        with suppress(OSError):
            for name in ("recipe.json", *BEGINNING):
                (self.path / name).unlink(missing_ok=True)
            if whole:
                self.path.rmdir()

    def exists(self) -> bool:
        """Has a training begun here?"""
        return self.has("recipe.json")

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def is_empty(self) -> bool:
        """Is there nothing, or no more than what a `begin` left that was cut short?"""
        return self.path.is_dir() and {each.name for each in self.path.iterdir()} <= set(BEGINNING)

    def recipe(self) -> TrainRecipe:
        return TrainRecipe.from_dict(self.read("recipe.json").get("recipe", {}))

    def caution(self) -> dict[str, bool]:
        """What a record of figures says of a refit: those on the validation pictures are of pictures it has learned."""
        return {"refit": True} if self.exists() and self.recipe().refit else {}

    def data_folder(self) -> Path:
        """Where the pictures lay when the training began."""
        return Path(self.read("data.json").get("folder", ""))

    def together(self) -> Pairs:
        """What no split of these pictures parts, near duplicates and groups, as pairs of paths."""
        return tuple((one, other) for one, other in self.read(TOGETHER)["pairs"]) if self.has(TOGETHER) else ()

    def place(self, name: str) -> Path | None:
        """Where "weights" or "cache" lay when the training began; None if it had none."""
        path = self.read("data.json").get(name)
        return Path(path) if path else None

    def teachers(self) -> tuple["RunFolder", ...]:
        """The runs that taught here, where they lay when the training began."""
        return self._runs("teachers")

    def members(self) -> tuple["RunFolder", ...]:
        """The runs that are joined here, where they lay then."""
        return self._runs("members")

    def _runs(self, role: str) -> tuple["RunFolder", ...]:
        return tuple(RunFolder(Path(path)) for path in self.read("data.json").get(role, ()))

    def split(self) -> Split:
        raw = self.read("split.json")
        parts = {part: tuple(Picture(path, path.split("/")[0], sha) for path, sha in raw[part].items()) for part in raw}
        return Split(**parts)

    def read(self, name: str) -> dict[str, Any]:
        """One of the folder's JSON files.

        Raises:
            UsageError: it is not there, or not JSON: this is not a run folder, or its step was not done yet.
        """
        path, step = self.path / name, MADE_BY.get(name)
        try:
            raw = json.loads(path.read_bytes())
            if not isinstance(raw, dict):
                raise ValueError("it holds no JSON object")
        except OSError as error:
            first = f", and give `modelworks {step}` first" if step and isinstance(error, FileNotFoundError) else ""
            remedy = f"name a folder made by `modelworks train`{first}"
            raise UsageError(f"reading {path}", error.strerror or str(error), remedy) from error
        except ValueError as error:
            again = f"remove it, then `modelworks {step}` again" if step else "take it from a copy, or train again"
            raise UsageError(f"reading {path}", f"it is damaged ({error})", again) from error
        return raw

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write JSON.

        Raises:
            StorageError: the disk is full or read-only; the old file is as it was.
        """
        self.write_bytes(name, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write any file; raises as `write` does."""
        try:
            write_power_safe(self.path / name, content)
        except OSError as error:
            raise StorageError(f"writing {self.path / name}", str(error), ROOM) from error

    def count_test_read(self, command: str) -> int:
        """Write down that the test pictures are read now; returns how often they were, this time included.

        A figure on test pictures means what it says only the first time: whoever looks, changes something and looks
        again has chosen by them.

        Raises:
            StorageError: it cannot be written.
        """
        reads = self.read(TEST_READS)["reads"] if self.has(TEST_READS) else []
        self.write(TEST_READS, {"reads": [*reads, command]})
        return len(reads) + 1

    def keep_best(self, checkpoint: Path) -> None:
        """Copy an epoch's weights to `best`.

        Raises:
            StorageError: no room; the old best is as it was.
        """
        try:
            write_power_safe(self.best, checkpoint.read_bytes())
        except OSError as error:
            raise StorageError(f"writing {self.best}", str(error), ROOM) from error

    def drop_epoch(self, epoch: int) -> None:
        """Forget an epoch that a later one has replaced, once history.json knows the later one."""
        for path in (self.checkpoint(epoch), self.mean(epoch)):
            path.unlink(missing_ok=True)


def _absolute(place: Path | Sequence[Path]) -> str | list[str]:
    return str(place.absolute()) if isinstance(place, Path) else [str(path.absolute()) for path in place]
