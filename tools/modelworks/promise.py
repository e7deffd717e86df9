"""Holding a .tflite file to what its recipe promises: a converter can fall back to float32 and say nothing."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.errors import ModelError
from modelworks.graph import Graph, Network, Tensor
from modelworks.graphreading import read_network
from modelworks.quantrecipes import QuantRecipe

__all__ = ["check", "check_all_differ"]

WEIGHT_TYPES = {32: "float32", 16: "float16", 8: "int8", 4: "int4"}
ACTIVATION_TYPES = {32: "float32", 16: "int16", 8: "int8"}
BIAS_TYPES = {32: "float32", 16: "int64", 8: "int32"}
"""By the activations' bits. Source: https://ai.google.dev/edge/litert/models/quantization_spec"""
LEAST_SHARE = 0.9
"""Of the weights, how many must have the promised type where the recipe lets a rest keep another."""
REMEDY = "leave this recipe out with --recipe, and report the versions in its .recipe.json"


def check(content: bytes, recipe: QuantRecipe, reference_size: int) -> None:
    """Compare the types, the scales and the size of a file with the recipe; `reference_size` is float32's, in bytes.

    Raises:
        ModelError: one is not as promised, or the bytes are no .tflite file.
    """
    network = read_network(content, f"{recipe.name}.tflite")
    if broken := next(_broken(network, recipe, reference_size), None):
        raise ModelError(f"checking {recipe.name}.tflite against its recipe", broken, REMEDY)


def check_all_differ(contents: Mapping[str, bytes]) -> None:
    """No two recipes may have made the same tensors: one of them then did nothing.

    Raises:
        ModelError: two did; the message names them.
    """
    made: dict[str, str] = {}
    for name, content in contents.items():
        other = made.setdefault(_fingerprint(content), name)
        if other != name:
            raise ModelError("comparing the files", f"{other} and {name} hold the same tensors", REMEDY)


def _broken(network: Network, recipe: QuantRecipe, reference_size: int) -> Iterator[str]:
    """A sentence for each promise that is not kept."""
    graph = network.graphs[0]
    yield from _ends(graph, recipe)
    yield from _weights(graph, recipe)
    yield from _computation(graph, recipe)
    yield from _biases(graph, recipe)
    yield from _activations(graph, recipe)
    if network.size > recipe.largest_share * reference_size:
        yield f"{network.size} bytes, over {recipe.largest_share:.0%} of float32's {reference_size}"


def _ends(graph: Graph, recipe: QuantRecipe) -> Iterator[str]:
    found = [graph.tensors[index].dtype for index in (*graph.inputs, *graph.outputs)]
    if found != [recipe.ends, recipe.ends]:
        yield f"{', '.join(found)} at its ends instead of {recipe.ends} in and out"


def _weights(graph: Graph, recipe: QuantRecipe) -> Iterator[str]:
    promised, weights = WEIGHT_TYPES[recipe.weights], _stored(graph, "weights")
    elements: Counter[str] = Counter()
    for tensor in weights:
        elements[tensor.dtype] += tensor.elements
    strange = set(elements) - {promised, WEIGHT_TYPES.get(recipe.rest, promised)}
    share = elements[promised] / max(1, elements.total())
    if strange or share < (LEAST_SHARE if recipe.rest else 1.0):
        yield f"weights of {dict(elements)} elements where {promised} was promised"
    kind = "per channel" if recipe.per_channel else "per tensor"
    for tensor in weights:
        if tensor.scaling is not None and tensor.scaling.kind != kind and tensor.shape[tensor.scaling.axis] > 1:
            yield f"weights scaled {tensor.scaling.kind} where {kind} was promised: {tensor.name}"


def _computation(graph: Graph, recipe: QuantRecipe) -> Iterator[str]:
    """Do operators take the weights as they are stored, or float32 from a DEQUANTIZE before them?"""
    in_float32 = recipe.method == "weights" or recipe.weights == 16
    for operator in graph.operators:
        for stored in (bool(graph.tensors[index].stored) for index in graph.at(operator, "weights")):
            if stored == in_float32:
                taken = "as stored" if stored else "through a DEQUANTIZE"
                yield f"{operator.kind} takes its weights {taken}, which was not promised"


def _biases(graph: Graph, recipe: QuantRecipe) -> Iterator[str]:
    promised = "float16" if recipe.weights == 16 else BIAS_TYPES[recipe.activations]
    found = {tensor.dtype for tensor in _stored(graph, "bias")}
    if found - {promised}:
        yield f"biases of {', '.join(sorted(found))} where {promised} was promised"


def _activations(graph: Graph, recipe: QuantRecipe) -> Iterator[str]:
    """All that depends on the picture, but for the two ends."""
    promised, ends = ACTIVATION_TYPES[recipe.activations], {*graph.inputs, *graph.outputs}
    found = {
        tensor.dtype
        for index, tensor in enumerate(graph.tensors)
        if not tensor.stored and index not in graph.roles and index not in ends
    }
    if found - {promised}:
        yield f"activations of {', '.join(sorted(found))} where {promised} was promised"


def _stored(graph: Graph, role: str) -> list[Tensor]:
    return [graph.tensors[i] for i, found in graph.roles.items() if found == role and graph.tensors[i].stored]


def _fingerprint(content: bytes) -> str:
    """Equal for files whose tensors have the same types, shapes, scales and values, whatever their names."""
    tensors = [tensor for graph in read_network(content, "a file").graphs for tensor in graph.tensors]
    described = [f"{tensor.dtype} {tensor.shape} {tensor.scaling}" for tensor in tensors]
    return hashlib.sha256("\n".join(sorted([*described, *_constants(content)])).encode()).hexdigest()


def _constants(content: bytes) -> list[str]:
    """The SHA-256 of every buffer that a tensor of this file can hold."""
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.Model.GetRootAs(content, 0)
    used = {
        model.Subgraphs(g).Tensors(t).Buffer()
        for g in range(model.SubgraphsLength())
        for t in range(model.Subgraphs(g).TensorsLength())
    }
    raw = (model.Buffers(index).DataAsNumpy() for index in used)
    return [hashlib.sha256(each.tobytes()).hexdigest() for each in raw if not isinstance(each, int)]
