"""The pictures of a folder as a scene for the SIMULATED driver: one after the other, for ever."""

from pathlib import Path

from appliance.errors import CameraError, FrameUnreadable
from appliance.pictures import files_in_order, read_picture
from appliance.records import Pixels

__all__ = ["ShownPictures"]


class ShownPictures:
    """In the order of frames.json, or by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[str] = []
        self._number = 0

    def open(self) -> None:
        """Look which pictures there are.

        Raises:
            CameraError: none, or frames.json is damaged.
        """
        doing = f"opening the SIMULATED camera's pictures {self._folder}"
        remedy = "set camera.pictures to a folder of pictures"
        if not self._folder.is_dir():
            raise CameraError(doing, "no such folder", remedy)
        try:
            self._files = files_in_order(self._folder)
        except OSError as error:
            raise CameraError(doing, error.strerror or str(error), "check the folder's permissions") from error
        if not self._files:
            raise CameraError(doing, "no pictures in it", remedy)

    def at(self, now_ns: int) -> Pixels:
        """The next picture, whatever the moment.

        Raises:
            FrameUnreadable: it cannot be decoded; the next may be fine.
        """
        file = self._files[self._number % len(self._files)]
        self._number += 1
        try:
            return read_picture(self._folder / file)
        except (OSError, ValueError) as error:
            raise FrameUnreadable(f"reading the picture {file}", str(error), "replace or remove the file") from error
