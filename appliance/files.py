"""Writing a file so that a power cut leaves either the old one or the new one, never a torn one."""

import hashlib
import os
import tempfile
from pathlib import Path

__all__ = ["sha256_of", "write_power_safe"]


def write_power_safe(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: write beside, fsync, rename, fsync the directory.

    Raises:
        OSError: nothing was changed, or (only if the directory cannot be synced) the new file is there, whole, and a
            power cut may still bring the old one back; the partial file is gone.
    """
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal, read in pieces.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
