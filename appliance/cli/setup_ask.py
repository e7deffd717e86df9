"""Questions of `appliance setup` and where their answers come from: a person at a terminal, or a file."""

import sys
from pathlib import Path
from typing import Any, Protocol

from appliance.errors import UsageError
from appliance.yaml_lines import MAX_BYTES, read_yaml

__all__ = ["KEYS", "Answers", "Asking", "Terminal", "asking"]

KEYS = ("camera", "port", "roi", "live_s", "lock", "bins", "write", "reference", "test_items", "move")
"""What a file of answers may say; a key that it leaves out gets the answer that an empty line gives at the terminal."""


class Asking(Protocol):
    def ask(self, key: str, question: str, default: str) -> str:
        """The answer to a question, without blanks around it; `default` if there is none."""

    def yes(self, key: str, question: str) -> bool:
        """True only for an explicit yes."""


class Terminal:
    """A person. An empty line is the default; an end of input is as Ctrl-C."""

    def ask(self, key: str, question: str, default: str) -> str:
        try:
            return input(f"{question} [{default}]: ").strip() or default
        except EOFError as error:
            raise KeyboardInterrupt from error

    def yes(self, key: str, question: str) -> bool:
        return self.ask(key, question, "no").lower() in ("yes", "y")


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

    def ask(self, key: str, question: str, default: str) -> str:
        value = self._values.get(key, default)
        answer = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        print(f"{question} {answer}")
        return answer

    def yes(self, key: str, question: str) -> bool:
        return self.ask(key, question, "no") == "yes"


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
