"""Running a .tflite file on decoded pictures, fed exactly as the machine feeds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from appliance.classifier.runtime import load_interpreter
from appliance.errors import ModelError
from appliance.preprocess import Preprocessing, Preprocessor, TensorFormat
from appliance.records import Pixels

__all__ = ["Kernels", "LiteContent", "LiteModel", "Quantization"]

Kernels = Literal["default", "reference"]
"""`default`: those that the machine runs (XNNPACK where it can). `reference`: TensorFlow Lite's plain loops, slow
and without a delegate, which is what the study of 2020 seems to have timed."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """A tensor's type; real = (q - zero_point) * scale, scale 0 for float32."""

    dtype: str
    scale: float
    zero_point: int


class LiteModel:
    """One opened .tflite file of one input and one output.

    Raises:
        ModelError: LiteRT cannot load it, or it has more than one input or output.
    """

    def __init__(self, path: Path, threads: int = 2, kernels: Kernels = "default") -> None:
        self.name = path.name
        load = _load_reference if kernels == "reference" else _load_default
        self._interpreter: Any = load(path, threads)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            found = f"{len(inputs)} inputs and {len(outputs)} outputs"
            raise ModelError(f"opening {path}", found, "a classifier has one of each")
        self._input, self._output = inputs[0], outputs[0]

    @property
    def input(self) -> Quantization:
        return _quantization(self._input)

    @property
    def output(self) -> Quantization:
        return _quantization(self._output)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(1, height, width, 3) where the file takes pictures."""
        return tuple(map(int, self._input["shape"]))

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(1, outputs) where the file is a classifier."""
        return tuple(map(int, self._output["shape"]))

    @property
    def tensor_format(self) -> TensorFormat:
        """What `appliance.preprocess` must know of the input.

        Raises:
            ModelError: the input is of a type that the appliance cannot feed.
        """
        try:
            return TensorFormat(self.input.dtype, self.input.scale, self.input.zero_point)  # type: ignore[arg-type]
        except ValueError as error:
            raise ModelError(f"reading the input of {self.name}", str(error), "choose another recipe") from error

    def scores(self, pictures: Sequence[Pixels], spec: Preprocessing) -> NDArray[np.float32]:
        """The network's output for every picture, shape (n, classes), as real numbers."""
        preprocessor = Preprocessor(spec, self.tensor_format)
        rows = [self.invoke(preprocessor(pixels)[np.newaxis]) for pixels in pictures]
        raw = np.concatenate(rows) if rows else np.empty(self._output["shape"], np.float32)[:0]
        if self.output.scale == 0:
            return raw.astype(np.float32)
        return ((raw.astype(np.float32) - self.output.zero_point) * self.output.scale).astype(np.float32)

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """One inference on an input of the file's own type and shape, (1, height, width, 3); the output as it is."""
        self._interpreter.set_tensor(self._input["index"], tensor)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output["index"]))


class LiteContent:
    """A converter's output of one input and one output, run on one core without becoming a file.

    Raises:
        ModelError: LiteRT cannot load it.
    """

    def __init__(self, content: bytes) -> None:
        try:
            self._interpreter: Any = Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError("opening what the converter made", str(error), "another LiteRT version") from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """One inference; the output is a copy."""
        self._interpreter.set_tensor(self._input, tensor)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output))


def _load_default(path: Path, threads: int) -> Any:
    return load_interpreter(path, "litert", threads)


def _load_reference(path: Path, threads: int) -> Any:
    _load_default(path, threads)  # so that a bad file is refused in the same words
    kernels = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_path=str(path), num_threads=threads, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    return interpreter


def _quantization(details: Any) -> Quantization:
    scale, zero_point = details["quantization"]
    return Quantization(np.dtype(details["dtype"]).name, float(scale), int(zero_point))
