"""Where the boxes and arrows of a network's drawing go, from top to bottom. Pure: numbers in pixels, y downwards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelworks.graph import DEQUANTIZE, QUANTIZE, Graph, Operator
from modelworks.inspecting import dtype_and_shape, printable, told_scaling

__all__ = ["BOX_HEIGHT", "BOX_WIDTH", "Arrow", "Box", "Layout", "lay_out"]

BOX_WIDTH, BOX_HEIGHT = 400.0, 44.0
COLUMN, ROW = BOX_WIDTH + 40, BOX_HEIGHT + 32
MARGIN, LANE, GAP = 24.0, 14.0, 9.0
TITLE, DETAIL = 50, 70
"""Characters that a box has room for."""


@dataclass(frozen=True, slots=True)
class Box:
    """`x` is the middle, `y` the upper edge. `dtype` is that of what comes out, `weights` that of the stored weights.

    `converts`: a block that turns one kind of number into another; `unpacks`: such blocks stand before its weights.
    """

    x: float
    y: float
    title: str
    detail: str
    dtype: str
    weights: str = ""
    converts: bool = False
    unpacks: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """A tensor on its way: a line through `points`, the head at the last; `label` stands beside the first."""

    points: tuple[tuple[float, float], ...]
    label: str


@dataclass(frozen=True, slots=True)
class Layout:
    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


@dataclass(frozen=True, slots=True)
class _Node:
    """A box that has no place yet: `takes` and `gives` are tensors."""

    title: str
    detail: str
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    weights: str = ""
    converts: bool = False
    unpacks: bool = False


def lay_out(graph: Graph) -> Layout:
    """Every operator below all that it waits for; blocks that only dequantize constants are told in their consumer."""
    nodes = _nodes(graph)
    levels = _levels(nodes)
    rows = _rows(levels)
    width = 2 * MARGIN + max(map(len, rows)) * COLUMN
    places = {
        number: (width / 2 + (place - (len(row) - 1) / 2) * COLUMN, MARGIN + level * ROW)
        for level, row in enumerate(rows)
        for place, number in enumerate(row)
    }
    boxes = tuple(_box(graph, node, *places[number]) for number, node in enumerate(nodes))
    lanes: list[list[tuple[int, int]]] = []
    arrows = tuple(_arrows(graph, nodes, levels, boxes, lanes, width))
    return Layout(width + len(lanes) * LANE, 2 * MARGIN + len(rows) * ROW, boxes, arrows)


def _box(graph: Graph, node: _Node, x: float, y: float) -> Box:
    shown = node.gives or node.takes
    dtype = graph.tensors[shown[0]].dtype if shown else ""
    return Box(x, y, node.title, node.detail, dtype, node.weights, node.converts, node.unpacks)


def _nodes(graph: Graph) -> list[_Node]:
    def end(title: str, index: int, takes: tuple[int, ...], gives: tuple[int, ...]) -> _Node:
        tensor = graph.tensors[index]
        detail = f"{dtype_and_shape(tensor)}  {told_scaling(tensor)}"
        return _Node(_short(f"{title} {tensor.name}", TITLE), _short(detail, DETAIL), takes, gives)

    return [
        *(end("input", index, (), (index,)) for index in graph.inputs),
        *(
            _node(graph, index, operator)
            for index, operator in enumerate(graph.operators)
            if not graph.unpacks(operator)
        ),
        *(end("output", index, (index,), ()) for index in graph.outputs),
    ]


def _node(graph: Graph, index: int, operator: Operator) -> _Node:
    title = _short(f"{index}  {operator.kind}", TITLE)
    if operator.kind in (QUANTIZE, DEQUANTIZE) and operator.inputs and operator.outputs:
        before, after = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        return _Node(title, f"{before.dtype} → {after.dtype}", operator.inputs, operator.outputs, converts=True)
    learned = [each for each in operator.inputs if graph.roles.get(each, "other") != "other"]
    weights = [graph.as_stored(each).dtype for each in learned if graph.roles[each] == "weights"]
    line = _short(", ".join(_of_constant(graph, each) for each in learned), DETAIL)
    unpacks = any(each in graph.sources for each in learned)
    return _Node(title, line, operator.inputs, operator.outputs, weights[0] if weights else "", unpacks=unpacks)


def _of_constant(graph: Graph, index: int) -> str:
    """Type, shape and number of scales of weights; a bias's type; and from what they are dequantized first."""
    used, stored = graph.tensors[index], graph.as_stored(index)
    before = f"{stored.dtype} → " if stored is not used else ""
    if graph.roles[index] == "bias":
        return f"bias {before}{used.dtype}"
    count = len(stored.scaling.scales) if stored.scaling else 0
    return f"weights {before}{dtype_and_shape(used)}" + (f", {count} scale{'s' * (count > 1)}" if count else "")


