"""`appliance actuator test`: each bin in turn, what a person saw, what to try, and the result in a file."""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from appliance.cli.actuator_reach import Look, Mover, moving
from appliance.cli.setup_ask import NO, YES, Asking, asking
from appliance.clock import clock_synchronized, wall_text
from appliance.config import Config
from appliance.errors import LinkError, StorageError, UsageError
from appliance.files import write_power_safe
from appliance.orders import Order

__all__ = ["RESULT_FILE", "Tried", "advice", "guided_test"]

RESULT_FILE = "actuator-test.json"
_KEYS = ("move", "saw")
_NESTED = {"move": "move: {BIN: yes}", "saw": "saw: {BIN: right, nothing, or the bin that moved instead}"}
_SKIPPED = "skipped"
_NOT_SAID = "?"


@dataclass(frozen=True, slots=True)
class Tried:
    """One bin: how the movement ended by the far end's word, and what a person saw (`right`, `nothing`, a bin; empty
    where nobody said it)."""

    bin: str
    channel: int
    status: str
    detail: str = ""
    ms: float | None = None
    saw: str = ""

    @property
    def well(self) -> bool:
        return self.saw == "right" and self.status in ("done", "unconfirmed")


def guided_test(config: Config, arguments: argparse.Namespace) -> int:
    """Exit codes: 0 nothing was wrong, 11 a bin did not move as it should. Raises what `moving` raises."""
    voice = asking(arguments.answers, _KEYS, _NESTED)
    bins = _channels(config)
    voice.until(lambda: _look_through(voice, tuple(bins)))
    with moving(config) as mover:
        seen = mover.look(1)
        if seen.simulated:
            print("SIMULATED: nothing real moves")
        tried: list[Tried] = []
        try:
            for name, channel in bins.items():
                _try(voice, mover, name, channel, tuple(bins), tried)
        finally:
            # Also by an error and by Ctrl-C: what was moved is told and kept.
            if len(tried) == len(bins) or any(one.status != _SKIPPED for one in tried):
                _tell(config, _result(config, seen, tried), tried, as_json=arguments.json)
    return LinkError.exit_code if any(not one.well for one in tried if one.status != _SKIPPED) else 0


def _look_through(voice: Asking, bins: Sequence[str]) -> None:
    """Refuse a file of answers as a whole, before the first movement.

    Raises:
        UsageError: it names a bin that cannot be fired, has no plain yes or no, or not what will be seen.
    """
    moves, saw = voice.given("move"), voice.given("saw")
    for name in (*moves, *saw):
        if name not in bins:
            raise UsageError("reading the answers", f"{name!r} is no bin that can be fired", ", ".join(bins))
    for name, said in moves.items():
        if said.lower() not in YES | NO:
            raise UsageError(f"reading whether to move {name}", f"{said!r} is no answer", "yes or no")
        if said.lower() in YES or name in saw:
            _judged(saw.get(name, _NOT_SAID), name, bins)


def _try(voice: Asking, mover: Mover, name: str, channel: int, bins: Sequence[str], tried: list[Tried]) -> None:
    """Try one bin and add it to `tried`, as soon as it has moved and again when somebody said what was seen."""
    question = f"Fire {name} (channel {channel}) now? Look at it, and KEEP YOUR HANDS OUT. yes or no:"
    if not voice.yes(f"move.{name}", question):
        tried.append(Tried(name, channel, _SKIPPED))
        return
    ended = mover.order(Order("fire", name))
    tried.append(Tried(name, channel, ended["status"], ended["detail"], ended["ms"]))
    print(f"  the far end says: {ended['status']} {ended['detail']}".rstrip())
    tried[-1] = replace(tried[-1], saw=voice.until(lambda: _saw(voice, name, bins)))


def _saw(voice: Asking, name: str, bins: Sequence[str]) -> str:
    """What moved. No answer is none: a person is asked again.

    Raises:
        UsageError: it is none of the answers.
    """
    question = "  What moved? right, nothing, or the name of the bin that moved instead:"
    return _judged(voice.ask(f"saw.{name}", question, _NOT_SAID), name, bins)


def _judged(said: str, name: str, bins: Sequence[str]) -> str:
    others = [one for one in bins if one != name]
    if said == name:
        return "right"
    if said not in ("right", "nothing", *others):
        doing = f"reading what moved for {name}"
        raise UsageError(doing, f"{said!r} is no answer", f"right, nothing, {', '.join(others)}")
    return said


def _channels(config: Config) -> dict[str, int]:
    """The bins that can be fired."""
    return {name: one.channel for name, one in config.decision.bins.items() if one.channel is not None}


def advice(tried: Tried) -> str:
    """What to try for a bin that did not do well; "" for one that did, or was skipped."""
    if tried.well or tried.status == _SKIPPED:
        return ""
    if not tried.saw:
        return "nobody said what was seen: try it again"
    if tried.saw not in ("right", "nothing"):
        return f"exchange the channels (or the plugs) of {tried.bin} and {tried.saw}: decision.bins in config.yaml"
    if tried.status in ("done", "unconfirmed"):
        return (
            "the board believes that it moved: check this servo's plug, its supply, the pin of its channel, and the "
            "linkage"
        )
    if tried.saw == "right":
        return "it moved, and the far end did not say so: see `appliance actuator counters`, then the cable"
    return "nothing was heard to move: see `appliance actuator status`, then the cable and the board's supply"


def _result(config: Config, seen: Look, tried: Sequence[Tried]) -> dict[str, Any]:
    board: Mapping[str, Any] = seen.said.get("board", {})
    return {
        "at": wall_text(time.time_ns()),
        "clock_synced": clock_synchronized(),
        "sorter": seen.sorter,
        "simulated": seen.simulated,
        "firmware": board.get("firmware") or board.get("greeting") or "not told",
        "config": config.digest,
        "complete": sum(bool(one.saw) for one in tried) == len(_channels(config)),
        "bins": [asdict(one) | {"well": one.well, "advice": advice(one)} for one in tried],
    }


def _tell(config: Config, result: Mapping[str, Any], tried: Sequence[Tried], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
    else:
        _print(tried)
    _keep(config.machine.state_dir / RESULT_FILE, result, quiet=as_json)


def _print(tried: Sequence[Tried]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("bin", "channel", "far end", "seen", "what to try"):
        table.add_column(heading, overflow="fold")
    for one in tried:
        style = "dim" if one.status == _SKIPPED else "green" if one.well else "bold red"
        table.add_row(one.bin, str(one.channel), one.status, Text(one.saw or "-", style=style), advice(one))
    Console(highlight=False).print(table)


def _keep(path: Path, result: Mapping[str, Any], *, quiet: bool) -> None:
    try:
        write_power_safe(path, json.dumps(result, indent=2).encode() + b"\n")
    except OSError as error:
        remedy = "use sudo, or the appliance's own user"
        raise StorageError(f"writing {path}", error.strerror or str(error), remedy) from error
    if not quiet:
        print(f"{path}: written")
