"""Questions of `appliance setup` and where their answers come from: a person at a terminal, or a file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from appliance.errors import UsageError
from appliance.yaml_lines import MAX_BYTES, read_yaml

__all__ = ["KEYS", "Answers", "Asking", "Terminal", "asking"]

Answer = TypeVar("Answer")
_YES, _NO = frozenset({"yes", "y"}), frozenset({"no", "n"})

KEYS = ("camera", "port", "roi", "live_s", "lock", "bins", "write", "reference", "test_items", "move")
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
        """

    def unasked(self, prefix: str) -> list[str]:
        """Keys of a file that begin like this and answer no question that was asked."""


class Terminal:
    """A person. An empty line is the default; an end of input is as Ctrl-C."""

    def ask(self, key: str, question: str, default: str) -> str:
        try:
            return input(f"{question.rstrip(':')} [{default}]: ").strip() or default
        except EOFError as error:
            raise KeyboardInterrupt from error

    def yes(self, key: str, question: str) -> bool:
        while (said := self.ask(key, question, "no").lower()) not in _YES | _NO:
            print("yes or no?")
        return said in _YES

    def until(self, asked: Callable[[], Answer]) -> Answer:
        while True:
            try:
                return asked()
            except UsageError as error:
                print(error)

    def unasked(self, prefix: str) -> list[str]:
        return []


class Answers:
    """A file of answers, for a fleet of machines that are alike."""

    def __init__(self, values: dict[str, Any]) -> None:
        """
        Raises:
            UsageError: a key that nobody asks for, or a value that is no answer.
        """
        for key, value in values.items():
            if key.split(".")[0] not in KEYS or not isinstance(value, str | int | float):
                raise UsageError("reading the answers", f"{key}: {value!r}", f"known keys: {', '.join(KEYS)}")
        self._values = values
        self._asked: set[str] = set()

    def ask(self, key: str, question: str, default: str) -> str:
        self._asked.add(key)
        value = self._values.get(key, default)
        answer = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        print(f"{question} {answer}")
        return answer

    def yes(self, key: str, question: str) -> bool:
        said = self.ask(key, question, "no").lower()
        if said not in _YES | _NO:
            raise UsageError("reading the answers", f"{key}: {said!r}", "yes or no")
        return said in _YES

    def until(self, asked: Callable[[], Answer]) -> Answer:
        return asked()

    def unasked(self, prefix: str) -> list[str]:
        return sorted(key for key in self._values if key.startswith(prefix) and key not in self._asked)


def asking(path: Path | None) -> Asking:
    """The terminal, or the answers in a file.

    Raises:
        UsageError: there is no terminal and no file, or it cannot be read.
        ConfigError: the file is not YAML.
    """
    if path is None:
        if not sys.stdin.isatty():
            raise UsageError("asking", "this is no terminal", "add --answers FILE")
        return Terminal()
    try:
        with path.open("rb") as file:
            values, _ = read_yaml(file.read(MAX_BYTES + 1), path)
    except OSError as error:
        raise UsageError(f"reading the answers {path}", error.strerror or str(error), "name another file") from error
    if not isinstance(values, dict):
        raise UsageError(f"reading the answers {path}", "not a mapping", f"known keys: {', '.join(KEYS)}")
    bins = values.pop("bins", {})
    if not isinstance(bins, dict):
        raise UsageError(f"reading the answers {path}", "bins is no mapping", "write bins: {LABEL: BIN}")
    return Answers(values | {f"bins.{label}": where for label, where in bins.items()})
