"""Numbers as a reader wants them. Pure; what is missing is a dash."""

from collections.abc import Mapping
from typing import Any

__all__ = ["MISSING", "interval", "number", "percent", "quality", "signed", "value_at"]

MISSING = "–"
MINUS = "−"
Share = Mapping[str, Any]


def value_at(row: Mapping[str, Any] | None, *path: str) -> Any:
    """What lies at the end of the path through nested dictionaries; None if it ends early."""
    found: Any = row
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def number(value: float | None, digits: int = 1) -> str:
    """With a space after every three digits, and a real minus."""
    if value is None:
        return MISSING
    text = f"{value:,.{digits}f}".replace(",", "\u202f")
    zero = not text.strip("-0.\u202f")
    return text.lstrip("-") if zero else text.replace("-", MINUS)


def signed(value: float | None, digits: int = 2) -> str:
    text = number(value, digits)
    return text if text == MISSING or text.startswith(MINUS) or not text.strip("0.") else f"+{text}"


def percent(share: float | None, digits: int = 1) -> str:
    return MISSING if share is None else f"{number(100 * share, digits)}\u00a0%"


def quality(value: float | None, metric: str) -> str:
    """An accuracy in per cent, or an MSE with four significant digits."""
    if metric == "accuracy":
        return percent(value)
    return MISSING if value is None else f"{value:.4g}"


def interval(share: Share | None, metric: str = "accuracy") -> str:
    """The 95 % interval, "87.7 to 93.4"; empty if there is none."""
    low, high = value_at(share, "low"), value_at(share, "high")
    if low is None or high is None:
        return ""
    ends = (number(100 * low), number(100 * high)) if metric == "accuracy" else (f"{low:.4g}", f"{high:.4g}")
    return " to ".join(ends)
