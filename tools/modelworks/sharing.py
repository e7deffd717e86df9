"""The same .tflite file, smaller: what it says twice it says once.

For every channel of a layer a quantized file holds, beside the weights, the scale and the zero point of the channel's
weights and of its bias: 24 bytes, 16 of them zeros that stand there once more for every layer. In a network of narrow
layers that is a fifth of the file. A FlatBuffer lets any number of tables point at one vector
(https://flatbuffers.dev/internals/), so nothing that an interpreter reads changes. Some converters keep the constants
of a large file behind the FlatBuffer (`Buffer.offset` and `size` in schema.fbs, meant for files above 2 GB); they are
brought back into it.
"""

import struct
from functools import partial
from itertools import chain
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError

__all__ = ["share_vectors"]

IDENTIFIER = b"TFL3"
ALIGNMENT = 16
"""Of a buffer's bytes, as schema.fbs wants it and kernels rely on; the generated Python code knows nothing of it."""


def share_vectors(content: bytes) -> bytes:
    """A file of the same tensors and operators, in which equal scales and zero points stand once.

    Raises:
        ModelError: it is not a whole .tflite file.
    """
    from ai_edge_litert import schema_py_generated as schema  # takes a second: after all that can be refused

    doing, remedy = "sharing a file's vectors", "check what the converter made"
    if content[4:8] != IDENTIFIER:
        raise ModelError(doing, "it is no .tflite file", remedy)
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        _bring_back(model, content)
    except (ValueError, TypeError, IndexError, struct.error) as error:
        raise ModelError(doing, f"damaged or cut off: {error}", remedy) from error
    builder, shared = flatbuffers.Builder(len(content)), _Shared()
    for buffer in model.buffers:
        buffer.Pack = partial(_pack_buffer, schema, buffer)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.quantization is not None:
                tensor.quantization.Pack = partial(_pack_quantization, schema, tensor.quantization, shared)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _bring_back(model: Any, content: bytes) -> None:
    """Into the FlatBuffer, what stands behind it: constants, and the options of operators that are not LiteRT's own.

    Raises:
        ValueError: it ends behind the content.
    """
    for buffer in model.buffers:
        if buffer.offset > 1:  # 0 and 1: it is in the FlatBuffer
            buffer.data = _behind(content, buffer.offset, buffer.size)
            buffer.offset = buffer.size = 0
    for operator in chain.from_iterable(graph.operators for graph in model.subgraphs):
        if operator.largeCustomOptionsOffset > 1:
            place = operator.largeCustomOptionsOffset, operator.largeCustomOptionsSize
            operator.customOptions = _behind(content, *place)
            operator.largeCustomOptionsOffset = operator.largeCustomOptionsSize = 0


def _behind(content: bytes, offset: int, size: int) -> NDArray[np.uint8]:
    if offset + size > len(content):
        raise ValueError(f"a constant ends at byte {offset + size} of {len(content)}")
    return np.frombuffer(content, np.uint8, size, offset)


class _Shared:
    """Where in the file a vector stands already."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], int] = {}

    def vector(self, builder: Any, values: Any, kind: str) -> int:
        """Its offset; 0 if there are no values."""
        if values is None or not len(values):
            return 0
        row: NDArray[Any] = np.asarray(values, kind)
        key = (kind, row.tobytes())
        if key not in self._known:
            self._known[key] = builder.CreateNumpyVector(row)
        return self._known[key]


def _pack_quantization(schema: Any, own: Any, shared: _Shared, builder: Any) -> int:
    """The offset of a tensor's quantization, as its generated `Pack` would give it."""
    vectors = {
        "Min": shared.vector(builder, own.min, "<f4"),
        "Max": shared.vector(builder, own.max, "<f4"),
        "Scale": shared.vector(builder, own.scale, "<f4"),
        "ZeroPoint": shared.vector(builder, own.zeroPoint, "<i8"),
    }
    details = own.details.Pack(builder) if own.details is not None else 0
    schema.QuantizationParametersStart(builder)
    for name, offset in vectors.items():
        if offset:
            getattr(schema, f"QuantizationParametersAdd{name}")(builder, offset)
    schema.QuantizationParametersAddDetailsType(builder, own.detailsType)
    if details:
        schema.QuantizationParametersAddDetails(builder, details)
    schema.QuantizationParametersAddQuantizedDimension(builder, own.quantizedDimension)
    return int(schema.QuantizationParametersEnd(builder))


def _pack_buffer(schema: Any, own: Any, builder: Any) -> int:
    """The offset of a buffer, likewise; its bytes lie where kernels want them."""
    data = 0
    if own.data is not None and len(own.data):
        row = np.asarray(own.data, np.uint8).tobytes()
        builder.StartVector(1, len(row), ALIGNMENT)
        builder.head = builder.Head() - len(row)
        builder.Bytes[builder.Head() : builder.Head() + len(row)] = row
        data = builder.EndVector()
    schema.BufferStart(builder)
    if data:
        schema.BufferAddData(builder, data)
    schema.BufferAddOffset(builder, own.offset)
    schema.BufferAddSize(builder, own.size)
    return int(schema.BufferEnd(builder))
