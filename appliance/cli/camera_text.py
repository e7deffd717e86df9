"""What `appliance camera show` tells, for people: no value looks like a program's."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["shown"]

_NOT_TOLD = "not told"
_NOT_SET = "not set"


def shown(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A name and a text for each value of `camera show --json`; what is grouped there has its group's name before."""
    for name, value in told.items():
        if name == "rate_hz":
            yield "rate", _rate(value, live=bool(told.get("live")))
        elif name == "format":
            yield name, f"{_size([value.get('width'), value.get('height')])} {value.get('fourcc') or ''}".strip()
        elif isinstance(value, Mapping):
            absent = _NOT_SET if name == "options" else _NOT_TOLD
            yield from ((f"{name} {key}", _plain(one, absent)) for key, one in value.items())
        else:
            yield name, _size(value) if name == "size" else _plain(value, _NOT_TOLD)


def _rate(rate_hz: float | None, *, live: bool) -> str:
    if not live:
        return "as fast as it is read"
    return _NOT_TOLD if rate_hz is None else f"{rate_hz:g} pictures/s"


def _size(size: Any) -> str:
    width, height = size
    return f"{width} x {height}"


def _plain(value: Any, absent: str) -> str:
    if value is None or value == "":
        return absent
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one, absent)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one, absent) for one in value) or "none"
    return str(value)
