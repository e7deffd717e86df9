"""Are a run's files and pictures still those that it was made of?"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from appliance.errors import ModelError, UsageError
from appliance.files import sha256_of
from modelworks.dataset import Picture
from modelworks.quantrecipes import REFERENCE
from modelworks.runfolder import RunFolder

__all__ = ["check_pictures", "digests_of"]


def check_pictures(folder: Path, pictures: Iterable[Picture]) -> None:
    """Refuse a folder whose files are not those of the training.

    Raises:
        UsageError: one is missing or has other bytes.
    """
    for picture in pictures:
        path = folder / picture.path
        if not path.is_file() or sha256_of(path) != picture.sha256:
            found = f"{picture.path} is {'not the file it was' if path.is_file() else 'not there'}"
            raise UsageError(f"comparing {folder} with the training's pictures", found, "name the folder trained on")


def digests_of(run: RunFolder, wanted: Sequence[str] = ()) -> dict[str, str]:
    """The SHA-256 of the .tflite files that `quantize` wrote, by name, the reference first: those wanted, or all.

    Raises:
        UsageError: the run is not quantized, or has no such file.
        ModelError: a file is gone, or is not the one that was written.
    """
    made = run.read("figures.json").get("recipes", {})
    for name in (REFERENCE, *wanted):
        if name not in made:
            found = f"no {name} among the run's files: {', '.join(made)}"
            raise UsageError(f"reading {run.path}", found, f"modelworks quantize --recipe {name}")
    chosen = dict.fromkeys([REFERENCE, *(name for name in made if not wanted or name in wanted)])
    for name in chosen:
        path = run.tflite(name)
        if not path.is_file() or sha256_of(path) != made[name]["sha256"]:
            found = "it is not the file that `quantize` wrote" if path.is_file() else "it is not there"
            raise ModelError(f"reading {path}", found, "give `modelworks quantize` again")
    return {name: made[name]["sha256"] for name in chosen}
