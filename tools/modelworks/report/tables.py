"""The report's tables as plain text cells. Pure: findings in, records out; the template only lays them out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelworks.report.findings import Findings
from modelworks.report.words import MISSING, interval, number, quality, signed, value_at

__all__ = [
    "Cell",
    "Confusion",
    "FileRow",
    "FileTable",
    "class_table",
    "confusion",
    "file_table",
    "fold_table",
    "loss_cell",
    "timing_table",
]


@dataclass(frozen=True, slots=True)
class Cell:
    """`beside` is said smaller: an interval."""

    text: str
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """`hint` explains the title in a sentence."""

    title: str
    hint: str
    cell: Callable[[Mapping[str, Any]], Cell]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the run; `front`: on the Pareto front; `refused`: what the gates have against it."""

    name: str
    cells: tuple[Cell, ...]
    chosen: bool = False
    front: bool = False
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileTable:
    """`columns` are (title, hint)."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[FileRow, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """`cells` are (count, share of the true class), row the truth, column the guess."""

    name: str
    labels: tuple[str, ...]
    cells: tuple[tuple[tuple[int, float], ...], ...]


def file_table(findings: Findings) -> FileTable:
    """Every file with all that was measured; a column that no file fills is left out."""
    columns = [*_quality_columns(findings.metric), *_cost_columns(), *_objective_columns(findings)]
    selection = findings.raw["selection"]
    rows = [
        FileRow(
            row["name"],
            tuple(column.cell(row) for column in columns),
            row["name"] == selection["choice"],
            row["name"] in selection.get("front", ()),
            tuple(map(str, findings.objectives(row["name"]).get("refused") or ())),
        )
        for row in findings.rows
    ]
    kept = [place for place in range(len(columns)) if any(row.cells[place].text != MISSING for row in rows)]
    return FileTable(
        tuple((columns[place].title, columns[place].hint) for place in kept),
        tuple(
            FileRow(row.name, tuple(row.cells[place] for place in kept), row.chosen, row.front, row.refused)
            for row in rows
        ),
    )


def timing_table(findings: Findings) -> FileTable:
    """Median and p95 of every file in every setting that was timed; no columns if none was."""
    settings = list(
        dict.fromkeys((each["threads"], each["kernels"]) for row in findings.rows for each in row.get("timings", ()))
    )
    columns = tuple((_setting(*each), "median in ms, p95 below it") for each in settings)
    rows = []
    for row in findings.rows:
        timed = {(each["threads"], each["kernels"]): each for each in row.get("timings", ())}
        cells = tuple(_timed(timed.get(setting)) for setting in settings)
        rows.append(FileRow(row["name"], cells, row is findings.chosen))
    return FileTable(columns, tuple(rows))


def class_table(row: Mapping[str, Any]) -> tuple[tuple[str, Cell, Cell, int], ...]:
    """(class, recall, precision, pictures of it) of one file; empty for a regression."""
    per_class = row.get("per_class") or {}
    return tuple(
        (label, _share(figures.get("recall")), _share(figures.get("precision")), figures["recall"]["n"])
        for label, figures in per_class.items()
    )


def confusion(row: Mapping[str, Any], labels: Sequence[str]) -> Confusion | None:
    """The file's confusion matrix; None for a regression."""
    matrix = row.get("confusion")
    if not matrix:
        return None
    cells = tuple(tuple((int(count), count / max(1, sum(counts))) for count in counts) for counts in matrix)
    return Confusion(row["name"], tuple(labels), cells)


def fold_table(findings: Findings) -> FileTable:
    """The cross-validated figures, pooled over all folds; no rows if there are none."""
    rows = findings.raw.get("folds", {}).get("rows", {})
    columns = (
        ("accuracy", "share of all pictures named right, each by a network that had not seen it"),
        ("lost against float32", "percentage points, on the very same pictures"),
        ("agrees with float32", "share of pictures on which both name the same class"),
    )
    told = tuple(
        FileRow(name, (_share(row.get("accuracy")), loss_cell(row.get("paired_loss")), _share(row.get("agreement"))))
        for name, row in rows.items()
    )
    return FileTable(columns, told)


def _quality_columns(metric: str) -> list[Column]:
    def of(key: str) -> Callable[[Mapping[str, Any]], Cell]:
        return lambda row: _share(row.get(key), metric)

    title = "accuracy" if metric == "accuracy" else "MSE"
    unit = "percentage points" if metric == "accuracy" else "per cent of its MSE"
    return [
        Column(f"test {title}", "on pictures that chose nothing, with its 95 % interval", of(metric)),
        Column(
            "lost against float32",
            f"{unit}, on the very same test pictures",
            lambda row: loss_cell(row.get("paired_loss")),
        ),
        Column("agrees with float32", "share of test pictures with the same answer", of("agreement")),
        Column(f"validation {title}", "on the pictures that every choice was made by", of(f"validation_{metric}")),
        Column(f"training {title}", "on pictures that it learned from", of(f"train_{metric}")),
        Column(
            "calibration error",
            "how far confidence and accuracy lie apart",
            lambda row: Cell(number(row.get("calibration_error"), 3)),
        ),
    ]


def _cost_columns() -> list[Column]:
    return [
        Column("kB", "the file's size, 1 kB = 1000 bytes; below it after deflate, as an update sends it", _size),
        Column("ms", "median time for a picture; 95 of 100 pictures take no longer than the p95 below it", _time),
        Column("peak MB", "memory of a process that runs it", lambda row: Cell(_megabytes(row.get("peak_memory_kb")))),
    ]


def _objective_columns(findings: Findings) -> list[Column]:
    def of(key: str) -> Callable[[Mapping[str, Any]], Cell]:
        return lambda row: Cell(signed(findings.objectives(row["name"]).get(key)))

    return [
        Column("L", "growth of size + of time + loss of accuracy; the lower, the better", of("L")),
        Column("L paper", "as printed in 2020: its sign rewards losing accuracy; decides nothing", of("L_paper")),
    ]


def _share(share: Mapping[str, Any] | None, metric: str = "accuracy") -> Cell:
    return Cell(quality(value_at(share, "value"), metric), interval(share, metric))


def loss_cell(loss: Mapping[str, Any] | None) -> Cell:
    """Points lost, with the interval beside them."""
    points = value_at(loss, "points")
    if points is None:
        return Cell(MISSING)
    return Cell(signed(points), f"{number(value_at(loss, 'low'), 2)} to {number(value_at(loss, 'high'), 2)}")


def _size(row: Mapping[str, Any]) -> Cell:
    packed = row.get("compressed_kb")
    return Cell(number(row.get("kb"), 0), "" if packed is None else f"{number(packed, 0)} packed")


def _time(row: Mapping[str, Any]) -> Cell:
    return _timed(row.get("ms"))


def _setting(threads: int, kernels: str) -> str:
    return f"{threads} thread{'s' * (threads > 1)}, {kernels} kernels"


def _timed(timing: Mapping[str, Any] | None) -> Cell:
    return Cell(number(value_at(timing, "median"), 2), f"p95 {number(value_at(timing, 'p95'), 2)}" if timing else "")


def _megabytes(kilobytes: float | None) -> str:
    return number(None if kilobytes is None else kilobytes / 1000, 0)
