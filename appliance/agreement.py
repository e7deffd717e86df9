"""Do the journal and the far end's own log tell the same story? Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.wording import counted

__all__ = ["Agreement", "compare", "moved_by_hand"]

_MOVED = frozenset({"moved", "silent"})
_ENDS = {"done": "sorted", "failed": "failed", "not-begun": "failed"}
"""How a movement by hand ended -> the outcome that promises the same of an item; of any other nobody can know."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """`commands` in the journal, `logged` at the far end, and every contradiction in a sentence."""

    commands: int
    logged: int
    moved: int
    contradictions: tuple[str, ...]

    @property
    def agree(self) -> bool:
        return not self.contradictions

    def as_dict(self) -> dict[str, Any]:
        """For the summary; the contradictions are cut after twenty."""
        return {
            "commands": self.commands,
            "logged": self.logged,
            "moved": self.moved,
            "agrees": self.agree,
            "contradictions": list(self.contradictions[:20]),
        }


def compare(
    items: Iterable[Mapping[str, Any]], log: Iterable[Mapping[str, Any]], channels: Mapping[str, int | None]
) -> Agreement:
    """Compare the journal's items with the twin's log, command by command; `channels` maps bin -> channel.

    A confirmed item was moved exactly once, on its bin's channel; a failed one never; an uncertain one at most once;
    nothing moved that the journal does not know.
    """
    commanded = {row["seq"]: row for row in items if row["seq"] is not None}
    by_seq: dict[int | None, list[Mapping[str, Any]]] = {}
    for record in log:
        by_seq.setdefault(record["seq"], []).append(record)
    contradictions = [
        f"the far end was sent {record['seq']} (channel {record['channel']}), which the journal does not know"
        for seq, records in by_seq.items()
        if seq not in commanded
        for record in records
    ]
    for seq, row in commanded.items():
        contradictions += _check(row, by_seq.get(seq, []), channels.get(row["bin"]))
    results = Counter(record["result"] for records in by_seq.values() for record in records)
    moved = sum(results[result] for result in _MOVED)
    return Agreement(len(commanded), sum(results.values()), moved, tuple(contradictions))


def moved_by_hand(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The movements that people ordered, from the journal's events, in the form of items for `compare`."""
    found: dict[int, dict[str, Any]] = {}
    for event in events:
        told = event["json"]
        if event["kind"] == "fire":
            found[told["seq"]] = {"item": "by hand", "seq": told["seq"], "bin": told["bin"], "outcome": "uncertain"}
        elif event["kind"] == "fire-end" and told["seq"] in found:
            found[told["seq"]]["outcome"] = _ENDS.get(told["status"], "uncertain")
    return list(found.values())


def _check(row: Mapping[str, Any], records: list[Mapping[str, Any]], channel: int | None) -> list[str]:
    name = f"item {row['item']} (seq {row['seq']}, {row['outcome']})"
    moved = [record for record in records if record["result"] in _MOVED]
    said = []
    if len(records) > 1:
        said.append(f"{name} was sent {counted(len(records), 'time')}")
    if row["outcome"] in ("sorted", "rejected") and len(moved) != 1:
        said.append(f"{name} was moved {counted(len(moved), 'time')}")
    if row["outcome"] == "failed" and moved:
        said.append(f"{name} was moved all the same")
    said += [f"{name} went to channel {r['channel']}, not {channel}" for r in moved if r["channel"] != channel]
    return said
