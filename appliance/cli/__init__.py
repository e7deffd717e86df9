"""The `appliance` command: finds the subcommand, turns errors into one line and an exit code."""

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from appliance import __version__
from appliance.errors import ApplianceError

__all__ = ["main"]

_COMMANDS = {
    "run": ("appliance.cli.run", "sort until told to stop (this is what systemd starts)"),
    "setup": ("appliance.cli.setup", "from the box to the first sorted item: camera, bins, reference, first items"),
    "diagnose": ("appliance.cli.diagnose", "what is wrong with this machine, and what to do"),
    "status": ("appliance.cli.control", "what a running appliance is doing now"),
    "watch": ("appliance.cli.control", "the same, live"),
    "pause": ("appliance.cli.control", "let a running appliance rest: nothing moves"),
    "resume": ("appliance.cli.control", "let it go on"),
    "history": ("appliance.cli.history", "read the journal: tail, summary, events, export"),
    "camera": ("appliance.cli.camera", "look through a camera: list, show, snapshot, check, reference"),
    "actuator": ("appliance.cli.actuator", "look at the actuator, move it by hand: status, fire, test, monitor ..."),
    "config": ("appliance.cli.config", "check, show, or describe config.yaml"),
    "bench": ("appliance.cli.bench", "measure this computer with the configured model"),
    "twin": ("appliance.cli.twin", "a SIMULATED sorting machine on a pseudo-terminal"),
}

_EPILOG = """exit codes:
  0 ok   2 usage   10 camera   11 link to the sorter   12 model   13 storage   70 internal   78 configuration

`appliance COMMAND --help` explains a command. Start with `appliance diagnose`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="appliance",
        description="Sorts what a camera sees: a quantized MobileNet decides, an actuator moves.",
        epilog=_commands_help() + "\n\n" + _EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="appliance [-h] [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"appliance {__version__}")
    parser.add_argument("command", choices=_COMMANDS, metavar="COMMAND", help="one of the commands below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    try:
        module = importlib.import_module(_COMMANDS[arguments.command][0])
        code: int = module.main(arguments.command, arguments.rest)
        sys.stdout.flush()
        return code
    except ApplianceError as error:
        _complain(f"appliance: {error}")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone; Python must not complain about it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  # the edge of the process
        traceback.print_exc()
        _complain(f"appliance: a bug: {type(error).__name__}: {error}. Please report it with the lines above")
        return ApplianceError.exit_code


def _complain(text: str) -> None:
    """The last word on standard error; with the priority that journald reads. Source: sd-daemon(3)."""
    print(f"<3>{text}".replace("\n", " | ") if "JOURNAL_STREAM" in os.environ else text, file=sys.stderr)


def _commands_help() -> str:
    width = max(map(len, _COMMANDS))
    return "commands:\n" + "\n".join(f"  {name:<{width}}  {about}" for name, (_, about) in _COMMANDS.items())
