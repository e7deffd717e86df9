"""Drawing a network's graph as SVG or PNG: boxes coloured by type, blocks that quantize or dequantize framed."""

from io import BytesIO

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch

from appliance.errors import UsageError
from modelworks.graph import Graph
from modelworks.graphlayout import BOX_HEIGHT, BOX_WIDTH, Arrow, Box, Layout, lay_out
from modelworks.inspecting import printable

__all__ = ["draw"]

COLOURS = {
    "float32": "#cfe2ff",
    "float16": "#e0d4fd",
    "int8": "#d1f0d9",
    "uint8": "#fff1b8",
    "int16": "#ffd8bf",
    "int4": "#b9ecec",
    "int32": "#e3e3e3",
}
OTHER = "#f4f4f4"
FRAME = "#c2185b"
"""Around every block that turns one kind of number into another."""
LINE = "#444444"
HEAD, STRIPE = 64.0, 22.0
DPI = 100
MOST_OPERATORS, MOST_LINES, MOST_PIXELS, LONGEST_SIDE = 500, 5_000, 100e6, 60_000


def draw(graph: Graph, title: str, form: str) -> bytes:
    """The graph as a file of the form "svg" or "png"; equal for equal graphs.

    Raises:
        UsageError: it is too large to be looked at.
    """
    doing, remedy = f"drawing {printable(title)}", "read the table or --json"
    lines = sum(len(operator.inputs) for operator in graph.operators)
    if len(graph.operators) > MOST_OPERATORS or lines > MOST_LINES:
        found = f"{len(graph.operators)} operators with {lines} inputs"
        raise UsageError(doing, found, f"{remedy}: a drawing has at most {MOST_OPERATORS}, with {MOST_LINES}")
    layout = lay_out(graph)
    width, height = layout.width, layout.height + HEAD
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise UsageError(doing, f"it would have {width:.0f} x {height:.0f} pixels", remedy)
    # Text stays text in the SVG: it can be searched. No date, fixed names: equal graphs give equal files.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "modelworks", "text.parse_math": False}):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        _fill(figure, layout, title)
        drawn = BytesIO()
        figure.savefig(drawn, format=form, metadata={"Date": None} if form == "svg" else None)
    return drawn.getvalue()


def _fill(figure: Figure, layout: Layout, title: str) -> None:
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, layout.width), ylim=(layout.height, -HEAD))
    axes.axis("off")
    axes.text(layout.width / 2, -HEAD + 18, printable(title), ha="center", va="center", fontsize=11, weight="bold")
    _legend(axes, layout)
    for arrow in layout.arrows:
        _arrow(axes, arrow)
    for box in layout.boxes:
        _box(axes, box)


def _legend(axes: Axes, layout: Layout) -> None:
    """Only the types that occur; the frame if there is one."""
    dtypes = dict.fromkeys(dtype for box in layout.boxes for dtype in (box.dtype, box.weights) if dtype)
    handles = [Patch(facecolor=_colour(dtype), edgecolor="black", label=dtype) for dtype in dtypes]
    if any(box.converts or box.unpacks for box in layout.boxes):
        handles.append(Patch(facecolor="white", edgecolor=FRAME, linewidth=2, label="quantize, dequantize"))
    anchor = (0.5, 1 - 26 / (layout.height + HEAD))
    title = "box: what comes out; stripe: the stored weights"
    legend = axes.legend(
        handles=handles, title=title, loc="upper center", bbox_to_anchor=anchor, ncols=8, frameon=False, fontsize=7
    )
    legend.get_title().set_fontsize(7)


def _arrow(axes: Axes, arrow: Arrow) -> None:
    *line, last = arrow.points
    if len(line) > 1:
        axes.plot(*zip(*line, strict=True), color=LINE, linewidth=1)
    axes.annotate("", xy=last, xytext=line[-1], arrowprops={"arrowstyle": "->", "color": LINE, "shrinkA": 0})
    (x, y), downwards = arrow.points[0], arrow.points[1][1] > arrow.points[0][1]
    drop = 15 if downwards else -6
    axes.text(x + 6, y + drop, arrow.label, fontsize=6.5, va="center", color="#333333")


def _box(axes: Axes, box: Box) -> None:
    left = box.x - BOX_WIDTH / 2
    axes.add_patch(_rectangle(left, box.y, BOX_WIDTH, box.dtype, box.converts))
    if box.weights:
        axes.add_patch(_rectangle(left, box.y, STRIPE, box.weights, box.unpacks))
    middle = box.y + BOX_HEIGHT * (0.33 if box.detail else 0.5)
    axes.text(box.x, middle, box.title, ha="center", va="center", fontsize=8, weight="bold", color="black")
    axes.text(box.x, box.y + BOX_HEIGHT * 0.74, box.detail, ha="center", va="center", fontsize=7, color="black")


def _rectangle(left: float, top: float, width: float, dtype: str, framed: bool) -> FancyBboxPatch:
    return FancyBboxPatch(
        (left, top),
        width,
        BOX_HEIGHT,
        boxstyle="round,pad=0,rounding_size=6",
        facecolor=_colour(dtype),
        edgecolor=FRAME if framed else "#222222",
        linewidth=2.2 if framed else 0.8,
    )


def _colour(dtype: str) -> str:
    return COLOURS.get(dtype, OTHER)
