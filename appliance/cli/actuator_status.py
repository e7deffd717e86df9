"""`appliance actuator status`: what is at the far end, who holds its port, and how well the link does."""

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.cli.actuator_counters import worth_a_look
from appliance.cli.actuator_reach import Look, looking
from appliance.config import Config
from appliance.errors import LinkError
from appliance.history import last_failure
from appliance.sorter.serial_port import known_ports
from appliance.wording import counted

__all__ = ["show_status"]

_STATES = {
    "armed": "armed: commands are taken",
    "safe": "at rest: commands are refused",
    "ready": "ready for a command",
    "busy": "waits for the answer to a command",
    "quiet": "an answer is missing; it is waited for, so that it cannot be taken for the next one's",
    "down": "the link is DOWN",
    "closed": "closed",
}


def show_status(config: Config, arguments: argparse.Namespace) -> int:
    """Exit codes: 0 it was reached, 11 the appliance that runs has lost it.

    Raises:
        LinkError: no appliance runs, and it was not reached; names who holds the port.
    """
    with looking(config) as viewer:
        seen = viewer.look()
    port = getattr(config.sorter, "port", "")
    lasting = _lasting_name(str(seen.said.get("device", "")))
    code = LinkError.exit_code if _is_down(seen.said) else 0
    if arguments.json:
        print(json.dumps(_as_dict(config, seen, port, lasting)))
        return code
    if seen.simulated:
        print("SIMULATED: nothing real moves")
    for name, value in _rows(config, seen, port, lasting):
        print(f"{name:<9} {value}")
    return code


def _as_dict(config: Config, seen: Look, port: str, lasting: str) -> dict[str, Any]:
    return {
        "kind": config.sorter.kind,
        "port": port,
        "lasting_name": lasting,
        "sorter": seen.sorter,
        "simulated": seen.simulated,
        "holder": seen.holder,
        "machine": seen.machine,
        "trouble": seen.trouble,
        "last_failure": last_failure(config.machine.state_dir),
        "link": dict(seen.said),
    }


def _rows(config: Config, seen: Look, port: str, lasting: str) -> Iterator[tuple[str, str]]:
    said = seen.said
    yield "kind", config.sorter.kind
    if port:
        device = str(said.get("device", ""))
        yield "port", f"{port} (now {device})" if device and device != port else port
        if lasting not in ("", port) and not port.startswith("usb:"):
            yield "", f"write `port: {lasting}` into config.yaml: that name survives replugging"
        yield "held by", seen.holder
    yield "machine", f"{seen.machine}; {seen.trouble}" if seen.trouble else seen.machine
    if failure := last_failure(config.machine.state_dir):
        yield "failure", f"the last: {failure}"
    if not said:
        yield "link", f"{seen.sorter}; this kind tells no more of itself"
        return
    yield "link", _state(said, seen)
    was = "last known: " if _is_down(said) else ""
    yield from _board_rows(said.get("board", {}), was)
    if quality := said.get("quality"):
        yield "quality", was + _quality(quality)
    looks = worth_a_look(said.get("counters", {}))
    looked = f"{counted(len(looks), 'counter')} worth a look: appliance actuator counters"
    yield "counters", was + (looked if looks else "all well")


def _state(said: Mapping[str, Any], seen: Look) -> str:
    words = _STATES.get(said["state"], said["state"])
    if said["state"] == "safe" and seen.held_here:
        return "at rest, as it should be: no appliance runs"
    return f"{words}; last rest: {said['why']}" if said["state"] == "armed" else f"{words}: {said['why']}".rstrip(": ")


def _is_down(said: Mapping[str, Any]) -> bool:
    return said.get("state") == "down"


def _board_rows(board: Mapping[str, Any], was: str) -> Iterator[tuple[str, str]]:
    if "firmware" in board:
        yield "board", f"{was}firmware {board['firmware']}, protocol {board['protocol']}, {board['channels']} channels"
        yield "", f"boot {board['boot']:#010x}, last reset: {board['reset']}"
        lease = f"rests by itself {board['lease_ms']} ms after the last sign of life"
        yield "", f"{lease}; a movement takes {board['movement_ms']} ms"
    elif board.get("greeting"):
        yield "board", f"{was}said {board['greeting']!r}"


def _quality(quality: Mapping[str, Any]) -> str:
    def shown(name: str, unit: str) -> str:
        return "not known yet" if quality[name] is None else f"{quality[name]:g} {unit}"

    return (
        f"round trip {shown('round_trip_ms', 'ms')}, clock known to {shown('clock_error_ms', 'ms')}, "
        f"{counted(quality['commands_repeated'], 'command')} repeated, "
        f"{quality['beats_unanswered']} of {counted(quality['beats'], 'heartbeat')} unanswered"
    )


def _lasting_name(device: str) -> str:
    """The name that survives replugging, of a port that has one; "" of others."""
    if not device or "://" in device:
        return ""
    real = os.path.realpath(device)
    return next((name for name in known_ports() if name != real and os.path.realpath(name) == real), "")
