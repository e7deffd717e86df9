"""A table of files that somebody else has measured: CSV in, candidates out, or a sentence with the line's number."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.errors import UsageError
from modelworks.objective import ACCURACY, MSE, Candidate, Metric

__all__ = ["Table", "parse_table", "read_table"]

REMEDY = "UTF-8 text, first line `name,accuracy,ms,kb` (or mse for accuracy), then a line a file, the first one Ω0"
LARGEST_BYTES = 1_000_000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)


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
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"reading the table {path}", error.strerror or str(error), "check the path") from error
    return parse_table(content, str(path))


def parse_table(content: bytes, name: str) -> Table:
    """The table in the bytes of a CSV file called `name`; raises as `read_table` does.

    Other columns than the four are left alone. Accuracies are per cent, or shares if none is above 1.
    """
    doing = f"reading the table {name}"
    if len(content) > LARGEST_BYTES:
        raise UsageError(doing, f"more than {LARGEST_BYTES} bytes", "a line a file is enough")
    try:
        lines = list(_lines(content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(doing, f"line {line} is not UTF-8", "save it as UTF-8 text") from error
    except csv.Error as error:
        raise UsageError(doing, str(error), REMEDY) from error
    if not lines:
        raise UsageError(doing, "it is empty", REMEDY)
    metric, columns = _columns(doing, *lines[0])
    rows = [_row(f"{doing}, line {number}", fields, columns, len(lines[0][1])) for number, fields in lines[1:]]
    _check_rows(doing, [number for number, _ in lines[1:]], rows, metric)
    return Table(_as_shares(rows) if metric is ACCURACY else tuple(rows), metric)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, stripped fields) of every line that is not blank."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise csv.Error(f"line {line} holds a NUL: not a text file")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for fields in reader:
            if any(map(str.strip, fields)):
                yield reader.line_num, [field.strip() for field in fields]
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}: {error}") from error


def _columns(doing: str, number: int, header: Sequence[str]) -> tuple[Metric, dict[str, int]]:
    """The metric, and where each of the four columns stands."""
    names = [name.lower() for name in header]
    doing = f"{doing}, line {number}"
    metrics = [metric for metric in (ACCURACY, MSE) if metric.name in names]
    if len(metrics) != 1:
        found = "both accuracy and mse" if metrics else f"neither accuracy nor mse among the columns {header}"
        raise UsageError(doing, found, REMEDY)
    needed = ("name", metrics[0].name, "ms", "kb")
    for column in needed:
        if names.count(column) != 1:
            found = f"column {column!r} stands there {names.count(column)} times: {header}"
            raise UsageError(doing, found, REMEDY)
    return metrics[0], {column: names.index(column) for column in needed}


def _row(doing: str, fields: Sequence[str], columns: dict[str, int], width: int) -> Candidate:
    if len(fields) != width:
        raise UsageError(doing, f"{len(fields)} fields under {width} columns", "a decimal point, not a comma")
    name, *numbers = ((column, fields[place]) for column, place in columns.items())
    if not name[1] or not name[1].isprintable():
        raise UsageError(doing, f"the name is {name[1]!r}", "a name that can be read")
    values = [_number(doing, column, text) for column, text in numbers]
    try:
        return Candidate(name[1], *values)
    except UsageError as error:
        raise UsageError(doing, error.found, error.remedy) from error


def _number(doing: str, column: str, text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise UsageError(doing, f"{column} is {text[:40]!r}, not a number", "digits with a decimal point")
    return float(text)


def _check_rows(doing: str, numbers: Sequence[int], rows: Sequence[Candidate], metric: Metric) -> None:
    if not rows:
        raise UsageError(doing, "columns, but no rows", REMEDY)
    first: dict[str, int] = {}
    for number, row in zip(numbers, rows, strict=True):
        if row.name in first:
            found = f"{row.name!r} stands on line {first[row.name]} already"
            raise UsageError(f"{doing}, line {number}", found, "one line a file")
        if metric is ACCURACY and row.quality > 100:
            raise UsageError(f"{doing}, line {number}", f"an accuracy of {row.quality:g}", "per cent, or a share of 1")
        first[row.name] = number


def _as_shares(rows: Sequence[Candidate]) -> tuple[Candidate, ...]:
    if all(row.quality <= 1 for row in rows):
        return tuple(rows)
    return tuple(replace(row, quality=row.quality / 100) for row in rows)
