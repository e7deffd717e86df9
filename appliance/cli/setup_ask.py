"""Questions of a guided command and where their answers come from: a person at a terminal, or a file."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from appliance.errors import ConfigError, UsageError
from appliance.yaml_lines import MAX_BYTES, KeyPath, read_yaml

__all__ = ["KEYS", "NO", "YES", "Answers", "Asking", "Terminal", "asking"]

Answer = TypeVar("Answer")
_NESTED = {"bins": "bins: {LABEL: BIN}", "channels": "channels: {BIN: 0 to 255, or none}"}
"""Keys that hold a mapping of answers, and how that is written."""
YES, NO = frozenset({"yes", "y"}), frozenset({"no", "n"})

KEYS = ("camera", "port", "roi", "live_s", "lock", "bins", "channels", "write", "reference", "test_items", "move")
"""What a file of answers may say; a key that it leaves out gets the answer that an empty line gives at the terminal."""


class Asking(Protocol):
    def ask(self, key: str, question: str, default: str) -> str:
        """The answer to a question, without blanks around it; `default` if there is none."""

    def yes(self, key: str, question: str) -> bool:
        """True only for an explicit yes.

        Raises:
            UsageError: a file answers neither yes nor no; a person is asked again.
        """

    def until(self, asked: Callable[[], Answer]) -> Answer:
        """What `asked` makes of an answer; a person whose answer it refuses is asked again, a file is not.

        Raises:
            UsageError: `asked` refuses what the file says.
            ConfigError: the machine would.
        """

    def unasked(self, prefix: str) -> list[str]:
        """Keys of a file that begin like this and answer no question that was asked."""

    def given(self, key: str) -> dict[str, str]:
        """The answers that a file has in the mapping under a key, before anything is asked; none of a person."""


class Terminal:
    """A person. An empty line is the default; an end of input is as Ctrl-C."""

    def ask(self, key: str, question: str, default: str) -> str:
        try:
            return input(f"{question.rstrip(':')} [{default}]: ").strip() or default
        except EOFError as error:
            raise KeyboardInterrupt from error

    def yes(self, key: str, question: str) -> bool:
        while (said := self.ask(key, question, "no").lower()) not in YES | NO:
            print("yes or no?")
        return said in YES

    def until(self, asked: Callable[[], Answer]) -> Answer:
        while True:
            try:
                return asked()
            except (UsageError, ConfigError) as error:
                print(error)

    def unasked(self, prefix: str) -> list[str]:
        return []

    def given(self, key: str) -> dict[str, str]:
        return {}


class Answers:
    """A file of answers, for a fleet of machines that are alike."""

    def __init__(self, content: bytes, path: Path, keys: Sequence[str], nested: Mapping[str, str]) -> None:
        """`keys` may be there; those that hold a mapping are in `nested`, with how that is written.

        Raises:
            UsageError: it is not YAML, has a key that nobody asks for, or a value that is no answer.
        """
        self._path, self._keys, self._nested = path, keys, nested
        try:
            told, self._lines = read_yaml(content, path)
        except ConfigError as error:
            raise UsageError(f"reading the answers {path}", error.found, error.remedy) from error
        self._values = dict(self._flat(told))
        self._asked: set[str] = set()
        self._heard = ""

    def ask(self, key: str, question: str, default: str) -> str:
        self._asked.add(key)
        if key in self._values:
            self._heard = key
        answer = _worded(self._values.get(key, default))
        print(f"{question} {answer}")
        return answer

    def yes(self, key: str, question: str) -> bool:
        said = self.ask(key, question, "no").lower()
        if said not in YES | NO:
            raise self._refusal((key,), f"{said!r} is no answer", "yes or no")
        return said in YES

    def until(self, asked: Callable[[], Answer]) -> Answer:
        self._heard = ""
        try:
            accepted = asked()
        except UsageError as error:
            if str(self._path) in str(error):
                raise
            raise UsageError(f"{error.doing} ({self._where(self._heard)})", error.found, error.remedy) from error
        self._heard = ""
        return accepted

    def unasked(self, prefix: str) -> list[str]:
        return sorted(key for key in self._values if key.startswith(prefix) and key not in self._asked)

    def given(self, key: str) -> dict[str, str]:
        values = self._values.items()
        return {at.removeprefix(f"{key}."): _worded(value) for at, value in values if at.startswith(f"{key}.")}

    def _flat(self, told: Any) -> Iterator[tuple[str, str | int | float]]:
        """Every answer, those of a mapping under `key.name`."""
        if not isinstance(told, dict):
            raise self._refusal((), "it is no mapping", "write one answer a line, such as `lock: yes`")
        for key, value in told.items():
            if key not in self._keys:
                raise self._refusal((key,), "nobody asks for that", f"known keys: {', '.join(self._keys)}")
            if key not in self._nested:
                yield key, self._plain((key,), value)
            elif not isinstance(value, dict):
                raise self._refusal((key,), f"{value!r} is no mapping", self._nested[key])
            else:
                yield from ((f"{key}.{name}", self._plain((key, name), one)) for name, one in value.items())

    def _plain(self, at: KeyPath, value: Any) -> str | int | float:
        if not isinstance(value, str | int | float):
            remedy = "a word or a number on the same line; a key that is left out gets the default"
            raise self._refusal(at, f"{value!r} is no answer", remedy)
        return value

    def _refusal(self, at: KeyPath, found: str, remedy: str) -> UsageError:
        line = f":{self._lines[at]}" if at in self._lines else ""
        key = f"{'.'.join(map(str, at))}: " if at else ""
        return UsageError("reading the answers", f"{self._path}{line}: {key}{found}", remedy)

    def _where(self, heard: str) -> str:
        """The file, and the line of the answer that was heard last and is not yet accepted."""
        line = next((line for at, line in self._lines.items() if ".".join(map(str, at)) == heard != ""), None)
        return f"{self._path}:{line}" if line is not None else str(self._path)


def _worded(value: str | int | float) -> str:
    """YAML's own yes and no, and its numbers, as a person would type them."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def asking(path: Path | None, keys: Sequence[str] = KEYS, nested: Mapping[str, str] = _NESTED) -> Asking:
    """The terminal, or the answers in a file.

    Raises:
        UsageError: there is no terminal and no file, or the file cannot be read, or is refused.
    """
    if path is None:
        if not sys.stdin.isatty():
            raise UsageError("asking", "this is no terminal", "add --answers FILE")
        return Terminal()
    try:
        with path.open("rb") as file:
            return Answers(file.read(MAX_BYTES + 1), path, keys, nested)
    except OSError as error:
        raise UsageError(f"reading the answers {path}", error.strerror or str(error), "name another file") from error
