"""A table of files that somebody else has measured: CSV in, candidates out, or a sentence with the line's number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.errors import UsageError
from modelworks.csv_lines import Line, csv_lines, number_in, read_csv
from modelworks.objective import ACCURACY, MSE, Candidate, Metric

__all__ = ["Table", "parse_table", "read_table"]

REMEDY = "UTF-8 text, first line `name,accuracy,ms,kb` (or mse for accuracy), then a line a file, the first one Ω0"


@dataclass(frozen=True, slots=True)
class Table:
    """The rows in their order, and what their quality is. Accuracies are shares of 1."""

    candidates: tuple[Candidate, ...]
    metric: Metric


def read_table(path: Path) -> Table:
    """The table in a CSV file.

    Raises:
        UsageError: it cannot be read, or is no such table; the message names the line.
    """
    doing = f"reading the table {path}"
    return _table(read_csv(path, doing, REMEDY), doing)


def parse_table(content: bytes, name: str) -> Table:
    """The table in the bytes of a CSV file called `name`; raises as `read_table` does.

    Other columns than the four are left alone. Accuracies are per cent, or shares if none is above 1.
    """
    doing = f"reading the table {name}"
    return _table(csv_lines(content, doing, REMEDY), doing)


def _table(lines: Sequence[Line], doing: str) -> Table:
    header, *rest = lines
    metric, columns = _columns(header, doing)
    if not rest:
        raise UsageError(doing, "columns, but no rows", REMEDY)
    rows = tuple(_row(line, columns, len(header.fields), f"{doing}, line {line.number}") for line in rest)
    _check_names(rest, rows, doing)
    return Table(_as_shares(rest, rows, doing) if metric is ACCURACY else rows, metric)


def _columns(header: Line, doing: str) -> tuple[Metric, Mapping[str, int]]:
    """The metric, and where each of the four columns stands."""
    doing, names = f"{doing}, line {header.number}", [name.lower() for name in header.fields]
    metrics = [metric for metric in (ACCURACY, MSE) if metric.name in names]
    if len(metrics) != 1:
        what = "both accuracy and mse" if metrics else "neither accuracy nor mse"
        raise UsageError(doing, f"{what} among the columns {', '.join(header.fields)}", REMEDY)
    needed = ("name", metrics[0].name, "ms", "kb")
    for column in needed:
        if names.count(column) != 1:
            found = f"column {column!r} stands there {names.count(column)} times: {', '.join(header.fields)}"
            raise UsageError(doing, found, REMEDY)
    return metrics[0], {column: names.index(column) for column in needed}


def _row(line: Line, columns: Mapping[str, int], width: int, doing: str) -> Candidate:
    if len(line.fields) != width:
        raise UsageError(doing, f"{len(line.fields)} fields under {width} columns", "a decimal point, not a comma")
    name = line.fields[columns["name"]]
    if not name or not name.isprintable():
        raise UsageError(doing, f"the name is {name!r}", "a name that can be read")
    values = (number_in(line.fields[place], doing, column) for column, place in columns.items() if column != "name")
    try:
        return Candidate(name, *values)
    except UsageError as error:
        raise UsageError(doing, error.found, error.remedy) from error


def _check_names(lines: Sequence[Line], rows: Sequence[Candidate], doing: str) -> None:
    first: dict[str, int] = {}
    for line, row in zip(lines, rows, strict=True):
        if row.name in first:
            found = f"{row.name!r} stands on line {first[row.name]} already"
            raise UsageError(f"{doing}, line {line.number}", found, "one line a file")
        first[row.name] = line.number


def _as_shares(lines: Sequence[Line], rows: Sequence[Candidate], doing: str) -> tuple[Candidate, ...]:
    for line, row in zip(lines, rows, strict=True):
        if row.quality > 100:
            found = f"an accuracy of {row.quality:g}"
            raise UsageError(f"{doing}, line {line.number}", found, "per cent, or shares of 1")
    if all(row.quality <= 1 for row in rows):
        return tuple(rows)
    return tuple(replace(row, quality=row.quality / 100) for row in rows)
