"""What may be asked over the control socket: one line of JSON into a Request, or why not. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from appliance.orders import Order

__all__ = ["COMMANDS", "MAX_REQUEST_BYTES", "Request", "read_request"]

MAX_REQUEST_BYTES = 4096
COMMANDS = ("status", "watch", "pause", "resume", "link", "fire", "home")
_MAX_NAME = 64
_MAX_NUMBER = 2**53
"""Beyond this, JSON's numbers are not whole everywhere."""


@dataclass(frozen=True, slots=True)
class Request:
    """`order` is there for fire and home; `after` is the number of the last passage that is known, for link."""

    command: str
    order: Order | None = None
    after: int = 0


def read_request(line: bytes) -> Request:
    """The request in a line.

    Raises:
        ValueError: it makes no sense; the message is for whoever sent it.
    """
    told = _json(line)
    command = told.get("cmd") if isinstance(told, dict) else None
    if not isinstance(command, str) or command not in COMMANDS:
        raise ValueError(f"unknown cmd {_short(command)}; known: {', '.join(COMMANDS)}")
    if command == "fire":
        return Request(command, Order("fire", _bin(told)))
    if command == "home":
        return Request(command, Order("home"))
    return Request(command, after=_after(told))


def _json(line: bytes) -> Any:
    if len(line) > MAX_REQUEST_BYTES:
        raise ValueError(f"a request is one line of at most {MAX_REQUEST_BYTES} bytes")
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError('not JSON; send {"cmd": "status"}') from error


def _bin(told: dict[str, Any]) -> str:
    name = told.get("bin")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise ValueError(f'fire needs the name of a bin, not {_short(name)}: {{"cmd": "fire", "bin": "cans"}}')
    return name


def _after(told: dict[str, Any]) -> int:
    number = told.get("after", 0)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MAX_NUMBER:
        raise ValueError(f"`after` is a whole number from 0 on, not {_short(number)}")
    return number


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # too deep; a number with too many digits to be written
        return "that"
    return text if len(text) <= 60 else f"{text[:57]}..."
