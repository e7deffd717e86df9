"""Plain text lines to and from the sketches that people already have. Pure: bytes in, lines and replies out."""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["LineBuffer", "Patterns", "Reply", "check_line", "check_template", "encode", "has_seq"]

MAX_LINE_BYTES = 512
"""A longer line is noise: it is thrown away to the next line end, never read in part."""

_FIELDS = frozenset({"channel", "seq", "bin"})


class LineBuffer:
    """Cuts a byte stream into lines, whatever the chunks. Bounded: resyncs at the next line end."""

    def __init__(self) -> None:
        self._partial = bytearray()
        self._overlong = False

    def feed(self, chunk: bytes) -> list[str]:
        """The complete lines, without their ends; empty ones are left out, bytes that are not ASCII become '?'."""
        lines = []
        for piece in re.split(rb"(?<=[\r\n])", chunk):
            self._partial += piece
            if self._partial.endswith((b"\n", b"\r")):
                lines += self._complete()
            elif len(self._partial) > MAX_LINE_BYTES:
                self._partial.clear()
                self._overlong = True
        return lines

    def reset(self) -> None:
        """Forget a partial line, as after a new connection."""
        self._partial.clear()
        self._overlong = False

    def _complete(self) -> list[str]:
        content = bytes(self._partial).rstrip(b"\r\n")
        self._partial.clear()
        if self._overlong or len(content) > MAX_LINE_BYTES:
            self._overlong = False
            return []
        text = content.decode("ascii", errors="replace").replace("�", "?").strip()
        return [text] if text else []


@dataclass(frozen=True, slots=True)
class Reply:
    """What one line of the far end means. `seq` is None where the protocol does not carry it."""

    kind: Literal["ready", "done", "failed", "other"]
    seq: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Patterns:
    """Regular expressions, searched for in a line; a group named `seq` tells which command is answered."""

    done: re.Pattern[str] | None
    failed: re.Pattern[str] | None
    ready: re.Pattern[str] | None

    @property
    def carries_seq(self) -> bool:
        """Does every answer say to which command?"""
        return all(has_seq(pattern) for pattern in (self.done, self.failed) if pattern is not None)

    def read(self, line: str) -> Reply:
        # A line that fits both is a refusal: "NOK" must never count as done.
        kinds: tuple[tuple[Literal["done", "failed", "ready"], re.Pattern[str] | None], ...] = (
            ("failed", self.failed),
            ("done", self.done),
            ("ready", self.ready),
        )
        for kind, pattern in kinds:
            if pattern is not None and (match := pattern.search(line)):
                return Reply(kind, _seq(match.groupdict()), line)
        return Reply("other", None, line)


def has_seq(pattern: re.Pattern[str] | None) -> bool:
    """Does the pattern have a group for the sequence number?"""
    return pattern is not None and "seq" in pattern.groupindex


def check_template(template: str) -> str:
    """The template, if it can be filled in for every command.

    Raises:
        ValueError: it has unknown fields, no line end, no channel or bin, or characters that are not ASCII.
    """
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        text = template.format(channel=1, seq=1, bin="x")
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"cannot be filled in ({error}); fields are {{channel}}, {{seq}}, {{bin}}") from error
    if fields - _FIELDS or not fields & {"channel", "bin"}:
        raise ValueError("needs {channel} or {bin}, may have {seq}, and nothing else in braces")
    check_line(text)
    return template


def check_line(text: str) -> str:
    """The text, if it is one complete line to send.

    Raises:
        ValueError: not ASCII, without a line end, or too long.
    """
    if not text.isascii() or not text.endswith(("\n", "\r")):
        raise ValueError('must be ASCII and end with a line end; in YAML write it in double quotes: "HELLO\\n"')
    if len(text) > MAX_LINE_BYTES:
        raise ValueError(f"makes lines longer than {MAX_LINE_BYTES} bytes")
    return text


def encode(template: str, channel: int, seq: int, bin_name: str) -> bytes:
    """The bytes of one command; the bin's name as UTF-8."""
    return template.format(channel=channel, seq=seq, bin=bin_name).encode()


def _seq(groups: Mapping[str, str | None]) -> int | None:
    text = groups.get("seq")
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 18 else None
