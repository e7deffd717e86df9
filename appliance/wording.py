"""How counts read to people."""

from collections.abc import Mapping

__all__ = ["counted", "told"]


def counted(number: int, word: str) -> str:
    """`1 item`, `2 items`: for words of which an s makes the plural."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def told(counters: Mapping[str, int]) -> str:
    """`2 items, 1 jam, 3 faint`: what was counted by these names, an s at their end being a plural; "" of all zeros."""
    return ", ".join(f"{number} {_name(name, number)}" for name, number in counters.items() if number)


def _name(name: str, number: int) -> str:
    plain = name.replace("_", " ")
    return plain.removesuffix("s") if number == 1 else plain
