"""Load a model that nobody has vouched for in a child process: a bad file can crash the interpreter.

`python -m appliance.classifier.probe FILE RUNTIME` loads the file, invokes it once and exits 0.
"""

import signal
import subprocess
import sys
from pathlib import Path

from appliance.classifier.runtime import RuntimeName, load_interpreter
from appliance.errors import ModelError

__all__ = ["probe"]

PROBE_TIMEOUT_S = 30.0


def probe(path: Path, runtime: RuntimeName, timeout_s: float = PROBE_TIMEOUT_S) -> None:
    """Try the file where a crash hurts nobody.

    Raises:
        ModelError: the child crashed, refused the file, or did not end in time.
    """
    doing = f"trying {path} in a child process"
    remedy = "copy or convert the model again"
    command = [sys.executable, "-m", "appliance.classifier.probe", str(path), runtime]
    try:
        result = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(doing, f"no end after {timeout_s:g} s", remedy) from error
    if result.returncode < 0:
        name = signal.Signals(-result.returncode).name
        raise ModelError(doing, f"the file crashes the interpreter ({name})", remedy)
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise ModelError(doing, said[-1] if said else f"exit code {result.returncode}", remedy)


def _main(path: str, runtime: RuntimeName) -> int:
    try:
        load_interpreter(Path(path), runtime, 1).invoke()
    except (ModelError, RuntimeError, ValueError) as error:
        print(error.found if isinstance(error, ModelError) else error, file=sys.stderr)  # noqa: T201
        return ModelError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2]))  # type: ignore[arg-type]
