"""Items through the framed sorter, a bad line and the emulated board, judged by what its servo pins did."""

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from link_judge import matched
from link_world import Item
from noisy_line import noisy_line
from noisy_wire import Noise
from real.conftest import EmulatedBoard

from appliance.records import Ack, SortCommand
from appliance.sorter.framed import FramedOptions, FramedSorter

__all__ = ["MOVE_MS", "Run", "items_over", "put_through", "sorter_on"]

MOVE_MS = 60
_RATE_HZ = 20.0
_WINDOW_S = 0.5
_PULSE_NS = 25_000_000
"""A servo is told its place every 20 ms, by a pulse of up to 2 ms."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it. `unexplained`: movements that are late or of no item; `lag_ms`: by so
    much a busy computer let the emulated clock fall behind at worst, which no real board's does."""

    seconds: float
    ends: Mapping[str, int]
    moved: int
    unexplained: int
    without_movement: int
    without_one_outcome: int
    repeated: int
    lag_ms: float

    def __str__(self) -> str:
        return (
            f"{sum(self.ends.values())} outcomes in {self.seconds:.0f} s: {dict(self.ends)}; {self.moved} movements of "
            f"the pins, {self.unexplained} late or of no item; {self.without_movement} done without one; "
            f"{self.repeated} commands repeated; the emulated clock was late by up to {self.lag_ms:.0f} ms"
        )


def items_over(board: EmulatedBoard, noise: Noise, count: int, link: Path) -> Run:
    """So many items to a board that was built with MOVE_MS and has started; it is taken away at the end."""
    with noisy_line(link, board.link, noise) as line:
        sorter = sorter_on(line.link)
        try:
            began = time.monotonic()
            items = put_through(sorter, count)
            seconds = time.monotonic() - began
            repeated = sorter.link()["quality"]["commands_repeated"]
        finally:
            sorter.close()
    board.end()
    outs = [(row["channel"], row["t_ns"]) for row in board.told("out")]
    lags_ns = [row["t_ns"] - 1000 * row["t_us"] for row in board.told()]
    lag_ns = max(lags_ns) - min(lags_ns)
    unexplained, without = matched(items, outs, _PULSE_NS + lag_ns)
    ends = Counter(status.value for item in items for status, _ in item.ended)
    odd = sum(len(item.ended) != 1 for item in items)
    return Run(seconds, ends, len(outs) - unexplained, unexplained, without, odd, repeated, lag_ns / 1e6)


def sorter_on(link: Path) -> FramedSorter:
    sorter = FramedSorter(FramedOptions(kind="framed", port=str(link), ready_timeout_s=20))
    sorter.open()
    return sorter


def put_through(sorter: FramedSorter, count: int) -> list[Item]:
    """So many items over all channels, each handed over while it is young enough, as the loop does."""
    rng, items, waiting = random.Random(1), {}, []
    next_ns = time.monotonic_ns()
    while len(items) < count or any(not item.ended for item in items.values()):
        now_ns = time.monotonic_ns()
        if len(items) < count and now_ns >= next_ns:
            item = Item(len(items) + 1, rng.randrange(6), now_ns, now_ns + int(_WINDOW_S * 1e9))
            items[item.seq] = item
            waiting.append(item)
            next_ns += int(rng.expovariate(_RATE_HZ) * 1e9)
        while waiting and (sorter.ready or now_ns > waiting[0].not_after_ns):
            one = waiting.pop(0)
            sorter.submit(SortCommand(one.seq, "bin", one.channel, one.not_before_ns, one.not_after_ns))
        for event in sorter.events(0.005):
            if isinstance(event, Ack):
                items[event.seq].ended.append((event.status, event.done_at_ns))
    return list(items.values())
