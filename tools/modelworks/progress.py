"""Telling how far a long job is: a bar on a terminal, a line now and then in a log.

Work is counted in units of equal cost (the caller weighs them), so that the time left is right although some epochs
use smaller pictures than others.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["Report", "reporting", "time_left_s"]

SPEED_WINDOW_S = 120.0
"""The bar's time left rests on the speed of this last while."""


@dataclass(frozen=True, slots=True)
class Report:
    """`advance(units)` after each piece of work, `say(text)` for what a person wants to keep, `skip(units)` for what an
    earlier run has done: it says nothing of the speed."""

    advance: Callable[[float], None]
    say: Callable[[str], None]
    skip: Callable[[float], None] = lambda units: None


def time_left_s(elapsed_s: float, done: float, total: float) -> float:
    """Seconds left if the rest goes as fast as what is done; infinity before anything is."""
    return elapsed_s * max(0.0, total - done) / done if done > 0 else float("inf")


@contextmanager
def reporting(
    title: str, total: float, console: Console, clock: Callable[[], float] = time.monotonic
) -> Iterator[Report]:
    """A report for `total` units of work, live if `console` is a terminal."""
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, TimeRemainingColumn(), console=console, speed_estimate_period=SPEED_WINDOW_S) as bar:
            task = bar.add_task(title, total=total)
            yield _bar(bar, task, console)
        return
    yield _lines(title, total, console, clock)


def _bar(bar: Progress, task: TaskID, console: Console) -> Report:
    """The bar is of what is left to do."""

    def skip(units: float) -> None:
        bar.update(task, total=max(0.0, (bar.tasks[task].total or 0.0) - units))

    return Report(lambda units: bar.advance(task, units), lambda text: console.print(text, highlight=False), skip)


def _lines(title: str, total: float, console: Console, clock: Callable[[], float]) -> Report:
    """Lines with the share done. The first piece pays for all preparation: the time left counts from its end."""
    began, first, done, skipped = 0.0, 0.0, 0.0, 0.0

    def advance(units: float) -> None:
        nonlocal began, first, done
        if not done:
            began, first = clock(), units
        done += units

    def skip(units: float) -> None:
        nonlocal skipped
        skipped += units

    def say(text: str) -> None:
        left = time_left_s(clock() - began, done - first, total - skipped - first)
        when = "" if left == float("inf") else f", {left / 60:.1f} min left"
        share = min(1.0, (done + skipped) / total)
        console.print(f"{title} {share:.0%}{when}: {text}", highlight=False, soft_wrap=True)

    return Report(advance, say, skip)
