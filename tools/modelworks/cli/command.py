"""What the commands share: the command line as it was given, and the run folder that they are to make."""

import platform
import re
import shlex
from collections.abc import Sequence
from importlib.metadata import version

from appliance.errors import UsageError
from modelworks.recipe import TrainRecipe
from modelworks.runfolder import TRAINED, RunFolder

__all__ = ["LEARNED_FROM", "check_output", "given_command", "told_of_refit", "versions"]

LEARNED_FROM = "The validation pictures were learned from (--refit): figures on them say nothing of unseen pictures."
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "opencv-python-headless")


def given_command(argv: Sequence[str]) -> str:
    """`modelworks ...` with only the last part of every path: whose machine it was is nobody's business."""
    return shlex.join(["modelworks", *(argument if _is_share(argument) else _last_part(argument) for argument in argv)])


def _is_share(argument: str) -> bool:
    """K/N, as of a fold."""
    return re.fullmatch(r"\d+/\d+", argument) is not None


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def told_of_refit(run: RunFolder) -> str:
    """What must be known of the validation figures of a network that has learned from these pictures; else ""."""
    return LEARNED_FROM if run.caution() else ""


def versions() -> dict[str, str]:
    """Of all that decides what a training makes."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def check_output(run: RunFolder, recipe: TrainRecipe) -> None:
    """Refuse a folder that holds something else, before anything is written.

    Raises:
        UsageError: it holds another training, a finished one, or files that are none.
    """
    doing = f"preparing the run folder {run.path}"
    if run.exists():
        if run.recipe() != recipe:
            raise UsageError(doing, "it holds a training by another recipe or of other pictures", "choose another -o")
        if run.has(TRAINED):
            raise UsageError(doing, "it holds a finished training", "choose another -o, or go on with `quantize`")
    elif run.path.exists() and not run.is_empty():
        raise UsageError(doing, "it is there already and is no run folder", "choose another -o")
