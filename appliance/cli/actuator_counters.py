"""`appliance actuator counters`: what was counted at both ends, what it means, and what is worth a look."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.cli.actuator_reach import looking
from appliance.config import Config

__all__ = ["Meaning", "show_counters", "worth_a_look"]

_NOISE = 0.001
"""One damaged frame in a thousand is what servos beside a cable cause, and repetition mends it."""
_BASES = ("frames", "commands")
"""What a share is a share of: the first of these that the same end counts."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """`most`: how many are no reason to look: a number from 1 on, a share of the frames below it, None: any number."""

    sentence: str
    most: float | None = None
    remedy: str = ""


_CABLE = "check the cable, the common ground, and that the servos have a supply of their own"
_BUSY = "the computer was too busy, or the program ended hard (a wait of `actuator test` counts, too)"
_POWER = "check the board's supply: servos that start together pull it down"
_MEANINGS: dict[tuple[str, str], Meaning] = {
    # framed, at this end
    ("host", "frames"): Meaning("frames of the board that came in whole"),
    ("host", "bad_crc"): Meaning("frames of the board that were damaged on the way", _NOISE, _CABLE),
    ("host", "bad_frame"): Meaning("noise where a frame should be (some at every start is normal)", _NOISE, _CABLE),
    ("host", "unknown"): Meaning("whole frames of a type not known here", 0, "update the older end"),
    # framed, at the board
    ("board", "frames"): Meaning("frames of this computer that came in whole"),
    ("board", "moved"): Meaning("movements begun since the board started"),
    ("board", "bad_crc"): Meaning("frames of this computer that were damaged on the way", _NOISE, _CABLE),
    ("board", "bad_frame"): Meaning("noise where a frame should be", _NOISE, _CABLE),
    ("board", "overrun"): Meaning("bytes that came faster than the board took them", 0, "check sorter.baud"),
    ("board", "unknown"): Meaning("whole frames of a type not known there", 0, "update the firmware"),
    ("board", "foreign"): Meaning("frames of another session", 3, "let no other program use the port"),
    ("board", "repeated"): Meaning("commands that came again and were not moved again", 0.01, _CABLE),
    ("board", "failed"): Meaning("commands that did not end well", 0, "see `appliance history tail` for the reasons"),
    ("board", "lapsed"): Meaning("times the board rested because no sign of life came", 0, _BUSY),
    ("board", "unsent"): Meaning("answers the board could not send", 0, "raise sorter.baud at both ends"),
    ("board", "events_lost"): Meaning("sensor events the board could not send", 0, "check the sensor for chatter"),
    ("board", "watchdog"): Meaning("restarts by the board's own watchdog", 0, _POWER),
    # a text line, counted at this end only
    ("host", "commands"): Meaning("commands sent"),
    ("host", "done"): Meaning("commands that were confirmed"),
    ("host", "home"): Meaning("times it was sent to rest by hand"),
    ("host", "refused"): Meaning("commands that the board refused", 0, "see `appliance history tail` for its words"),
    ("host", "not-sent"): Meaning("commands that came too late, or while the link was down", 0, "see the rows below"),
    ("host", "unanswered"): Meaning("commands without an answer: nobody knows whether they moved", 0, _CABLE),
    ("host", "late-reply"): Meaning("answers that came too late to count", 0, "raise sorter.timeout_s"),
    ("host", "unexpected"): Meaning("lines that fit no pattern", 0, "see `appliance actuator monitor`; " + _CABLE),
    ("host", "board-restart"): Meaning("restarts of the board in the middle of a command", 0, _POWER),
    ("host", "link-down"): Meaning("times the link broke", 0, "check the cable and its plugs"),
    ("host", "link-still-down"): Meaning("reasons why it stayed away", 0, "check the cable and its plugs"),
    ("host", "link-up"): Meaning("times it came back"),
}


def show_counters(config: Config, arguments: argparse.Namespace) -> int:
    """Exit code 0 whatever was counted. Raises LinkError where the far end is not reached."""
    with looking(config) as viewer:
        seen = viewer.look()
    counters: Mapping[str, Mapping[str, int]] = seen.said.get("counters", {})
    looks = worth_a_look(counters)
    if arguments.json:
        look = [{"end": end, "name": name, "remedy": remedy} for (end, name), remedy in looks.items()]
        print(json.dumps({"simulated": seen.simulated, "counters": counters, "worth_a_look": look}))
        return 0
    if seen.simulated:
        print("SIMULATED: nothing real moves")
    if not counters:
        print(f"{seen.sorter}: this kind counts nothing")
    for end, counts in counters.items():
        print(f"counted {_ENDS[end]}:" if counts else f"{_ENDS[end]}: not told yet")
        for name, count in counts.items():
            _print_row(name, count, _MEANINGS.get((end, name), Meaning("")).sentence, looks.get((end, name), ""))
    if counters and not looks:
        print("nothing is worth a look")
    return 0


_ENDS = {"host": "at this end since the link was opened", "board": "at the board since it started"}


def worth_a_look(counters: Mapping[str, Mapping[str, int]]) -> dict[tuple[str, str], str]:
    """(end, name) of every counter that is higher than it should be -> what to do."""
    found = {}
    for end, counts in counters.items():
        base = next((counts[name] for name in _BASES if name in counts), 0)
        for name, count in counts.items():
            meaning = _MEANINGS.get((end, name))
            if meaning is not None and meaning.most is not None and count > _most(meaning.most, base):
                found[end, name] = meaning.remedy
    return found


def _most(most: float, base: int) -> float:
    """A share allows at least two: one at the start, and one that nobody can explain."""
    return max(2.0, most * base) if 0 < most < 1 else most


def _print_row(name: str, count: Any, sentence: str, remedy: str) -> None:
    print(f"  {name:<16} {count:>9}  {sentence}")
    if remedy:
        print(f"  {'':<16} {'':>9}  → {remedy}")