def _levels(nodes: Sequence[_Node]) -> list[int]:
    """Of every node: one below the lowest of those whose tensors it takes. Nodes come in running order."""
    giver = _givers(nodes)
    levels: list[int] = []
    for number, node in enumerate(nodes):
        before = [levels[giver[tensor]] for tensor in node.takes if giver.get(tensor, number) < number]
        levels.append(1 + max(before, default=-1))
    return levels


def _rows(levels: Sequence[int]) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(max(levels) + 1)]
    for number, level in enumerate(levels):
        rows[level].append(number)
    return rows


def _givers(nodes: Sequence[_Node]) -> dict[int, int]:
    return {tensor: number for number, node in enumerate(nodes) for tensor in node.gives}


def _arrows(
    graph: Graph,
    nodes: Sequence[_Node],
    levels: Sequence[int],
    boxes: Sequence[Box],
    lanes: list[list[tuple[int, int]]],
    width: float,
) -> Iterator[Arrow]:
    """Straight to the next level; an arrow that skips one takes a free lane beside the boxes. Fills `lanes`."""
    giver, labelled = _givers(nodes), set()
    last = {box.y: max(other.x for other in boxes if other.y == box.y) for box in boxes}
    for number, node in enumerate(nodes):
        for tensor in node.takes:
            source = giver.get(tensor, number)
            if source >= number:
                continue
            label = "" if tensor in labelled else dtype_and_shape(graph.tensors[tensor])
            labelled.add(tensor)
            start, end = boxes[source], boxes[number]
            if levels[number] == levels[source] + 1:
                yield Arrow(((start.x, start.y + BOX_HEIGHT), (end.x, end.y)), label)
            else:
                lane = _free_lane(lanes, (levels[source], levels[number]))
                out, into = _way_out(start, last), _way_out(end, last, above=True)[::-1]
                x = width + lane * LANE
                yield Arrow((*out, (x, out[-1][1]), (x, into[0][1]), *into), label)


def _free_lane(lanes: list[list[tuple[int, int]]], span: tuple[int, int]) -> int:
    """The first lane that nothing uses from one of these levels to the other; a new one if need be. Takes it."""
    for number, taken in enumerate(lanes):
        if all(span[1] < start or end < span[0] for start, end in taken):
            taken.append(span)
            return number
    lanes.append([span])
    return len(lanes) - 1


def _way_out(box: Box, last: Mapping[float, float], above: bool = False) -> tuple[tuple[float, float], ...]:
    """From a box to where the way to the lanes is free: its right side; or, where another box stands right of it
    (`last`: the rightmost of each row), out between the rows."""
    if box.x == last[box.y]:
        return ((box.x + BOX_WIDTH / 2, box.y + BOX_HEIGHT * (0.35 if above else 0.65)),)
    edge = box.y if above else box.y + BOX_HEIGHT
    return ((box.x, edge), (box.x, edge - GAP if above else edge + GAP))


def _short(text: str, longest: int) -> str:
    clean = printable(text)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
