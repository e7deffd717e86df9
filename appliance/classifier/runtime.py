"""The two TensorFlow Lite interpreters, behind one function; the only file that imports them."""

from pathlib import Path
from typing import Any, Literal

from appliance.errors import ModelError

__all__ = ["RuntimeName", "load_interpreter"]

RuntimeName = Literal["litert", "tflite-runtime"]


def load_interpreter(path: Path, runtime: RuntimeName, threads: int) -> Any:
    """An interpreter with the model loaded and its tensors allocated.

    Raises:
        ModelError: the runtime is not installed, or refuses the model.
    """
    doing = f"loading {path} into {runtime}"
    interpreter_class = _interpreter_class(runtime)
    try:
        interpreter = interpreter_class(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, SystemError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        remedy = "convert the model again with `modelworks quantize`"
        if runtime == "tflite-runtime":
            remedy += ", or set classifier.runtime: litert (tflite-runtime ended in 2023 and lacks newer operators)"
        raise ModelError(doing, reason, remedy) from error
    return interpreter


def _interpreter_class(runtime: RuntimeName) -> Any:
    try:
        if runtime == "litert":
            from ai_edge_litert.interpreter import Interpreter
        else:
            from tflite_runtime.interpreter import Interpreter
    except ImportError as error:
        package = "ai-edge-litert" if runtime == "litert" else "'tflite-runtime' 'numpy<2'"
        raise ModelError(f"loading the runtime {runtime}", str(error), f"pip install {package}") from error
    return Interpreter
