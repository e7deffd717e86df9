"""How much memory a process needs that does nothing but load a .tflite file and run it, as the machine does.

`python -m modelworks.footprint FILE` loads the file, runs it on empty pictures and prints its peak in kB of 1000 bytes.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from appliance.classifier.runtime import load_interpreter
from appliance.errors import ModelError

__all__ = ["peak_memory_kb"]

TIMEOUT_S = 120.0
RUNS = 3


def peak_memory_kb(path: Path) -> int:
    """The peak of a child's resident memory, Python and the runtime included, one thread; in kB of 1000 bytes.

    Raises:
        ModelError: the child crashed, refused the file, or did not end in time.
    """
    doing, remedy = f"running {path.name} in a child process", "convert the model again"
    command = [sys.executable, "-m", "modelworks.footprint", str(path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False, env=environment)
    except subprocess.TimeoutExpired as error:
        raise ModelError(doing, f"no end after {TIMEOUT_S:g} s", remedy) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ModelError(doing, said[-1] if said else f"exit code {done.returncode}", remedy)
    return int(done.stdout)


def _own_peak_kb() -> int:
    """The kernel's high-water mark of this program alone.

    Not getrusage: its maximum survives exec, so that a child of a large parent would report the parent's size.
    Source: proc(5), VmHWM, in units of 1024 bytes.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) * 1.024)
    raise ModelError("reading /proc/self/status", "no VmHWM", "a Linux kernel")


def _main(path: str) -> int:
    interpreter = load_interpreter(Path(path), "litert", 1)
    (picture,) = interpreter.get_input_details()
    for _ in range(RUNS):
        interpreter.set_tensor(picture["index"], np.zeros(picture["shape"], picture["dtype"]))
        interpreter.invoke()
    print(_own_peak_kb())
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
