"""Are a run's .tflite files still those that `quantize` wrote?"""

from collections.abc import Sequence

from appliance.errors import ModelError, UsageError
from appliance.files import sha256_of
from modelworks.quantrecipes import RECIPES, REFERENCE
from modelworks.runfolder import RunFolder

__all__ = ["digests_of"]


def digests_of(run: RunFolder, wanted: Sequence[str] = ()) -> dict[str, str]:
    """The SHA-256 of the .tflite files that `quantize` wrote, by name, the reference first: those wanted, or all.

    Raises:
        UsageError: the run is not quantized, or has no such file.
        ModelError: a file is gone, or is not the one that was written.
    """
    made = run.read("figures.json").get("recipes", {})
    for name in (REFERENCE, *wanted):
        if name not in made:
            found = f"no {name} among the run's files: {', '.join(made)}"
            remedy = f"modelworks quantize --recipe {name}" if name in RECIPES else "one of these"
            raise UsageError(f"reading {run.path}", found, remedy)
    chosen = dict.fromkeys([REFERENCE, *(name for name in made if not wanted or name in wanted)])
    for name in chosen:
        path = run.tflite(name)
        if not path.is_file() or sha256_of(path) != made[name]["sha256"]:
            found = "it is not the file that `quantize` wrote" if path.is_file() else "it is not there"
            raise ModelError(f"reading {path}", found, "give `modelworks quantize` again")
    return {name: made[name]["sha256"] for name in chosen}
