"""A CSV file as numbered lines, so that whatever is wrong with one can be told with its number."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import UsageError

__all__ = ["Line", "csv_lines", "number_in", "read_bytes", "read_csv"]

LARGEST_BYTES = 20_000_000
"""Room for some 300,000 pictures with their values."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank; its fields without the white space around them."""

    number: int
    fields: tuple[str, ...]


def read_csv(path: Path, doing: str, remedy: str) -> tuple[Line, ...]:
    """The lines of a file; `doing` and `remedy` are for the messages.

    Raises:
        UsageError: it cannot be read, is too large, empty, not UTF-8 or not CSV; the message names the line.
    """
    return csv_lines(read_bytes(path, doing, remedy), doing, remedy)


def read_bytes(path: Path, doing: str, remedy: str) -> bytes:
    """A file's bytes, as many as a table may have.

    Raises:
        UsageError: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(doing, error.strerror or str(error), "check the path") from error
    if len(content) > LARGEST_BYTES:
        raise UsageError(doing, f"more than {LARGEST_BYTES} bytes", remedy)
    return content


def csv_lines(content: bytes, doing: str, remedy: str) -> tuple[Line, ...]:
    """The lines of a file's bytes; raises as `read_csv` does."""
    try:
        lines = tuple(_lines(content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(doing, f"line {line} is not UTF-8", "save it as UTF-8 text") from error
    except csv.Error as error:
        raise UsageError(doing, str(error), remedy) from error
    if not lines:
        raise UsageError(doing, "it is empty", remedy)
    return lines


def number_in(text: str, doing: str, column: str) -> float:
    """A number as people write it; Python's own float() would also take `nan`, `1_0` and other scripts' digits.

    Raises:
        UsageError: it is none.
    """
    if not _NUMBER.fullmatch(text):
        raise UsageError(doing, f"{column} is {text[:40]!r}, not a number", "digits with a decimal point")
    return float(text)


def _lines(text: str) -> Iterator[Line]:
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise csv.Error(f"line {line} holds a NUL: not a text file")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for fields in reader:
            if any(map(str.strip, fields)):
                yield Line(reader.line_num, tuple(field.strip() for field in fields))
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}: {error}") from error
