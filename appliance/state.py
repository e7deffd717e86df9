"""The state directory: made, proved to be writable, and held by one daemon at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.errors import StorageError

__all__ = ["hold_state_dir"]

_PROBE_BYTES = 65_536


@contextmanager
def hold_state_dir(path: Path) -> Iterator[Path]:
    """The directory, locked until the end; the kernel lets go of the lock when the process dies.

    Raises:
        StorageError: it cannot be made or written, is full, or another daemon holds it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _refused(path, error) from error
    try:
        _lock(path, handle)
        _prove_writable(path)
        yield path
    finally:
        os.close(handle)


def _lock(path: Path, handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
    except BlockingIOError as error:
        holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
        raise StorageError(
            f"locking the state directory {path}",
            f"another appliance holds it (pid {holder})",
            "stop that one, or give this one a machine.state_dir and a sorter.port of its own",
        ) from error
    except OSError as error:
        raise _refused(path, error) from error


def _prove_writable(path: Path) -> None:
    probe = path / ".probe"
    try:
        with probe.open("wb") as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        probe.unlink(missing_ok=True)


def _refused(path: Path, error: OSError) -> StorageError:
    remedy = "free some space" if error.errno == 28 else "make it writable, or set machine.state_dir to another place"
    return StorageError(f"writing {error.filename or path}", error.strerror or str(error), remedy)
