"""The command line: `modelworks COMMAND ...`. One file a command; exit codes as in `appliance.errors`."""

import argparse
import os
import sys
from collections.abc import Sequence

from appliance.errors import ApplianceError, UsageError
from modelworks.cli import classify, data, inspect, join, pack, quantize, report, select, train, validate

__all__ = ["main"]

COMMANDS = (data, train, join, quantize, validate, select, report, inspect, classify, pack)
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell says of a program that SIGPIPE ended. Not 0: nobody knows what was checked."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, or the exit code of the error that it printed."""
    given = sys.argv[1:] if argv is None else argv
    arguments = _parser().parse_args(given, argparse.Namespace(argv=tuple(given)))
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except ApplianceError as error:
        print(f"modelworks: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        remedy = "pip install '.[train]', or `make setup-workstation` and .venv-workstation/bin/modelworks"
        print(f"modelworks: looking for the workstation's packages: {error}. Try: {remedy}", file=sys.stderr)
        return UsageError.exit_code
    except BrokenPipeError:
        # The reader of our output has gone; Python must not complain about it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print("modelworks: interrupted; `train` goes on where it stopped when given again", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelworks",
        description="From a folder of labelled photographs to a model that the appliance runs.",
        epilog="In this order: data check DIR; train DIR -o RUN; quantize RUN; validate RUN; select RUN; report RUN; "
        "pack RUN --name NAME --version 1.0.0 -o models/NAME. join makes one run of several; inspect and classify look "
        "at any .tflite file.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return parser
