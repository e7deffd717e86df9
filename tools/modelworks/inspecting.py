"""Telling what is in a .tflite file: as plain values for JSON, and as tables that a person reads."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modelworks.graph import DEQUANTIZE, QUANTIZE, Graph, Network, Operator, Tensor

__all__ = ["as_dict", "as_text", "blocks", "dtype_and_shape", "printable", "told_scaling"]

WIDTH = 120
MOST_ROWS, MOST_NAMED = 1000, 16
"""A file may hold more than anybody reads."""
_CONTROL = re.compile(r"[^ -~\u00a0-\u2027\u2030-\u2065\u2070-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd]")
LONGEST_NAME = 60
COLOURS = {QUANTIZE: "bold green", DEQUANTIZE: "bold magenta"}


def as_dict(network: Network) -> dict[str, Any]:
    """Everything, ready for JSON; tensors are spelled out where they are used."""
    stored = network.stored()
    return {
        "bytes": network.size,
        "schema_version": network.version,
        "description": network.description,
        "totals": {
            "weights_bytes": stored["weights"],
            "biases_bytes": stored["bias"],
            "other_constants_bytes": stored["other"],
            "scales_bytes": network.scaling,
            "rest_bytes": network.size - stored.total() - network.scaling,
            "parameters": network.parameters(),
            "macs": network.macs(),
        },
        "graphs": [_graph(graph) for graph in network.graphs],
    }


def as_text(network: Network, title: str, colour: bool = False) -> str:
    """What `as_dict` says that a person wants to know, in lines of at most 120 columns."""
    page = StringIO()
    console = Console(file=page, width=WIDTH, force_terminal=colour, color_system="standard" if colour else None)
    console.print(Text(f"{printable(title)}: {network.size / 1000:,.0f} kB, {printable(network.description)}"))
    for number, graph in enumerate(network.graphs):
        if number:
            console.print(Text(f"\nsubgraph {number}, {printable(graph.name)}: the body of a loop or a branch"))
        console.print(_ends(graph), _operators(graph), Text(_told_blocks(graph)), sep="\n")
    console.print(Text(_told_totals(network)))
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()) + "\n"


def blocks(graph: Graph, kind: str) -> tuple[int, ...]:
    """The indices of the operators of this kind."""
    return tuple(index for index, operator in enumerate(graph.operators) if operator.kind == kind)


def dtype_and_shape(tensor: Tensor) -> str:
    return f"{tensor.dtype} {'×'.join(map(str, tensor.shape)) or 'scalar'}"


def printable(text: str) -> str:
    """Names come from the file: nothing in them may steer a terminal, end an XML document, or fill a page."""
    clean = _CONTROL.sub("?", text[: LONGEST_NAME + 1])
    return clean if len(clean) <= LONGEST_NAME else clean[: LONGEST_NAME - 1] + "…"


def told_scaling(tensor: Tensor) -> str:
    """How a tensor's integers stand for real numbers, in a few words; empty for a float."""
    scaling = tensor.scaling
    if scaling is None:
        return ""
    if scaling.block:
        return f"scales in blocks of {scaling.block}"
    if len(scaling.scales) > 1:
        return f"{len(scaling.scales)} scales, {min(scaling.scales):.3g} to {max(scaling.scales):.3g}"
    return f"scale {scaling.scales[0]:.6g}, zero point {scaling.zero_points[0]}"


def _graph(graph: Graph) -> dict[str, Any]:
    def named(indices: Iterable[int]) -> list[dict[str, Any]]:
        return [{"tensor": index} | _tensor(graph.tensors[index]) for index in dict.fromkeys(indices)]

    return {
        "name": graph.name,
        "inputs": named(graph.inputs),
        "outputs": named(graph.outputs),
        "quantize_blocks": list(blocks(graph, QUANTIZE)),
        "dequantize_blocks": list(blocks(graph, DEQUANTIZE)),
        "operators": [{"index": index} | _operator(graph, operator) for index, operator in enumerate(graph.operators)],
        "tensors": [_tensor(tensor) for tensor in graph.tensors],
    }


def _operator(graph: Graph, operator: Operator) -> dict[str, Any]:
    return {
        "kind": operator.kind,
        "version": operator.version,
        "inputs": _used(graph, graph.activations(operator)),
        "weights": _used(graph, graph.at(operator, "weights")),
        "biases": _used(graph, graph.at(operator, "bias")),
        "other_constants": _used(graph, graph.at(operator, "other")),
        "outputs": _used(graph, operator.outputs),
        "constant_bytes": graph.stored_by(operator),
        "parameters": graph.parameters(operator),
        "macs": graph.macs(operator),
    }


