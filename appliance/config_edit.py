"""Changing a few values of config.yaml and nothing else: comments, order and the other sections stay as they are.

Pure: bytes in, bytes out. Check the result with `appliance.config.parse_config` before it replaces a file.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from appliance.errors import ConfigError
from appliance.yaml_lines import KeyPath, read_yaml

__all__ = ["set_values"]

_KEY = re.compile(r"""^\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#:{\[][^:#]*?)\s*:""")
_NO_WORDS = frozenset({"true", "false", "null", "Null", "NULL"})
_STEP = 2


def set_values(content: bytes, path: Path, section: str, values: Mapping[str, Any], *, whole: bool = False) -> bytes:
    """The file with these keys of a section set; with `whole`, the section's other keys are removed.

    A mapping in it, such as the bins, is changed key by key where it is written so. A line whose value stays is kept as
    it is; a changed one keeps the comment beside it, but not with `whole`: then it is about something else. A comment
    on a line of its own always stays. What is missing is added at the end of its mapping, a missing section at the end
    of the file. Values are JSON types.

    Raises:
        ConfigError: the file is not YAML, the section is no mapping, or it is written in a way that cannot be changed.
    """
    raw, marks = read_yaml(content, path)
    if not isinstance(raw, dict) or not isinstance(raw.get(section) or {}, dict):
        raise ConfigError(f"changing {section} in {path}", "it is not a mapping", "mend the file first")
    old: dict[str, Any] = raw.get(section) or {}
    wanted = {**raw, section: dict(values) if whole else {**old, **values}}
    changed = _Editing(content, marks, keep_comments=not whole).changed(raw, wanted)
    if not _says(changed, wanted):
        found = "it is written in a way that cannot be changed line by line"
        raise ConfigError(f"changing {section} in {path}", found, "write one key a line there, indented by two blanks")
    return changed


class _Editing:
    """The lines of a file, and where its keys are."""

    def __init__(self, content: bytes, marks: Mapping[KeyPath, int], *, keep_comments: bool) -> None:
        self._newline = "\r\n" if b"\r\n" in content else "\n"
        text = content.decode("utf-8")
        self._lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
        self._marks = marks
        self._keep_comments = keep_comments

    def changed(self, old: Mapping[str, Any], wanted: Mapping[str, Any]) -> bytes:
        """The whole file with other values."""
        lines = list(self._mapping((), old, wanted, 0, len(self._lines)))
        return (self._newline.join(lines) + self._newline).encode()

    def _mapping(self, where: KeyPath, old: Mapping[str, Any], wanted: Mapping[str, Any], first: int,
                 end: int) -> Iterator[str]:  # fmt: skip
        """The lines first..end, which hold a mapping in block style, with other values."""
        starts = [self._marks[*where, key] - 1 for key in old]
        for key, start, following in zip(old, starts, [*starts[1:], end], strict=False):
            stop = self._end_of_value(following)
            yield from self._lines[first:start]
            if key in wanted:
                yield from self._value((*where, key), old[key], wanted[key], start, stop)
            first = stop
        yield from self._lines[first:end]
        indent = _indent(self._lines[starts[0]]) if starts else 0
        for key in (key for key in wanted if key not in old):
            yield from [] if where else [""]
            yield from _written(key, wanted[key], indent)

    def _value(self, where: KeyPath, old: Any, wanted: Any, start: int, end: int) -> Iterator[str]:
        """The lines start..end, which hold one key, with another value."""
        head, indent = self._lines[start], _indent(self._lines[start])
        if _same(old, wanted):
            yield from self._lines[start:end]
        elif isinstance(wanted, dict) and wanted and self._in_block_style(where, old, start):
            yield head
            yield from self._mapping(where, old, wanted, start + 1, end)
        else:
            new = _written(str(where[-1]), wanted, indent)
            yield _beside(head, new[0], keep_comment=self._keep_comments and end == start + 1)
            yield from new[1:]

    def _in_block_style(self, where: KeyPath, old: Any, start: int) -> bool:
        """Is this mapping written with one key a line, below its own?"""
        key = _KEY.match(self._lines[start])
        if key is None or not isinstance(old, dict) or not old:
            return False
        lines = [self._marks[*where, name] - 1 for name in old]
        alone = len({start, *lines}) == len(lines) + 1 and all(_KEY.match(self._lines[line]) for line in lines)
        return alone and not self._lines[start][key.end() :].partition("#")[0].strip()

    def _end_of_value(self, following: int) -> int:
        """Where the value before this line ends: blank lines and comments above a key are not part of it."""
        at = following
        while at and (not self._lines[at - 1].strip() or self._lines[at - 1].lstrip().startswith("#")):
            at -= 1
        return at


def _beside(before: str, new: str, *, keep_comment: bool) -> str:
    """The new line, with its value and its comment in the columns of the old one's."""
    key, written = _KEY.match(before), _KEY.match(new)
    if key is None or written is None:
        return new
    gap = re.match(r" *", before[key.end() :])
    value = new[written.end() :].lstrip()
    line = (before[: key.end()] + ((gap.group() if gap else "") or " ") + value).rstrip()
    comment = _comment_at(before) if keep_comment else None
    return line if comment is None else f"{line:<{comment - 1}} {before[comment:]}"


def _comment_at(line: str) -> int | None:
    """The column of the comment beside a value."""
    for found in re.finditer(r"(?<=\s)#", line):
        if not _in_quotes(line, found.start()):
            return found.start()
    return None


def _written(key: str, value: Any, indent: int) -> list[str]:
    """A key as lines; a section, and a mapping of mappings such as the bins, takes a line for each of its own keys."""
    blanks = " " * indent
    if isinstance(value, dict) and value and (not indent or all(isinstance(one, dict) for one in value.values())):
        below = [line for name, one in value.items() for line in _written(name, one, indent + _STEP)]
        return [f"{blanks}{_flow(key)}:", *below]
    return [f"{blanks}{_flow(key)}: {_flow(value)}"]


def _flow(value: Any) -> str:
    """A value on one line: plain words where they can only be read as words, JSON otherwise (which YAML includes)."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"/?[A-Za-z_][A-Za-z0-9_./-]*", value) and value not in _NO_WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def _says(content: bytes, wanted: Mapping[str, Any]) -> bool:
    try:
        return _same(read_yaml(content, Path())[0], wanted)
    except ConfigError:
        return False


def _same(one: Any, other: Any) -> bool:
    """Are they the same JSON? Unlike ==, which takes true for 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _in_quotes(line: str, at: int) -> bool:
    return line[:at].count('"') % 2 == 1 or line[:at].count("'") % 2 == 1
