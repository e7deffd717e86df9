"""The report itself: findings and pictures laid into one HTML file that needs nothing else."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError

from appliance.errors import UsageError
from modelworks.calibrationplot import draw_sweep
from modelworks.latencies import other_machine
from modelworks.plot import draw_curves
from modelworks.report import tables, words
from modelworks.report.findings import Findings
from modelworks.report.gallery import Shown
from modelworks.report.plots import dots_of, draw_trade

__all__ = ["Album", "Figure", "page"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot, ready for an `img`."""

    uri: str
    alt: str


@dataclass(frozen=True, slots=True)
class Album:
    """The pictures of a report, `licence` in the user's words; `count` is of all mistakes, shown or not."""

    mistakes: Sequence[Shown]
    right: Sequence[Shown]
    count: int
    grid: int
    licence: str = ""

    @property
    def looked(self) -> list[Shown]:
        """The mistakes with heat."""
        return [shown for shown in self.mistakes if shown.heat]


def page(findings: Findings, album: Album | None, command: str) -> str:
    """The HTML; `album` None for a report without pictures, `command` is the line that makes it.

    Raises:
        UsageError: a file of the run lacks what this version wants to show.
    """
    environment = Environment(
        loader=PackageLoader("modelworks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"uri": _uri, "percent": words.percent, "number": words.number}
    try:
        return environment.get_template("report.html").render(_context(findings, command), album=album)
    except (UndefinedError, KeyError, TypeError) as error:
        found = f"a file of the run is not what this version writes: {error}"
        raise UsageError(f"reporting on {findings.name}", found, "`modelworks validate` and `select` again") from error


def _context(findings: Findings, command: str) -> dict[str, Any]:
    return {
        "findings": findings,
        "recipe": findings.recipe,
        "validation": findings.raw["validation"],
        "selection": findings.raw["selection"],
        "metric": findings.metric,
        "tiles": _tiles(findings),
        "gates": _gates(findings),
        "files": tables.file_table(findings),
        "timings": tables.timing_table(findings),
        "trades": _trades(findings),
        "classes": tables.class_table(findings.chosen),
        "confusions": _confusions(findings),
        "curves": _curves(findings.raw.get("history")),
        "sweeps": _sweeps(findings.raw["figures"]),
        "folds": tables.fold_table(findings),
        "commands": _commands(findings, command),
        "versions": _versions(findings),
    }


def _tiles(findings: Findings) -> list[tuple[str, str, str]]:
    """(value, what it is, beside it): the chosen file at a glance."""
    chosen, reference, metric = findings.chosen, findings.reference, findings.metric
    loss = tables.loss_cell(chosen.get("paired_loss"))
    share = words.value_at(chosen, "kb"), words.value_at(reference, "kb")
    of = f"{words.percent(share[0] / share[1], 0)} of float32" if all(share) else ""
    right = words.interval(chosen.get(metric), metric)
    tiles = [
        (
            words.quality(words.value_at(chosen, metric, "value"), metric),
            "right on test pictures" if metric == "accuracy" else "mean squared error on test pictures",
            f"95 % interval {right}" if right else "",
        ),
        (
            loss.text,
            "points lost against float32" if metric == "accuracy" else "% of MSE lost against float32",
            loss.beside,
        ),
        (f"{words.number(chosen.get('kb'), 0)} kB", "file", of),
        (
            f"{words.number(words.value_at(chosen, 'ms', 'median'), 2)} ms",
            f"for a picture, median{_elsewhere(findings)}",
            f"p95 {words.number(words.value_at(chosen, 'ms', 'p95'), 2)} ms",
        ),
    ]
    return [tile for tile in tiles if not tile[0].startswith(words.MISSING)]


def _elsewhere(findings: Findings) -> str:
    """Whose times they are, if this computer did not measure them: nobody may take them for a measurement."""
    machine = other_machine(findings.raw["validation"].get("latencies", {}).get("source", ""))
    return f", by the times of {machine}" if machine else ""


def _gates(findings: Findings) -> list[str]:
    """What `select` asked of every file, in words; a gate of a later version by its name."""
    lost = "points of accuracy" if findings.metric == "accuracy" else "% of MSE"
    units = {"max_loss": f"{lost} lost", "max_p95": "ms p95", "max_kb": "kB"}
    given = findings.raw["selection"].get("gates") or {}
    return [f"at most {value:g} {units.get(name, name)}" for name, value in given.items() if value is not None]


def _trades(findings: Findings) -> list[Figure]:
    unit = "accuracy, %" if findings.metric == "accuracy" else "MSE"
    part = "validation" if any(f"validation_{findings.metric}" in row for row in findings.rows) else "test"
    figures = []
    for title, path in (("size, kB", ("kb",)), ("time for a picture, ms", ("ms", "median"))):
        if dots := dots_of(findings, *path):
            alt = f"{part} {unit} over {title}: " + "; ".join(
                f"{dot.name} {dot.quality:.4g} at {dot.cost:.4g}, {dot.standing}" for dot in dots
            )
            figures.append(Figure(_uri(draw_trade(dots, title, f"{part} {unit}"), "svg+xml"), alt))
    return figures


def _confusions(findings: Findings) -> list[tables.Confusion]:
    labels = findings.raw["validation"].get("labels", ())
    rows = {row["name"]: row for row in (findings.chosen, findings.reference)}
    return [found for row in rows.values() if (found := tables.confusion(row, labels))]


def _curves(history: Mapping[str, Any] | None) -> Figure | None:
    if not history or not history.get("epochs"):
        return None
    best = history["best"]
    alt = f"Loss and validation accuracy over {len(history['epochs'])} epochs; epoch {best} was chosen."
    return Figure(_uri(draw_curves(history), "png"), alt)


def _sweeps(figures: Mapping[str, Any]) -> list[Figure]:
    reference = words.value_at(figures, "recipes", "float32", "validation", "accuracy")
    if reference is None:
        return []
    return [
        Figure(
            _uri(draw_sweep(name, points, reference), "png"),
            f"{name}: validation accuracy and agreement with float32, calibrated on "
            + ", ".join(str(point["pictures"]) for point in points)
            + " pictures.",
        )
        for name, points in (figures.get("sweep") or {}).items()
    ]


def _commands(findings: Findings, command: str) -> list[str]:
    steps = ("recipe", "figures", "validation", "folds", "selection")
    given = [findings.raw[step].get("command", "") for step in steps if step in findings.raw]
    made = [each.get("command", "") for each in findings.raw.get("figures", {}).get("recipes", {}).values()]
    return [line for line in dict.fromkeys((*given[:1], *made, *given[1:], command)) if line]


def _versions(findings: Findings) -> dict[str, str]:
    return {**findings.raw["recipe"].get("versions", {}), **findings.raw["validation"].get("versions", {})}


def _uri(content: bytes, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
