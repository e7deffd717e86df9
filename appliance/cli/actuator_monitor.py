"""`appliance actuator monitor`: what goes over the line to the actuator, live."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from appliance.cli.actuator_reach import Viewer, looking
from appliance.clock import Deadline, wall_offset_ns, wall_text
from appliance.config import Config
from appliance.errors import LinkError
from appliance.wording import counted

__all__ = ["monitor"]

_POLL_S = 0.2
_FOR_EVER_S = 10.0**9
_BEATS = ("BEAT ", "PULSE ")


def monitor(config: Config, arguments: argparse.Namespace) -> int:
    """Exit code 0 at the end of --seconds and by Ctrl-C; 11 where the far end never answered.

    Raises:
        LinkError: the port cannot be opened.
    """
    silences: list[LinkError] = []
    with looking(config, silences.append) as viewer:
        printer = _Printer(arguments.json, arguments.beats)
        first = viewer.look()
        if not arguments.json:
            _print_head(first.simulated, first.holder)
        if silences:
            print(f"{silences[0]}\nThe port stays open; this is what goes over it:", file=sys.stderr, flush=True)
        # What an appliance that runs said before we came is of no interest here; our own greeting is.
        if first.held_here:
            for passage in first.passages:
                printer.show(passage)
        else:
            printer.seen = _newest(first.passages)
        with suppress(KeyboardInterrupt):
            _follow(viewer, printer, Deadline(arguments.seconds or _FOR_EVER_S))
        answered = not silences or bool(viewer.look(printer.seen).said["board"])
    printer.end()
    return 0 if answered else LinkError.exit_code


def _follow(viewer: Viewer, printer: "_Printer", deadline: Deadline) -> None:
    while True:
        for passage in viewer.look(printer.seen).passages:
            printer.show(passage)
        if deadline.expired:
            return
        time.sleep(min(_POLL_S, deadline.left_s))


def _newest(passages: Any) -> int:
    return max((int(one["number"]) for one in passages), default=0)


def _print_head(simulated: bool, holder: str) -> None:
    if simulated:
        print("SIMULATED: nothing real moves")
    print(f"the port is held by {holder}; -> to the board, <- from it; Ctrl-C ends this", flush=True)


class _Printer:
    """Prints what is new, and says where something was missed."""

    def __init__(self, as_json: bool, beats: bool) -> None:
        self._as_json = as_json
        self._beats = beats
        self._left_out = self._troubled = 0
        self.seen = 0

    def show(self, passage: Mapping[str, Any]) -> None:
        missed, self.seen = passage["number"] - self.seen - 1, passage["number"]
        if missed > 0 and not self._as_json:
            print(f"... {missed} more went by unseen", flush=True)
        self._troubled += bool(passage["trouble"])
        if not self._beats and passage["text"].startswith(_BEATS):
            self._left_out += 1
            return
        at = wall_text(passage["at_ns"] + wall_offset_ns())
        if self._as_json:
            print(json.dumps({"at": at} | dict(passage)), flush=True)
            return
        trouble = f"   !! {passage['trouble']}" if passage["trouble"] else ""
        print(f"{at[11:-1]}  {'->' if passage['outgoing'] else '<-'}  {passage['text']}{trouble}", flush=True)

    def end(self) -> None:
        """On standard error, so that a script sees the lines alone."""
        said = f"{counted(self._troubled, 'line')} with errors" if self._troubled else "no errors"
        if self._left_out:
            said += f"; {counted(self._left_out, 'heartbeat')} and answers to them not shown (--beats shows them)"
        print(said, file=sys.stderr)
