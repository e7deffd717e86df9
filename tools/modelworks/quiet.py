"""Keeping a library's chatter out of a person's progress lines."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing of what Python prints or warns of is seen, nor what C++ writes to descriptor 2 by itself."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere, redirect_stdout(StringIO()), warnings.catch_warnings(action="ignore"):
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
