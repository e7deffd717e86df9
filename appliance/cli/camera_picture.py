"""A picture into a file of a person's choice: nothing is replaced unasked, nothing is left half written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from appliance.errors import CameraError, StorageError, UsageError
from appliance.files import write_power_safe
from appliance.records import Frame

__all__ = ["save_picture"]

_FORMS = (".png", ".jpg", ".jpeg", ".bmp")


@contextmanager
def save_picture(path: Path, force: bool) -> Iterator[Callable[[Frame | None], None]]:
    """Refuse a bad name before a camera is opened; then a function that writes a frame there.

    Raises:
        UsageError: another kind of file, or it exists and nobody said `force`.
        CameraError: there is no frame.
        StorageError: it cannot be written.
    """
    doing = f"writing the picture {path}"
    if path.suffix.lower() not in _FORMS:
        raise UsageError(doing, f"{path.suffix or 'no ending'} is no picture", f"end the name with {', '.join(_FORMS)}")
    if path.exists() and not force:
        raise UsageError(doing, "it exists", "choose another name, or add --force")

    def write(frame: Frame | None) -> None:
        if frame is None:
            raise CameraError(doing, "the camera gave no picture in time", "appliance camera check")
        _, content = cv2.imencode(path.suffix.lower(), frame.pixels)
        try:
            write_power_safe(path, content.tobytes())
        except OSError as error:
            raise StorageError(doing, error.strerror or str(error), "choose a directory that can be written") from error

    yield write
