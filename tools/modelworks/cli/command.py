"""The command line as it was given, in a form that may be shown to others."""

import shlex
from collections.abc import Sequence

__all__ = ["given_command"]


def given_command(argv: Sequence[str]) -> str:
    """`modelworks ...` with only the last part of every path: whose machine it was is nobody's business."""
    return shlex.join(["modelworks", *(argument.rstrip("/").rpartition("/")[2] for argument in argv)])