def _used(graph: Graph, indices: Iterable[int]) -> list[dict[str, Any]]:
    """Tensors in brief; the graph's list has names and scales (once: many operators may share a long list)."""
    return [_brief(graph, index) for index in indices]


def _brief(graph: Graph, index: int) -> dict[str, Any]:
    """What an operator sees; `stored_dtype` is what the file has, if that is dequantized first."""
    tensor, stored = graph.tensors[index], graph.as_stored(index)
    told: dict[str, Any] = {"tensor": index, "dtype": tensor.dtype, "shape": list(tensor.shape)}
    if stored is not tensor:
        told["stored_dtype"] = stored.dtype
    if stored.scaling is not None:
        told |= {"quantization": stored.scaling.kind, "scales": len(stored.scaling.scales)}
    return told


def _tensor(tensor: Tensor) -> dict[str, Any]:
    told: dict[str, Any] = {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}
    if tensor.stored:
        told["bytes"] = tensor.stored
    if tensor.scaling is not None:
        told["quantization"] = {"kind": tensor.scaling.kind} | asdict(tensor.scaling)
    return told


def _ends(graph: Graph) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for title, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for index in indices[:MOST_NAMED]:
            tensor = graph.tensors[index]
            told = (title, printable(tensor.name), dtype_and_shape(tensor), told_scaling(tensor) or "real numbers")
            table.add_row(*map(Text, told))
    return table


def _operators(graph: Graph) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for title in ("#", "operator", "input", "weights /scales", "bias", "output", "kB", "MMAC"):
        table.add_column(title, justify="right" if title in ("#", "kB", "MMAC") else "left", overflow="fold")
    for index, operator in enumerate(graph.operators[:MOST_ROWS]):
        cells = [str(index), f"{printable(operator.kind)} v{operator.version}", *_told_operator(graph, operator)]
        table.add_row(*map(Text, cells), style=COLOURS.get(operator.kind, ""))
    if len(graph.operators) > MOST_ROWS:
        table.add_row("...", f"{len(graph.operators) - MOST_ROWS} more: --json has them all")
    return table


def _told_operator(graph: Graph, operator: Operator) -> list[str]:
    """Weights and bias as they are in the file: what dequantizes them has a line of its own."""
    size, macs = graph.stored_by(operator), graph.macs(operator)
    return [
        _joined(graph, graph.activations(operator) or graph.at(operator, "other")),
        "\n".join(_told_weights(graph.as_stored(index)) for index in graph.at(operator, "weights")[:MOST_NAMED]),
        "\n".join(dtype_and_shape(graph.as_stored(index)) for index in graph.at(operator, "bias")[:MOST_NAMED]),
        _joined(graph, operator.outputs),
        _tenths(size / 1e3),
        _tenths(macs / 1e6),
    ]


def _tenths(value: float) -> str:
    return f"{value:,.1f}" if value >= 0.05 else "<0.1" if value else ""


def _joined(graph: Graph, indices: Sequence[int]) -> str:
    lines = [dtype_and_shape(graph.tensors[index]) for index in indices[:MOST_NAMED]]
    return "\n".join([*lines, "..."] if len(indices) > MOST_NAMED else lines)


def _told_weights(tensor: Tensor) -> str:
    """Type, shape, and after the stroke how many scales."""
    if tensor.scaling is None:
        return dtype_and_shape(tensor)
    return f"{dtype_and_shape(tensor)} /{'blocks' if tensor.scaling.block else len(tensor.scaling.scales)}"


def _told_blocks(graph: Graph) -> str:
    lines = []
    for kind in (QUANTIZE, DEQUANTIZE):
        found = blocks(graph, kind)
        of_constants = [index for index in found if not graph.activations(graph.operators[index])]
        there = [str(index) for index in found if index not in of_constants]
        if there:
            more = ", ..." if len(there) > MOST_NAMED else ""
            lines.append(f"{kind.lower()} blocks: {', '.join(there[:MOST_NAMED])}{more}")
        if of_constants:
            lines.append(f"{len(of_constants)} {kind.lower()} blocks of stored weights and biases")
    return "\n".join(lines) or "no quantize or dequantize blocks"


def _told_totals(network: Network) -> str:
    stored, scaling = network.stored(), network.scaling
    return (
        f"bytes: weights {stored['weights']:,}, biases {stored['bias']:,}, other constants {stored['other']:,}, "
        f"scales {scaling:,}, the rest {network.size - stored.total() - scaling:,}; together {network.size:,}\n"
        f"{network.parameters():,} parameters, {network.macs():,} multiply-accumulates a picture"
    )
