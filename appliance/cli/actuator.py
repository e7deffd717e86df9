"""`appliance actuator status|home|fire|monitor|test|counters`: look at the actuator and move it by hand."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.cli.actuator_counters import show_counters
from appliance.cli.actuator_monitor import monitor
from appliance.cli.actuator_reach import moving
from appliance.cli.actuator_status import show_status
from appliance.cli.actuator_trial import guided_test
from appliance.cli.common import add_config_option, load, parser
from appliance.config import Config
from appliance.errors import LinkError, UsageError
from appliance.orders import Order

__all__ = ["main"]

_AS_WRITTEN = argparse.RawDescriptionHelpFormatter
_MORE = {
    "fire": "KEEP YOUR HANDS OUT. While an appliance runs it must be paused: appliance pause",
    "home": "On a text line without an appliance it sends sorter.stop; with one it is refused.",
    "monitor": "An appliance that runs is listened to; else the port is opened, and the board stays at rest.",
    "test": """Nothing moves without a yes. The result is written to actuator-test.json in the state directory.
--answers FILE, for scripts; a bin that it leaves out is not moved:
  move: {cans: yes, glass: yes}
  saw: {cans: right, glass: nothing}     # right, nothing, or the bin that moved instead""",
}
_WELL = ("done", "unconfirmed")

_EPILOG = """status     what is at the far end, who holds its port, how well the link does
counters   what was counted at both ends, what it means, and what is worth a look
monitor    what goes over the line, live, until Ctrl-C (or --seconds)
fire BIN   ONE movement of one bin: KEEP YOUR HANDS OUT
home       every output to its rest position
test       each bin in turn: asks before each movement, asks what happened, and says what to try

While an appliance runs, fire, home and test are carried out by it, and only while it is paused:
  appliance pause && appliance actuator fire cans && appliance resume
While none runs they open the port themselves, and no appliance can start meanwhile. Every movement is in the journal
before it begins (`appliance history events`). status, counters and monitor move nothing.

exit codes: 0 ok, 2 usage or refused, 11 link or not moved as it should, 13 storage, 78 configuration"""


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 ok, 2 usage, 11 link, 13 storage, 78 configuration."""
    arguments = _parse(command, argv)
    return _ACTIONS[arguments.action](load(arguments.config), arguments)


def _parse(command: str, argv: Sequence[str]) -> argparse.Namespace:
    options = parser(command, "Look at the actuator, and move it by hand.", _EPILOG)
    actions = options.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name in _ACTIONS:
        action = actions.add_parser(name, epilog=_MORE.get(name, ""), formatter_class=_AS_WRITTEN)
        add_config_option(action)
        action.add_argument("--json", action="store_true", help="JSON (monitor: a line each; test: the last line)")
        if name == "fire":
            action.add_argument("bin", metavar="BIN", help="one of decision.bins")
        if name == "monitor":
            action.add_argument("--seconds", type=_seconds, metavar="N", help="stop after so long")
            action.add_argument("--beats", action="store_true", help="show heartbeats and their answers, too")
        if name == "test":
            action.add_argument("--answers", metavar="FILE", type=Path, help="a YAML file that answers for a person")
    return options.parse_args(argv)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError("must be above 0 and at most 86400")
    return seconds


def _fire(config: Config, arguments: argparse.Namespace) -> int:
    bins = config.decision.bins
    if arguments.bin not in bins:
        raise UsageError(f"firing {arguments.bin}", "there is no such bin", f"one of: {', '.join(bins)}")
    if bins[arguments.bin].channel is None:
        found = "it has `action: none`: nothing has to move for it; nothing was moved"
        movable = ", ".join(name for name, one in bins.items() if one.channel is not None)
        raise UsageError(f"firing {arguments.bin}", found, f"one of: {movable}")
    return _move(config, Order("fire", arguments.bin), arguments.json)


def _home(config: Config, arguments: argparse.Namespace) -> int:
    return _move(config, Order("home"), arguments.json)


def _move(config: Config, what: Order, as_json: bool) -> int:
    """Carry out one order and tell how it ended.

    Raises:
        LinkError: it did not end as it should.
    """
    with moving(config) as mover:
        simulated = mover.look(1).simulated
        ended = mover.order(what)
    if as_json:
        print(json.dumps({"order": str(what), "simulated": simulated} | ended))
        return 0 if ended["status"] in _WELL else LinkError.exit_code
    if simulated:
        print("SIMULATED: nothing real moves")
    if ended["status"] not in _WELL:
        sure = "nothing was moved" if ended["status"] == "failed" else "it may or may not have moved: look"
        found = f"{ended['status']}: {ended['detail']}; {sure}"
        raise LinkError(f"`{what}`", found, "see `appliance actuator counters`")
    print(f"{what}: {_told(ended)}")
    return 0


def _told(ended: dict[str, object]) -> str:
    about = f"channel {ended['channel']}, " if "channel" in ended else ""
    took = f" after {ended['ms']} ms" if ended["status"] == "done" else f" ({ended['detail']})"
    number = f"; command {ended['seq']}" if "seq" in ended else ""
    return f"{about}{ended['status']}{took}{number}"


_ACTIONS: dict[str, Callable[[Config, argparse.Namespace], int]] = {
    "status": show_status,
    "counters": show_counters,
    "monitor": monitor,
    "fire": _fire,
    "home": _home,
    "test": guided_test,
}
