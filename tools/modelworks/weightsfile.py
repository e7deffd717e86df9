"""A network's weights and its optimizer's state in a file: whole or not there."""

import errno
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

from appliance.errors import ModelError, StorageError
from appliance.files import write_power_safe

__all__ = ["load", "save"]

SPARE = 1_000_000
"""Bytes for HDF5's own bookkeeping."""


def save(network: Any, path: Path) -> None:
    """Weights and optimizer state; `path` appears whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    beside = path.with_name(f"part-{path.name}")
    try:
        _check_room(path.parent, network)
        network.save_weights(beside, overwrite=True)
        write_power_safe(path, beside.read_bytes())
    except OSError as error:
        remedy = "make room, then give the same command again: it goes on where it stopped"
        raise StorageError(f"saving {path}", str(error), remedy) from error
    finally:
        beside.unlink(missing_ok=True)


def load(network: Any, path: Path) -> None:
    """Take back what `save` wrote into a network of the same shape.

    Raises:
        ModelError: it is missing, damaged, or of another network.
    """
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):  # Keras only warns of layers it skips
            network.load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        remedy = "check the path, and that --network and --alpha are those of the weights"
        said = str(error).splitlines()[0]
        found = said if isinstance(error, OSError) else f"they are not of this network ({said})"
        raise ModelError(f"loading the weights {path}", found, remedy) from error


def _check_room(folder: Path, network: Any) -> None:
    """Before HDF5 begins: one that runs out of room in the middle of a file takes the interpreter with it.

    Raises:
        OSError: there is no room for two copies of the weights and Adam's two moments.
    """
    needed = 2 * 3 * 4 * network.count_params() + SPARE
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {needed / 1e6:.0f} MB are needed", str(folder))
