"""What `appliance run` shows to a person: live counters, and a summary at the end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from appliance.health import Snapshot, arrivals
from appliance.wording import counted, told

__all__ = ["live_counters", "print_summary"]

_OUTCOMES = ("sorted", "rejected", "missed", "failed", "uncertain")
_CAMERA_TROUBLE = ("stale", "corrupt", "stalls", "restarts")


@contextmanager
def live_counters(snapshot: Callable[[], Snapshot | None]) -> Iterator[None]:
    """Counters that follow the loop's snapshots, four times a second."""
    with Live(get_renderable=lambda: _counters(snapshot()), refresh_per_second=4, transient=True):
        yield


def _counters(snapshot: Snapshot | None) -> Text:
    if snapshot is None:
        return Text("starting ...")
    rate = snapshot.items / snapshot.uptime_s if snapshot.uptime_s else 0
    ends = "  ".join(f"{name} {snapshot.outcomes.get(name, 0)}" for name in _OUTCOMES)
    last = snapshot.last
    seen = f"\n{last['source']} -> {last['label']} {last['confidence']:.2f} -> {last['bin']}" if last else ""
    said = (arrivals(snapshot.state, snapshot.picture_age_s), snapshot.trouble)
    trouble = "".join(f"\n{one}" for one in said if one)
    simulated = "  SIMULATED far end" if snapshot.simulated else ""
    return Text(f"{snapshot.state}: {counted(snapshot.items, 'item')}, {rate:.1f}/s{simulated}\n{ends}{seen}{trouble}")


def print_summary(summary: Mapping[str, Any]) -> None:
    """The summary of a run, for reading."""
    console = Console(highlight=False, soft_wrap=True)
    simulated = ", SIMULATED" if summary["simulated"] and "SIMULATED" not in summary["sorter"] else ""
    console.print(f"\n{counted(summary['items'], 'item')} in {summary['seconds']:g} s with {summary['model']}")
    table = Table(title="where they went", title_justify="left")
    table.add_column("bin")
    table.add_column("items", justify="right")
    for name, count in sorted(summary["bins"].items(), key=lambda pair: -pair[1]):
        table.add_row(name, str(count))
    console.print(table)
    console.print("how they ended: " + ", ".join(f"{summary[name]} {name}" for name in _OUTCOMES))
    frames = f"frames: {summary['frames']} seen, {summary['dropped']} dropped, {summary['skipped']} unreadable"
    console.print(frames)
    if trouble := told({name: summary[name] for name in _CAMERA_TROUBLE}):
        console.print(f"camera: {trouble}")
    latency = summary["latency_ms"]
    if latency["p50"] is not None:
        console.print(f"picture to command: p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms")
    accuracy = summary["accuracy"]
    if accuracy["n"]:
        console.print(_accuracy(accuracy))
    if summary["count"]:
        count = summary["count"]
        shown = counted(count["shown"], "item")
        console.print(
            f"of {shown} shown: {count['missed']} never an item, {count['double']} decided twice; "
            f"{count['false']} decided where there was none"
        )
    if doubts := told({name: n for name, n in summary["trigger"].items() if name != "items"}):
        console.print(f"trigger: {doubts}")
    console.print(f"sorter: {summary['sorter']}{simulated}")
    if "far_end" in summary:
        _print_far_end(console, summary["far_end"])


def _accuracy(accuracy: Mapping[str, Any]) -> str:
    decided = "none decided" if accuracy["decided"] is None else f"{accuracy['decided']:.1%} of those right"
    right, coverage = f"{accuracy['top1']:.1%} right", f"{accuracy['coverage']:.1%} decided"
    return f"of {counted(accuracy['n'], 'labelled item')}: {right}; {coverage}, {decided}"


def _print_far_end(console: Console, far_end: Mapping[str, Any]) -> None:
    if far_end["agrees"]:
        console.print(
            f"far end's log: {counted(far_end['logged'], 'command')}, {counted(far_end['moved'], 'movement')}: "
            f"[green]agrees with the journal[/green]"
        )
        return
    console.print("far end's log: [red]does NOT agree with the journal[/red]")
    for sentence in far_end["contradictions"]:
        console.print(f"  {sentence}")
