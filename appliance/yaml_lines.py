"""YAML with the lines of its keys, so that a complaint can say where.

The booleans are those of YAML 1.2 (`true`, `false`): a bin called `no` stays a name.
"""

from pathlib import Path
from typing import Any

import yaml

from appliance.errors import ConfigError

__all__ = ["MAX_BYTES", "KeyPath", "read_yaml"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
"""Nesting beyond this is not a configuration; it would only exhaust the parser."""

KeyPath = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """SafeLoader with the implicit types of JSON only, and without aliases: a few lines of them stand for millions."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            what = "an alias has no place here; write the value out"
            raise yaml.composer.ComposerError(None, None, what, event.start_mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_JSON_BOOL = yaml.resolver.re.compile(r"^(?:true|false)$")  # type: ignore[attr-defined]
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _JSON_BOOL, list("tf"))


def read_yaml(content: bytes, path: Path) -> tuple[Any, dict[KeyPath, int]]:
    """The document as JSON types, and the line (from 1) of every key path; an empty one is an empty mapping.

    Raises:
        ConfigError: not UTF-8, not YAML, too large, too deep, aliases, or a key given twice.
    """
    doing = f"reading the configuration {path}"
    if len(content) > MAX_BYTES:
        raise ConfigError(doing, f"larger than {MAX_BYTES} bytes")
    lines: dict[KeyPath, int] = {}
    try:
        node = yaml.compose(content.decode("utf-8"), Loader=_Loader)
        value = {} if node is None else _value(node, (), lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        what = getattr(error, "problem", None) or str(error)
        raise ConfigError(doing, f"{where}not YAML: {what}", "check indentation, quotes and colons there") from error
    except (UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
        raise ConfigError(doing, f"not YAML: {error}") from error
    return value, lines


def _value(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if len(path) > MAX_DEPTH:
        raise ValueError(f"line {node.start_mark.line + 1}: nested deeper than {MAX_DEPTH}")
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise ValueError(f"line {key_node.start_mark.line + 1}: a key must be a plain word")
            key = key_node.value
            if key in result:
                raise ValueError(f"line {key_node.start_mark.line + 1}: {key!r} is given twice")
            lines[*path, key] = key_node.start_mark.line + 1
            result[key] = _value(value_node, (*path, key), lines)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), lines) for index, item in enumerate(node.value)]
    try:
        value = yaml.constructor.SafeConstructor().construct_object(node, deep=True)
    except (ValueError, LookupError, AttributeError) as error:
        # What PyYAML's constructors raise for an explicit tag that does not fit, such as `!!bool maybe`.
        raise ValueError(f"line {node.start_mark.line + 1}: {node.value[:40]!r} is no {node.tag}") from error
    if not isinstance(value, str | int | float | bool | None):
        raise ValueError(f"line {node.start_mark.line + 1}: a value of type {type(value).__name__} has no place here")
    return value
