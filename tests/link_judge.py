"""What became of every item, judged by the movements that the machine saw and the outcomes that the host gave.

It asks neither end, and knows nothing of frames.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from link_world import Item, Moved

from appliance.records import AckStatus

__all__ = ["EARLY_NS", "Verdict", "judge", "matched"]

EARLY_NS = 20_000_000
"""So wrong the host's idea of the board's time may be; only the end of an item's time is kept by all of it."""
_SEQS = 2**32
"""The machine counts commands modulo this."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of items. The promise is broken by every one from `duplicate` on."""

    items: int = 0
    moved: int = 0
    """Wholly, and begun within their time."""
    done: int = 0
    failed: int = 0
    unknown: int = 0
    unknown_moved: int = 0
    later: int = 0
    """Unknown, and begun after the host had given them up because the line or the program broke: in their time."""
    duplicate: int = 0
    stale: int = 0
    """Begun outside of their time, or after a last word that was no `unknown`."""
    wrong: int = 0
    """Done, but not moved as told; or failed, but moved."""
    without: int = 0
    """No outcome, or more than one."""
    stray: int = 0
    """Movements of no item."""

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def share(self) -> float:
        return self.moved / self.items

    @property
    def broken(self) -> int:
        return self.duplicate + self.stale + self.wrong + self.without + self.stray


@dataclass(slots=True)
class _Counts:
    found: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, happened: bool) -> None:
        self.found[name] += happened


def judge(items: Iterable[Item], moved: Iterable[Moved]) -> Verdict:
    """All items of a run, and all movements."""
    movements: dict[int, list[Moved]] = defaultdict(list)
    for one in moved:
        movements[one.seq].append(one)
    counts = _Counts()
    for item in items:
        _count(counts, item, movements.pop(item.seq % _SEQS, []))
    return Verdict(**counts.found, stray=sum(map(len, movements.values())))


def _count(counts: _Counts, item: Item, moved: list[Moved]) -> None:
    statuses = [status for status, _ in item.ended]
    done, failed, unknown = (one in statuses for one in (AckStatus.DONE, AckStatus.FAILED, AckStatus.UNKNOWN))
    in_time = all(item.not_before_ns - EARLY_NS <= one.started_ns <= item.not_after_ns for one in moved)
    after = any(one.started_ns > at_ns for one in moved for _, at_ns in item.ended)
    counts.count("items", True)
    counts.count("moved", in_time and any(one.whole for one in moved))
    counts.count("done", done)
    counts.count("failed", failed)
    counts.count("unknown", unknown)
    counts.count("unknown_moved", unknown and bool(moved))
    counts.count("later", unknown and after)
    counts.count("duplicate", len(moved) > 1)
    counts.count("stale", not in_time or (after and not unknown))
    counts.count("wrong", (done and not _as_told(item, moved)) or (failed and bool(moved)))
    counts.count("without", len(statuses) != 1)


def _as_told(item: Item, moved: list[Moved]) -> bool:
    """One whole movement of the right diverter, over when it was called done."""
    return any(one.whole and one.channel == item.channel and one.ended_ns <= item.ended[0][1] for one in moved)


def matched(items: Iterable[Item], movements: Iterable[tuple[int, int]], lag_ns: int) -> tuple[int, int]:
    """For a machine that does not say which item it moves: how many (channel, moment) no item explains, and how many
    items are done without one.

    An item explains one movement of its channel from its beginning to its end and `lag_ns` later; one that failed none.
    Given to the item that ends first, points fit as many intervals as they can.
    """
    waiting = sorted((_window(item) for item in items if _may_have_moved(item)), key=lambda one: one[2])
    unexplained = 0
    for channel, at_ns in sorted(movements, key=lambda one: one[1]):
        fits = (one for one in waiting if one[0] == channel and one[1] <= at_ns <= one[2] + lag_ns)
        found = next(fits, None)
        if found is None:
            unexplained += 1
        else:
            waiting.remove(found)
    return unexplained, sum(done for *_, done in waiting)


def _may_have_moved(item: Item) -> bool:
    return any(status is not AckStatus.FAILED for status, _ in item.ended)


def _window(item: Item) -> tuple[int, int, int, bool]:
    """Channel, beginning, end, done."""
    status, at_ns = item.ended[0]
    done = status is AckStatus.DONE
    return item.channel, item.not_before_ns, min(item.not_after_ns, at_ns) if done else item.not_after_ns, done
