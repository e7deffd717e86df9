"""Drawing the files of a run against each other: quality over size and over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from modelworks.report.findings import Findings
from modelworks.report.labelplacing import Rectangle, place_labels
from modelworks.report.words import value_at

__all__ = ["Dot", "dots_of", "draw_trade"]

STYLES: dict[str, dict[str, Any]] = {
    "chosen": {"color": "#c2185b", "marker": "*", "markersize": 14, "zorder": 4},
    "on the front": {"color": "#1565c0", "marker": "o", "markersize": 7, "zorder": 3},
    "refused by a gate": {"color": "#5f6368", "marker": "x", "markersize": 7, "zorder": 2},
    "bettered by another": {"color": "#5f6368", "marker": "o", "markersize": 6, "zorder": 2, "fillstyle": "none"},
}
TICKS = (1, 2, 5)
REACH = 2.0
"""How far from the chosen file the plot shows others, in widths of its 95 % interval."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A file in the plot. `quality` with its interval is in per cent for an accuracy; `standing` is a key of STYLES."""

    name: str
    cost: float
    quality: float
    low: float
    high: float
    standing: str


def dots_of(findings: Findings, *cost: str) -> tuple[Dot, ...]:
    """Every file whose cost (the path of a row's key) is known, with the quality by which it was judged."""
    return tuple(
        _dot(findings, row, float(value_at(row, *cost)))
        for row in findings.rows
        if value_at(row, *cost) is not None and _judged(findings, row) is not None
    )


def draw_trade(dots: Sequence[Dot], cost: str, quality: str) -> bytes:
    """An SVG of quality over cost, the axes so named; every dot with its name beside it."""
    with matplotlib.rc_context({"svg.hashsalt": "modelworks", "text.parse_math": False, "font.size": 10}):
        # An SVG has 72 dots an inch: so the labels are placed in its own coordinates.
        figure = Figure(figsize=(5.0, 4.2), dpi=72, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        shown = _within_reach(dots)
        _scatter(axes, shown)
        axes.set(xlabel=cost, ylabel=quality, xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=TICKS))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}".replace(",", "\u202f")))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(0.2, 0.12)
        axes.grid(alpha=0.25)
        figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
        _label(figure, axes, shown)
        drawn = BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()


def _within_reach(dots: Sequence[Dot]) -> list[Dot]:
    """A file far from the chosen one presses the others into a line: it moves to the edge, its value in its name."""
    chosen = min(dots, key=lambda dot: list(STYLES).index(dot.standing))
    reach = REACH * (chosen.high - chosen.low or abs(chosen.quality) or 1.0)
    return [_at_edge(dot, chosen.quality - reach, chosen.quality + reach) for dot in dots]


def _at_edge(dot: Dot, low: float, high: float) -> Dot:
    if low <= dot.quality <= high:
        return replace(dot, low=max(dot.low, low), high=min(dot.high, high))
    edge, arrow = (low, "↓") if dot.quality < low else (high, "↑")
    return replace(dot, name=f"{dot.name} {arrow} {dot.quality:.3g}", quality=edge, low=edge, high=edge)


def _judged(findings: Findings, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = row.get(f"validation_{findings.metric}") or row.get(findings.metric)
    return found


def _dot(findings: Findings, row: Mapping[str, Any], cost: float) -> Dot:
    share = _judged(findings, row) or {}
    scale = 100.0 if findings.metric == "accuracy" else 1.0
    value = scale * share["value"]
    low, high = scale * share.get("low", share["value"]), scale * share.get("high", share["value"])
    return Dot(row["name"], cost, value, low, high, _standing(findings, row["name"]))


def _standing(findings: Findings, name: str) -> str:
    selection = findings.raw["selection"]
    if name == selection["choice"]:
        return "chosen"
    if findings.objectives(name).get("refused"):
        return "refused by a gate"
    return "on the front" if name in selection.get("front", ()) else "bettered by another"


def _scatter(axes: Axes, dots: Sequence[Dot]) -> None:
    for standing, style in STYLES.items():
        group = [dot for dot in dots if dot.standing == standing]
        if not group:
            continue
        costs, values = [dot.cost for dot in group], [dot.quality for dot in group]
        reach = [[dot.quality - dot.low for dot in group], [dot.high - dot.quality for dot in group]]
        axes.errorbar(costs, values, yerr=reach, fmt="none", ecolor="#bdbdbd", elinewidth=1, zorder=1)
        axes.plot(costs, values, linestyle="none", label=standing, **style)


def _label(figure: Figure, axes: Axes, dots: Sequence[Dot]) -> None:
    """Names beside the dots; a thin line to a name that had to go far."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    ordered = sorted(dots, key=lambda dot: list(STYLES).index(dot.standing))
    points = [tuple(axes.transData.transform((dot.cost, dot.quality))) for dot in ordered]
    texts = [axes.text(0, 0, dot.name, fontsize=8.5, transform=None, zorder=5) for dot in ordered]
    for text, dot in zip(texts, ordered, strict=True):
        text.set(color=STYLES[dot.standing]["color"], weight="bold" if dot.standing == "chosen" else "normal")
    extents = [text.get_window_extent() for text in texts]
    sizes = [(extent.width + 4, extent.height + 4) for extent in extents]
    frame = axes.get_window_extent()
    room = Rectangle(frame.x0, frame.y0, frame.width, frame.height)
    for text, point, place in zip(texts, points, place_labels(points, sizes, room), strict=True):
        text.set_position((place.x + 2, place.y + 4))
        nearest = (_within(point[0], place.x, place.width), _within(point[1], place.y, place.height))
        if (point[0] - nearest[0]) ** 2 + (point[1] - nearest[1]) ** 2 > 14**2:
            ends = axes.transData.inverted().transform([point, nearest])
            axes.plot(ends[:, 0], ends[:, 1], color="#9e9e9e", linewidth=0.6, zorder=1, scalex=False, scaley=False)


def _within(value: float, start: float, length: float) -> float:
    return min(max(value, start), start + length)
