"""The reason of a choice, in one sentence that a person without the table understands. Pure."""

from modelworks.objective import ACCURACY
from modelworks.quantrecipes import REFERENCE
from modelworks.selecting import Choice

__all__ = ["amount", "reason"]

TOO_SMALL = 0.005
"""A change of less than half a per cent is none to speak of."""


def reason(choice: Choice, machine: str | None = None) -> str:
    """What was chosen, against what, what it gains and costs, what the gates removed; whose times, if not our own."""
    chosen, baseline = choice.chosen, choice.baseline
    if chosen.name == baseline.name:
        said = f"{chosen.name} stays: no {'other ' if choice.refused else ''}file has a lower L"
        said += " among those that pass the gates" if choice.refused else ""
    else:
        low = next(each.mended for each in choice.standings if each.name == chosen.name)
        said = f"{chosen.name} has the lowest L ({low:.2f}) against {baseline.name}: {_bargain(choice)}"
    whose = f" The times are those of {machine}." if machine else ""
    return said + _removed(choice) + "." + whose


def amount(value: float) -> str:
    """A time or a size with three digits that count, whole from 100 on."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"


def _bargain(choice: Choice) -> str:
    mine, theirs = choice.chosen.candidate, choice.baseline.candidate
    kb, ms = f"{amount(mine.kb)} against {amount(theirs.kb)} kB", f"{amount(mine.ms)} against {amount(theirs.ms)} ms"
    return f"{_size(mine.kb / theirs.kb)} ({kb}), {_speed(mine.ms / theirs.ms)} ({ms}), {_cost(choice)}"


def _size(ratio: float) -> str:
    if abs(ratio - 1) < TOO_SMALL:
        return "as large"
    return f"{abs(ratio - 1):.0%} {'smaller' if ratio < 1 else 'larger'}"


def _speed(ratio: float) -> str:
    if abs(ratio - 1) < TOO_SMALL:
        return "as fast"
    return f"{1 / ratio:.2f} times as fast" if ratio < 1 else f"{ratio:.2f} times as slow"


def _cost(choice: Choice) -> str:
    """The quality that is paid, as sure as it is known."""
    mine, theirs = choice.chosen, choice.baseline
    if choice.metric is ACCURACY:
        said = f"{_points(mine.loss.points - theirs.loss.points)} of accuracy"  # both are against the same file
    else:
        change = mine.candidate.quality / theirs.candidate.quality - 1
        said = f"with an MSE {abs(change):.1%} {'higher' if change > 0 else 'lower'}"
    return said + _sureness(choice)


def _points(lost: float) -> str:
    if abs(lost) < TOO_SMALL:
        return "at no loss"
    return f"at a loss of {lost:.2f} points" if lost > 0 else f"with {-lost:.2f} points more"


def _sureness(choice: Choice) -> str:
    """What is sure of the loss against float32, which need not be the baseline."""
    loss, percent = choice.chosen.loss, "" if choice.metric is ACCURACY else " %"
    if not loss.n or choice.chosen.name == REFERENCE:
        return ""
    told = f"{_points(loss.points)} " if choice.metric is ACCURACY and choice.baseline.name != REFERENCE else ""
    return (
        f" ({told}against float32 on the same {loss.n} validation pictures, "
        f"95 % interval of the loss {loss.low:.2f} to {loss.high:.2f}{percent})"
    )


def _removed(choice: Choice) -> str:
    if not choice.refused:
        return ""
    told = "; ".join(f"{name} ({', '.join(reasons)})" for name, reasons in choice.refused.items())
    return f"; the gates removed {told}" + _too_few(choice)


def _too_few(choice: Choice) -> str:
    """Say it when it was the number of pictures that stopped a file, not what it lost."""
    most = choice.gates.max_loss
    unproven = [row.name for row in choice.rows if most is not None and row.loss.points <= most < row.loss.high]
    if not unproven:
        return ""
    pictures = max(row.loss.n for row in choice.rows)
    return f"; {pictures} pictures are too few to show a loss of no more than {most:g} for {', '.join(unproven)}"
