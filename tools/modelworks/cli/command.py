"""The command line as it was given, in a form that may be shown to others."""

import re
import shlex
from collections.abc import Sequence

__all__ = ["given_command"]


def given_command(argv: Sequence[str]) -> str:
    """`modelworks ...` with only the last part of every path: whose machine it was is nobody's business."""
    return shlex.join(["modelworks", *(argument if _is_share(argument) else _last_part(argument) for argument in argv)])


def _is_share(argument: str) -> bool:
    """K/N, as of a fold."""
    return re.fullmatch(r"\d+/\d+", argument) is not None


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
