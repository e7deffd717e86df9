"""`appliance twin`: a SIMULATED sorting machine to drive."""

import argparse
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from appliance.cli.common import parser
from appliance.errors import UsageError
from appliance.twin import Faults, Twin
from appliance.twin_framed import FramedTwin

__all__ = ["main"]

_EPILOG = """example, in two terminals:
  appliance twin --link state/twin.tty --log state/twin.jsonl --delay 0.1
  appliance run                                   # config.yaml's sorter.port is state/twin.tty

The language is plain text lines: HELLO, SORT channel seq, STOP; every reply says SIMULATED. With --protocol framed it
is that of docs/protocol.md, and the board is the firmware's own core, compiled once with this computer's C compiler."""


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 ended by a signal, 11 no pseudo-terminal, 13 the log cannot be written."""
    options = parser(command, "Play a sorting machine on a pseudo-terminal, until SIGTERM or Ctrl-C.", _EPILOG)
    options.add_argument("--link", type=Path, required=True, metavar="PATH", help="the port's name, a symbolic link")
    options.add_argument("--log", type=Path, required=True, metavar="FILE", help="the machine's own log, JSON lines")
    options.add_argument("--protocol", choices=("line", "framed"), default="line", help="what it speaks (line)")
    options.add_argument("--delay", type=_seconds, default=0.02, metavar="S", help="seconds a movement takes (0.02)")
    options.add_argument("--refuse", type=_share, default=0.0, metavar="P", help="share of commands refused, 0..1")
    options.add_argument("--silent", type=_share, default=0.0, metavar="P", help="share moved but never answered")
    options.add_argument("--noise", type=_share, default=0.0, metavar="P", help="share of replies with noise before")
    options.add_argument("--jam-after", type=int, default=0, metavar="N", help="after N movements nothing moves")
    options.add_argument("--reset-on-open", action="store_true", help="framed: opening resets it, as it does an Uno")
    options.add_argument("--seed", type=int, default=0, help="for the shares (0)")
    options.add_argument("--until-eof", action="store_true", help="also end when standard input ends")
    options.add_argument("--fresh", action="store_true", help="begin a new log instead of adding to it")
    arguments = options.parse_args(argv)
    faults = Faults(
        arguments.delay, arguments.refuse, arguments.silent, arguments.noise, arguments.jam_after, arguments.seed
    )
    stop, wake = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(wake, b"x"))

    def say() -> None:
        print(f"SIMULATED sorting machine at {arguments.link}, log in {arguments.log}; Ctrl-C ends it", flush=True)

    stops = [stop, 0] if arguments.until_eof else [stop]
    _twin(arguments, faults).serve(*stops, on_ready=say, fresh=arguments.fresh)
    return 0


def _twin(arguments: argparse.Namespace, faults: Faults) -> Twin | FramedTwin:
    if arguments.protocol == "framed":
        return FramedTwin(arguments.link, arguments.log, faults, reset_on_open=arguments.reset_on_open)
    if arguments.reset_on_open:
        raise UsageError("starting the twin", "--reset-on-open is for the framed protocol", "add --protocol framed")
    return Twin(arguments.link, arguments.log, faults)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be 0..1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 60:
        raise argparse.ArgumentTypeError("must be 0..60")
    return value
