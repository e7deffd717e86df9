"""A framed link in words and JSON types, for people. Pure."""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from appliance.sorter import Passage
from appliance.sorter.frames import Counters, Frame, State, Welcome
from appliance.sorter.link_report import LinkReport
from appliance.sorter.trace import Traced

__all__ = ["described", "passage_of"]

_STATES = {State.WAITING: "down", State.SAFE: "safe", State.ARMED: "armed"}


def described(report: LinkReport, device: str) -> dict[str, Any]:
    """As `appliance.sorter.Describes` wants it. `state`: armed, safe (at rest: commands are refused), down."""
    state = _STATES[report.state]
    return {
        "state": state,
        "why": report.trouble if state == "down" else report.rested,
        "device": device,
        "board": {} if report.board is None else _board(report.board),
        "quality": {
            "round_trip_ms": _rounded(report.round_trip_ms),
            "clock_error_ms": _rounded(report.clock_error_us / 1e3),
            "drift_ppm": _rounded(report.drift_ppm),
            "commands_repeated": report.commands_repeated,
            "beats": report.beats,
            "beats_unanswered": report.beats_unanswered,
        },
        "counters": {"host": asdict(report.line), "board": _counts(report.counters)},
    }


def passage_of(one: Traced) -> Passage:
    """A frame with its fields; the session is left out, it is the same in all of them."""
    if one.frame is None:
        return Passage(one.number, one.at_ns, one.outgoing, _bytes_in_words(one.noise), "damaged: no frame")
    return Passage(one.number, one.at_ns, one.outgoing, _words(one.frame))


def _bytes_in_words(noise: bytes) -> str:
    """Text as text, in quotes; everything else in hexadecimal digits."""
    is_text = all(32 <= byte < 127 or byte in b"\t\r\n" for byte in noise)
    return repr(noise.decode("ascii")) if is_text else noise.hex(" ")


def _board(said: Welcome) -> Mapping[str, Any]:
    return {
        "firmware": said.firmware,
        "protocol": f"{said.major}.{said.minor}",
        "boot": said.boot,
        "reset": said.started_by,
        "simulated": said.simulated,
        "channels": said.channels,
        "queue": said.queue,
        "lease_ms": said.lease_ms,
        "horizon_ms": said.horizon_ms,
        "movement_ms": said.movement_ms,
        "item_sensor": said.item_sensor,
        "belt_encoder": said.belt_encoder,
    }


def _counts(said: Counters | None) -> dict[str, int]:
    return {} if said is None else {name: count for name, count in asdict(said).items() if name != "session"}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 3)


def _words(frame: Frame) -> str:
    name = "STATE" if type(frame).__name__ == "StateTold" else type(frame).__name__.upper()
    known: Any = frame
    values = [f"{one.name}={getattr(frame, one.name)}" for one in fields(known) if one.name != "session"]
    return " ".join([name, *values])
