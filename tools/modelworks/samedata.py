"""Is a folder of pictures still the one that a run was trained on?"""

from itertools import chain
from pathlib import Path

from appliance.errors import UsageError
from appliance.files import sha256_of
from modelworks.split import Split

__all__ = ["check_data"]


def check_data(folder: Path, split: Split) -> None:
    """Refuse a folder whose files are not those of the training.

    Raises:
        UsageError: there is no folder, or a file is missing or has other bytes.
    """
    if not folder.is_dir():
        found = f"there is no folder {folder}"
        raise UsageError("looking for the training's pictures", found, "name the folder trained on with --data")
    for picture in chain.from_iterable(split.parts().values()):
        path = folder / picture.path
        if not path.is_file() or sha256_of(path) != picture.sha256:
            found = f"{picture.path} is {'not the file it was' if path.is_file() else 'not there'}"
            raise UsageError(f"comparing {folder} with the training's pictures", found, "name the folder trained on")
