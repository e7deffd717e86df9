"""What the commands share: the -c option, the tables of kinds, the log's form."""

import argparse
import logging
import os
import sys
from pathlib import Path

from appliance.camera import CAMERAS
from appliance.classifier import CLASSIFIERS
from appliance.config import Config, load_config
from appliance.sorter import SORTERS
from appliance.trigger import TRIGGERS

__all__ = ["TABLES", "add_config_option", "load", "parser", "set_up_log"]

TABLES = {"camera": CAMERAS, "trigger": TRIGGERS, "classifier": CLASSIFIERS, "sorter": SORTERS}


def parser(command: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """A parser for `appliance COMMAND` whose help keeps its line breaks."""
    return argparse.ArgumentParser(
        prog=f"appliance {command}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_config_option(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        default=Path("config.yaml"),
        help="the configuration (default: config.yaml in this directory)",
    )


def load(path: Path) -> Config:
    """The validated configuration.

    Raises:
        ConfigError: it is refused.
    """
    return load_config(path, TABLES)


class _JournaldFormatter(logging.Formatter):
    """Prefixes the priority that journald reads. Source: sd-daemon(3)."""

    _PRIORITY = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in self._PRIORITY if record.levelno >= level), 7)
        return f"<{priority}>{super().format(record)}".replace("\n", " | ")


def set_up_log(verbose: bool) -> None:
    """Log to standard error: with priorities under journald, with times for people."""
    handler = logging.StreamHandler(sys.stderr)
    under_journald = "JOURNAL_STREAM" in os.environ
    handler.setFormatter(
        _JournaldFormatter("%(message)s")
        if under_journald
        else logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    )
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
