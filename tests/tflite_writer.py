"""Writing small .tflite files tensor by tensor, with the schema's own writer: no converter, no TensorFlow."""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

__all__ = ["FileWriter", "colour_network", "schema"]

DTYPES = {"float32": (0, np.float32), "float16": (1, np.float16), "int8": (9, np.int8), "int32": (2, np.int32)}


class FileWriter:
    """Collects tensors and operators; `content` is the file."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, b"made by a test"
        self.model.buffers, self.model.operatorCodes = [schema.BufferT()], []
        self.graph = schema.SubGraphT()
        self.graph.name, self.graph.tensors, self.graph.operators = b"main", [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, name: str, dtype: str, shape: list[int], scales: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape = name, DTYPES[dtype][0], shape
        if scales:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [0.5] * scales, [0] * scales
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def stored(self, name: str, dtype: str, values: NDArray[Any], scales: int = 0) -> int:
        index = self.tensor(name, dtype, list(values.shape), scales)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.astype(DTYPES[dtype][1]).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        self.graph.tensors[index].buffer = len(self.model.buffers) - 1
        return index

    def operator(self, kind: str, inputs: list[int], outputs: list[int], options: Any = None) -> None:
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        number = getattr(schema.BuiltinOperator, kind)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        self.model.operatorCodes.append(code)
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self.model.operatorCodes) - 1, inputs, outputs
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.graph.operators.append(operator)

    def content(self, inputs: list[int], outputs: list[int]) -> bytes:
        self.graph.inputs, self.graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def colour_network(size: int, weights: NDArray[np.float32], bias: float = 0.0) -> bytes:
    """A float32 classifier that runs: mean of each channel (red, green, blue in [-1, 1]) times `weights`, softmax.

    `weights` has the shape (classes, 3); a single class is a regression, without softmax. `bias` goes to the first.
    """
    file, classes = FileWriter(), len(weights)
    picture = file.tensor("picture", "float32", [1, size, size, 3])
    mean, scores = file.tensor("mean", "float32", [1, 3]), file.tensor("scores", "float32", [1, classes])
    axes = file.stored("axes", "int32", np.array([1, 2]))
    offset = np.zeros(classes)
    offset[0] = bias
    layer = [mean, file.stored("w", "float32", weights), file.stored("b", "float32", offset)]
    file.operator("MEAN", [picture, axes], [mean], schema.ReducerOptionsT())
    file.operator("FULLY_CONNECTED", layer, [scores], schema.FullyConnectedOptionsT())
    if classes == 1:
        return file.content([picture], [scores])
    shares, options = file.tensor("shares", "float32", [1, classes]), schema.SoftmaxOptionsT()
    options.beta = 1.0
    file.operator("SOFTMAX", [scores], [shares], options)
    return file.content([picture], [shares])
