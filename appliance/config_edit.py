"""Changing a few values of config.yaml and nothing else: comments, order and the other sections stay as they are.

Pure: bytes in, bytes out. Check the result with `appliance.config.parse_config` before it replaces a file.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.errors import ConfigError
from appliance.yaml_lines import read_yaml

__all__ = ["set_values"]

_KEY = re.compile(r"^  ([^\s#:][^:]*):")
_COMMENT = re.compile(r"\s+#.*$")
_COLUMN = 30
"""Where the shipped file begins its comments."""


def set_values(content: bytes, path: Path, section: str, values: Mapping[str, Any], *, whole: bool = False) -> bytes:
    """The file with these keys of a section set; with `whole`, the section's other keys are removed.

    A line whose value stays is kept as it is; a changed one keeps its comment. What is missing is added at the end of
    the section, a missing section at the end of the file. Values are JSON types.

    Raises:
        ConfigError: the file is not YAML, or the section is no mapping.
    """
    raw, marks = read_yaml(content, path)
    if not isinstance(raw, dict) or not isinstance(raw.get(section) or {}, dict):
        raise ConfigError(f"changing {section} in {path}", "it is not a mapping", "mend the file first")
    old: dict[str, Any] = raw.get(section) or {}
    wanted = dict(values) if whole else {**old, **values}
    lines = content.decode("utf-8").splitlines()
    if section not in raw:
        return _text([*lines, "", f"{section}:", *_written(wanted)])
    head = marks[section,] - 1
    end = head + 1
    while end < len(lines) and lines[end].startswith("  "):
        end += 1
    blocks = _blocks(lines[head + 1 : end])
    body = [line for key, value in wanted.items() for line in _kept_or_new(blocks, old, key, value)]
    return _text([*lines[:head], f"{section}:", *body, *lines[end:]])


def _kept_or_new(blocks: Mapping[str, list[str]], old: Mapping[str, Any], key: str, value: Any) -> list[str]:
    before = blocks.get(key)
    if before is not None and key in old and old[key] == value:
        return before
    new = _written({key: value})
    comment = _COMMENT.search(before[0]) if before is not None and len(before) == len(new) == 1 else None
    if comment is not None and not _in_quotes(before[0] if before else "", comment.start()):
        new[0] = f"{new[0]:<{_COLUMN - 1}} {comment.group().strip()}"
    return new


def _blocks(body: list[str]) -> dict[str, list[str]]:
    """The lines of each key of a section, with those that are indented below it and the comments after it."""
    blocks: dict[str, list[str]] = {}
    key = ""
    for line in body:
        found = _KEY.match(line)
        key = found.group(1).strip("'\" ") if found else key
        blocks.setdefault(key, []).append(line)
    return blocks


def _written(values: Mapping[str, Any]) -> list[str]:
    """Keys as lines; a mapping of mappings, such as the bins, takes a line for each of its own."""
    lines = []
    for key, value in values.items():
        if isinstance(value, dict) and value and all(isinstance(one, dict) for one in value.values()):
            lines += [f"  {_flow(key)}:", *(f"    {_flow(name)}: {_flow(one)}" for name, one in value.items())]
        else:
            lines.append(f"  {_flow(key)}: {_flow(value)}")
    return lines


def _flow(value: Any) -> str:
    """A value on one line: plain words where they can only be read as words, JSON otherwise (which YAML includes)."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"/?[A-Za-z_][A-Za-z0-9_./-]*", value) and value not in _NO_WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


_NO_WORDS = frozenset({"true", "false", "null", "Null", "NULL"})


def _in_quotes(line: str, at: int) -> bool:
    return line[:at].count('"') % 2 == 1 or line[:at].count("'") % 2 == 1


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
