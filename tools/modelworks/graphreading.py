"""From the bytes of a .tflite file to its graph, without an interpreter: any bytes may come.

LiteRT trusts a file and can crash on a bad one. Here every number is read by Python with its bounds checked, and
what is read altogether is bounded by the file's own length.
"""

import math
import struct
from pathlib import Path
from typing import Any

from appliance.errors import ModelError
from modelworks.graph import Graph, Network, Operator, Scaling, Tensor

__all__ = ["LARGEST", "read_network", "read_network_file"]

LARGEST = 2**31 - 1
"""No FlatBuffer is longer: its offsets are signed 32-bit numbers. https://flatbuffers.dev/internals/"""
LARGEST_RANK = 32
SHARED = 2
"""Parts of a FlatBuffer may be shared, and hardly ever are: what is read altogether is at most so many file lengths."""
LARGEST_GRAPH = 100_000
"""Tensors and operators together; a MobileNet has about 150, and reading so many takes two seconds."""
IDENTIFIER = b"TFL3"
REMEDY = "name a whole .tflite file; convert or copy it again"
BLOCKWISE = 2
"""QuantizationDetails.BlockwiseQuantization"""
BITS = {
    "FLOAT32": 32, "FLOAT16": 16, "BFLOAT16": 16, "FLOAT64": 64, "BOOL": 8, "INT2": 2, "INT4": 4, "INT8": 8,
    "INT16": 16, "INT32": 32, "INT64": 64, "UINT4": 4, "UINT8": 8, "UINT16": 16, "UINT32": 32, "UINT64": 64,
    "COMPLEX64": 64, "COMPLEX128": 128,
}  # fmt: skip
"""Types whose length in a file follows from the shape; a STRING's does not."""


def read_network_file(path: Path) -> Network:
    """The network in a file.

    Raises:
        ModelError: it cannot be read, is too long, or is no whole .tflite file.
    """
    doing = f"reading {path}"
    try:
        if not path.is_file():
            raise ModelError(doing, "there is no such file", "name a .tflite file or a model directory")
        if path.stat().st_size > LARGEST:
            raise ModelError(doing, "longer than any .tflite file can be", REMEDY)
        return read_network(path.read_bytes(), path.name)
    except OSError as error:
        raise ModelError(doing, error.strerror or str(error), REMEDY) from error


def read_network(content: bytes, name: str) -> Network:
    """The network in these bytes; `name` is for messages.

    Raises:
        ModelError: they are not a whole .tflite file, or contradict themselves.
    """
    doing = f"reading {name}"
    if content[4:8] != IDENTIFIER:
        raise ModelError(doing, "it is not a TensorFlow Lite file", REMEDY)
    try:
        return _Reader(content).network()
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, AssertionError, struct.error) as error:
        raise ModelError(doing, f"damaged or cut off: {error}", REMEDY) from error


