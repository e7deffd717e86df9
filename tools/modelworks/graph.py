"""What a .tflite file holds, as records, and what can be counted in it. Pure: no bytes are read here."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

__all__ = ["DEQUANTIZE", "QUANTIZE", "Graph", "Network", "Operator", "Role", "Scaling", "Tensor"]

Role = Literal["weights", "bias", "other"]

QUANTIZE, DEQUANTIZE = "QUANTIZE", "DEQUANTIZE"
WEIGHTS_AND_BIAS = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
"""Operator -> which of its inputs are weights and bias. Source: the operators' doc comments in TensorFlow's
tensorflow/compiler/mlir/lite/ir/tfl_ops.td."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """real = (q - zero_point) * scale. Several scales: one for each index along `axis`, or each `block` numbers."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0
    block: int = 0

    @property
    def kind(self) -> str:
        if self.block:
            return "blockwise"
        return "per tensor" if len(self.scales) == 1 else "per channel"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A node between operators. `stored` is its length in the file in bytes, 0 if it is computed.

    Tensors with one `buffer` share their bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    buffer: int = 0
    stored: int = 0
    scaling: Scaling | None = None

    @property
    def elements(self) -> int:
        """How many numbers it holds; a dimension known only at run time counts as 1."""
        return math.prod(max(side, 1) if side < 0 else side for side in self.shape)


@dataclass(frozen=True, slots=True)
class Operator:
    """`inputs` and `outputs` are indices into the graph's tensors; the input -1 is an optional one left out."""

    kind: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Operators in the order in which they run.

    What follows from them: `roles`, what each tensor that is the same for every picture serves as; `sources`, from
    which stored tensor a dequantized one comes.
    """

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    roles: Mapping[int, Role] = field(init=False, compare=False)
    sources: Mapping[int, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", MappingProxyType(_roles(self.tensors, self.operators)))
        unpacked = (each for each in self.operators if self.unpacks(each))
        object.__setattr__(self, "sources", MappingProxyType({each.outputs[0]: each.inputs[0] for each in unpacked}))

    def at(self, operator: Operator, role: Role) -> tuple[int, ...]:
        """The operator's inputs that serve as `role` and are the same for every picture."""
        return tuple(each for each, own in self._inputs(operator) if own == role)

    def activations(self, operator: Operator) -> tuple[int, ...]:
        """The operator's inputs that depend on the picture."""
        return tuple(each for each, own in self._inputs(operator) if own is None)

    def unpacks(self, operator: Operator) -> bool:
        """Does it only dequantize a constant?"""
        ends = operator.inputs and operator.outputs and operator.inputs[0] >= 0
        return bool(ends) and operator.kind == DEQUANTIZE and not self.activations(operator)

    def as_stored(self, index: int) -> Tensor:
        """The tensor as it is in the file, before a block dequantizes it."""
        return self.tensors[self.sources.get(index, index)]

    def stored_by(self, operator: Operator) -> int:
        """Bytes of the constants that the operator takes straight from the file."""
        return sum(self.tensors[index].stored for index in set(operator.inputs) if index >= 0)

    def macs(self, operator: Operator) -> int:
        """Multiply-accumulates of a convolution or a fully connected layer; 0 for all others."""
        weights = self.at(operator, "weights")
        if len(weights) != 1 or not operator.outputs:
            return 0
        shape, out = self.tensors[weights[0]].shape, self.tensors[operator.outputs[0]].elements
        if operator.kind == "DEPTHWISE_CONV_2D":
            return out * math.prod(shape[1:3])
        if operator.kind in ("CONV_2D", "FULLY_CONNECTED"):
            return out * math.prod(shape[1:])
        return 0

    def parameters(self, operator: Operator) -> int:
        """How many numbers were learned for the operator."""
        learned = (*self.at(operator, "weights"), *self.at(operator, "bias"))
        return sum(self.tensors[index].elements for index in learned)

    def _inputs(self, operator: Operator) -> Iterator[tuple[int, Role | None]]:
        for place, index in enumerate(operator.inputs):
            if index >= 0:
                yield index, _role_by_place(operator, place) if index in self.roles else None


@dataclass(frozen=True, slots=True)
class Network:
    """A whole file of `size` bytes; `graphs[0]` is the one that runs, the others are bodies of its loops.

    `scaling`: bytes of all scales (4 each) and zero points (8 each), a list that several tensors share counted once:
    per channel, they weigh more than the biases.
    """

    size: int
    version: int
    description: str
    graphs: tuple[Graph, ...]
    scaling: int

    def stored(self) -> Counter[Role]:
        """Bytes of all constants by role; a buffer that several tensors share counts once, as what it is first."""
        buffers: dict[int, tuple[Role, int]] = {}
        for graph in self.graphs:
            for index, tensor in enumerate(graph.tensors):
                if tensor.stored:
                    buffers.setdefault(tensor.buffer, (graph.roles.get(index, "other"), tensor.stored))
        total: Counter[Role] = Counter({"weights": 0, "bias": 0, "other": 0})
        for role, size in buffers.values():
            total[role] += size
        return total

    def parameters(self) -> int:
        return sum(graph.parameters(operator) for graph in self.graphs for operator in graph.operators)

    def macs(self) -> int:
        """Multiply-accumulates for one pass through `graphs[0]`."""
        return sum(self.graphs[0].macs(operator) for operator in self.graphs[0].operators)


def _role_by_place(operator: Operator, place: int) -> Role:
    weights, bias = WEIGHTS_AND_BIAS.get(operator.kind, (None, None))
    return "weights" if place == weights else "bias" if place == bias else "other"


def _roles(tensors: tuple[Tensor, ...], operators: tuple[Operator, ...]) -> dict[int, Role]:
    """What each constant serves as; a constant that is dequantized first serves as what comes out.

    Operators run in order, so backwards every consumer is seen before the block that feeds it.
    """
    roles: dict[int, Role] = {}
    constant = _constants(tensors, operators)
    for operator in reversed(operators):
        for place, index in enumerate(operator.inputs):
            if index not in constant:
                continue
            through = roles.get(operator.outputs[0]) if operator.kind == DEQUANTIZE and operator.outputs else None
            roles.setdefault(index, through or _role_by_place(operator, place))
    return roles


def _constants(tensors: tuple[Tensor, ...], operators: tuple[Operator, ...]) -> set[int]:
    """Tensors that are the same for every picture: stored, or dequantized from such."""
    constant = {index for index, tensor in enumerate(tensors) if tensor.stored}
    for operator in operators:
        if operator.kind == DEQUANTIZE and set(operator.inputs) <= constant:
            constant.update(operator.outputs)
    return constant
