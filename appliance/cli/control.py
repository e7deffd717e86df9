"""`appliance status`, `watch`, `pause`, `resume`: talk to a running appliance."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.cli.common import add_config_option, load, parser
from appliance.clock import Deadline
from appliance.control_client import ask, find_socket, watch
from appliance.health import arrivals
from appliance.wording import counted, told

__all__ = ["main"]

_PAUSE_S = 10.0
_ABOUT = {
    "status": "What a running appliance is doing now.",
    "watch": "Follow a running appliance until Ctrl-C.",
    "pause": "Let a running appliance rest: the command that is out is finished, then nothing moves.",
    "resume": "Let a paused appliance go on.",
}


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 ok, 2 nothing is running, 78 configuration."""
    options = parser(command, _ABOUT[command])
    add_config_option(options)
    options.add_argument("--json", action="store_true", help="one JSON object (watch: one a line)")
    arguments = options.parse_args(argv)
    path = find_socket(load(arguments.config))
    if command != "watch":
        status = ask(path, command)
        if command in ("pause", "resume"):
            status = _until(path, status, paused=command == "pause")
        _show(status, arguments.json)
        return 0
    try:
        for status in watch(path):
            print(json.dumps(status) if arguments.json else _line(status), flush=True)
    except KeyboardInterrupt:
        return 0
    print("it has ended", file=sys.stderr)
    return 0


def _until(path: Path, status: dict[str, Any], *, paused: bool) -> dict[str, Any]:
    """Wait until the loop itself says so; that it was asked is not enough."""
    deadline = Deadline(_PAUSE_S)
    while (status["state"] == "paused") != paused and not deadline.expired:
        time.sleep(0.05)
        status = ask(path, "status")
    return status


def _show(status: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(status))
        return
    print(_line(status))
    for name in ("machine", "model", "camera", "sorter", "run_id", "uptime_s", "frames", "dropped", "skipped"):
        print(f"  {name:<9} {status[name]}")
    if status.get("picture_age_s") is not None:
        print(f"  picture   the newest is {status['picture_age_s']:.1f} s old")
    for name in ("stale", "corrupt", "stalls", "restarts"):
        if status[name]:
            print(f"  {name:<9} {status[name]}")
    if seen := told(status.get("trigger", {})):
        print(f"  trigger   {seen}")
    if status.get("drift"):
        print(f"  drift     {_drift(status['drift'])}")
    if status["last"]:
        last = status["last"]
        print(f"  last      {last['source']} -> {last['label']} -> {last['bin']}, {last['outcome']} ({last['rule']})")


def _drift(drift: Mapping[str, Any]) -> str:
    if drift["misfit"]:
        return f"not watched: {drift['misfit']}"
    values = ", ".join(f"{kind} {value:+.0%}" for kind, value in drift["values"].items()) or "not compared yet"
    return f"{values} against the reference of {drift['reference']}"


def _line(status: Mapping[str, Any]) -> str:
    state = "pausing" if status.get("paused") and status["state"] != "paused" else status["state"]
    ends = told(status["outcomes"]) or "none yet"
    simulated = " SIMULATED" if status["simulated"] else ""
    drift = status.get("drift", {}).get("warnings", {}).values()
    arriving = arrivals(status["state"], status.get("picture_age_s"))
    trouble = "".join(f"; {said}" for said in (arriving, status["trouble"], *drift) if said)
    return f"{state}{simulated}: {counted(status['items'], 'item')} ({ends}){trouble}"