class _Reader:
    """Walks through one file. Its methods raise whatever a bad offset leads to; `read_network` translates."""

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema: Any = schema
        self._size = len(content)
        self._left = SHARED * len(content)
        self._tables = LARGEST_GRAPH
        self._scalings: dict[int, int] = {}  # Where a list of scales or zero points stands -> its length in bytes.
        self._model = schema.Model.GetRootAs(content, 0)
        self._dtypes = _names(schema.TensorType)
        self._kinds = _names(schema.BuiltinOperator)

    def network(self) -> Network:
        model = self._model
        stored = [self._stored(model.Buffers(index)) for index in self._tables_of(model.BuffersLength())]
        kinds = [self._kind(model.OperatorCodes(index)) for index in self._tables_of(model.OperatorCodesLength())]
        graphs = tuple(
            self._graph(model.Subgraphs(index), kinds, stored) for index in self._tables_of(model.SubgraphsLength())
        )
        if not graphs or not graphs[0].operators:
            raise ValueError("there is no operator in it")
        return Network(
            self._size, int(model.Version()), self._text(model.Description()), graphs, sum(self._scalings.values())
        )

    def _tables_of(self, count: int) -> range:
        """Charge for tables before they are read: each has an offset to it and one to its fields."""
        self._tables -= count
        if self._tables < 0:
            raise ValueError(f"more than {LARGEST_GRAPH} parts")
        self._charge(8 * count)
        return range(count)

    def _charge(self, length: int) -> None:
        self._left -= length
        if self._left < 0:
            raise ValueError("its lists are longer than the file")

    def _numbers(self, vector: Any) -> tuple[Any, ...]:
        """A vector of numbers; the schema's reader gives 0 for one that is absent."""
        if isinstance(vector, int):
            return ()
        self._charge(vector.nbytes)
        return tuple(vector.tolist())

    def _text(self, raw: bytes | None) -> str:
        self._charge(len(raw or b""))
        return (raw or b"").decode("utf-8", "replace")

    def _stored(self, buffer: Any) -> int:
        """A buffer's length; numpy has checked that it lies within the file."""
        data = buffer.DataAsNumpy()
        length = 0 if isinstance(data, int) else len(data)
        if buffer.Offset() > 1:  # Kept outside the FlatBuffer, for files above 2 GB.
            length = buffer.Size()
        if length > self._size:
            raise ValueError("a constant is longer than the file")
        return int(length)

    def _kind(self, code: Any) -> tuple[str, int]:
        # Codes above 127 are in the newer field; older files fill only the other.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = self._kinds[number]
        return (f"CUSTOM {self._text(code.CustomCode())}" if kind == "CUSTOM" else kind), int(code.Version())

    def _graph(self, raw: Any, kinds: list[tuple[str, int]], stored: list[int]) -> Graph:
        tensors = tuple(self._tensor(raw.Tensors(index), stored) for index in self._tables_of(raw.TensorsLength()))
        count = len(tensors)
        operators = tuple(
            self._operator(raw.Operators(index), kinds, count) for index in self._tables_of(raw.OperatorsLength())
        )
        ends = [_within(self._numbers(each), count) for each in (raw.InputsAsNumpy(), raw.OutputsAsNumpy())]
        return Graph(self._text(raw.Name()), tensors, operators, *ends)

    def _operator(self, raw: Any, kinds: list[tuple[str, int]], tensors: int) -> Operator:
        kind, version = kinds[raw.OpcodeIndex()]
        inputs = _within(self._numbers(raw.InputsAsNumpy()), tensors, optional=True)
        return Operator(kind, version, inputs, _within(self._numbers(raw.OutputsAsNumpy()), tensors))

    def _tensor(self, raw: Any, stored: list[int]) -> Tensor:
        dtype, shape = self._dtypes[raw.Type()], self._numbers(raw.ShapeAsNumpy())
        length, name = stored[raw.Buffer()], self._text(raw.Name())
        if len(shape) > LARGEST_RANK or any(side < -1 for side in shape):
            raise ValueError(f"the shape {list(shape[:LARGEST_RANK])} of tensor {name!r} is none")
        if length and raw.Sparsity() is None and dtype in BITS:
            wanted = (math.prod(shape) * BITS[dtype] + 7) // 8
            if length != wanted:
                raise ValueError(f"tensor {name!r} has {length} bytes, and its shape asks for {wanted}")
        return Tensor(name, dtype.lower(), shape, raw.Buffer(), length, self._scaling(raw.Quantization(), shape))

    def _scaling(self, raw: Any, shape: tuple[int, ...]) -> Scaling | None:
        if raw is None:
            return None
        if raw.DetailsType() == BLOCKWISE:
            return self._blockwise(raw)
        listed = (raw.ScaleAsNumpy(), raw.ZeroPointAsNumpy())
        scales, zero_points = map(self._numbers, listed)
        for each in listed:
            if not isinstance(each, int):
                self._scalings[each.__array_interface__["data"][0]] = each.nbytes
        if not scales:
            return None
        if not all(map(math.isfinite, scales)):
            raise ValueError("a scale is not a number")
        axis = int(raw.QuantizedDimension())
        if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
            raise ValueError(f"{len(scales)} scales do not fit the shape {list(shape)}")
        return Scaling(scales, zero_points or (0,), axis)

    def _blockwise(self, raw: Any) -> Scaling:
        details = self._schema.BlockwiseQuantization()
        table = raw.Details()
        if table is None:
            raise ValueError("a blockwise quantization says nothing of its blocks")
        details.Init(table.Bytes, table.Pos)
        return Scaling((), (), 0, max(1, int(details.BlockSize())))


def _names(enumeration: type) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if isinstance(number, int)}


def _within(indices: tuple[int, ...], count: int, optional: bool = False) -> tuple[int, ...]:
    lowest = -1 if optional else 0
    if any(not lowest <= index < count for index in indices):
        raise ValueError("an operator names a tensor that is not there")
    return indices
