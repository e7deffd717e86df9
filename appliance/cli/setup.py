"""`appliance setup`: from the box to the first sorted item."""

import argparse
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.cli.build import labels_of
from appliance.cli.common import TABLES, add_config_option, parser
from appliance.cli.reference_taking import reference_of
from appliance.cli.setup_ask import Asking, asking
from appliance.cli.setup_bins import ask_bins
from appliance.cli.setup_items import move_items, say_items
from appliance.cli.setup_live import settled_controls, watch_live
from appliance.cli.setup_sections import ask_camera, ask_port, ask_region
from appliance.config import Config, check_labels, parse_config
from appliance.config_edit import set_values
from appliance.errors import ConfigError, StorageError, UsageError
from appliance.files import write_power_safe
from appliance.reference import reference_path, write_reference

__all__ = ["main"]

_REFERENCE_S = 60.0

_EPILOG = """It begins with the config.yaml that is there, asks, and writes the changed values back; comments stay.
Nothing is written before you say yes, the old file is kept as config.yaml.bak, and Ctrl-C before that leaves all as it
was.

--answers FILE answers instead of a person, for machines that are alike; what it leaves out is kept, and no:
  camera: keep        port: keep           roi: 80 0 480 480     live_s: 5       lock: yes
  bins: {LABEL: BIN, LABEL: never}         channels: {NEW_BIN: 4, ANOTHER: none}
  write: yes          reference: yes       test_items: 3         move: no"""


def main(command: str, argv: Sequence[str]) -> int:
    """Exit codes: 0 ok, 2 usage, 10 camera, 11 link, 12 model, 13 storage, 78 configuration, 130 Ctrl-C."""
    options = parser(command, "Set this machine up, step by step.", _EPILOG)
    add_config_option(options)
    options.add_argument("--answers", metavar="FILE", type=Path, help="a YAML file that answers instead of a person")
    about_page = "show the live picture on a page for a browser too, on a free port or on this one"
    options.add_argument("--page", metavar="PORT", type=_port, nargs="?", const=0, help=about_page)
    arguments: argparse.Namespace = options.parse_args(argv)
    voice = asking(arguments.answers)
    draft = _Draft(arguments.config)
    _shape(draft, voice, arguments.page)
    draft.show()
    if draft.changed and not voice.yes("write", f"Write this to {draft.path}? yes or no:"):
        print(f"{draft.path} is as it was")
        return 0
    draft.write()
    _take_reference(draft.config, voice)
    _first_items(draft.config, voice)
    return 0


class _Draft:
    """A config.yaml in the making: what has been answered so far, always one that the machine would accept."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            ConfigError: the file that is there is refused.
        """
        self.path = path
        try:
            self._before = self._content = path.read_bytes()
        except OSError as error:
            remedy = "copy the config.yaml that comes with the program, or name another with -c"
            raise ConfigError(f"reading the configuration {path}", error.strerror or str(error), remedy) from error
        self.config = parse_config(self._content, path, TABLES)

    @property
    def changed(self) -> bool:
        return self._content != self._before

    def set(self, section: str, values: Mapping[str, Any] | None, *, whole: bool = False) -> None:
        """Change keys of a section; nothing and None change nothing.

        Raises:
            ConfigError: the machine would refuse the result; the draft is as before.
        """
        if values:
            content = set_values(self._content, self.path, section, values, whole=whole)
            self.config = parse_config(content, self.path, TABLES)
            self._content = content

    def show(self) -> None:
        """What would be written, line by line."""
        if not self.changed:
            print(f"{self.path}: nothing to change")
        before, after = (text.decode().splitlines() for text in (self._before, self._content))
        for line in difflib.unified_diff(before, after, "as it is", "as it would be", lineterm="", n=0):
            print(f"  {line}")

    def write(self) -> None:
        """Replace the file if anything changed; the old one is kept beside it as .bak.

        Raises:
            StorageError: the disk refuses; the file is as it was.
        """
        if not self.changed:
            return
        try:
            write_power_safe(self.path.with_name(self.path.name + ".bak"), self._before)
            write_power_safe(self.path, self._content)
        except OSError as error:
            remedy = "make its directory writable, or use sudo"
            raise StorageError(f"writing {self.path}", error.strerror or str(error), remedy) from error
        print(f"{self.path}: written; the old one is {self.path.name}.bak")


def _shape(draft: _Draft, voice: Asking, page_port: int | None) -> None:
    """Everything that is asked before the file is written."""
    draft.set("camera", voice.until(lambda: ask_camera(voice, draft.config)), whole=True)
    draft.set("sorter", voice.until(lambda: ask_port(voice, draft.config)))
    lens = "Turn the lens until the focus is best. For how many seconds?"
    # It takes a while to open a browser, or a tunnel to here.
    usual = "20" if page_port is None else "120"
    seconds = voice.until(lambda: _number(voice.ask("live_s", lens, usual), 0.5, 3600))
    newest = watch_live(draft.config, seconds, page_port).newest
    assert newest is not None, "watch_live raises without a picture"
    size = (newest.pixels.shape[1], newest.pixels.shape[0])
    draft.set("camera", voice.until(lambda: ask_region(voice, size)))
    if voice.yes("lock", "Keep exposure and white balance as they are now? yes or no:"):
        settled = settled_controls(draft.config)
        print(f"locked: {settled}" if settled else "this camera tells of none that could be locked")
        draft.set("camera", settled)
    labels = labels_of(draft.config)
    voice.until(lambda: draft.set("decision", ask_bins(voice, draft.config, labels)))
    if problems := check_labels(draft.config, labels):
        raise draft.config.error(problems)


def _take_reference(config: Config, voice: Asking) -> None:
    if not voice.yes("reference", "Empty the region. Take the reference now, in place of an older one? yes or no:"):
        return
    reference = reference_of(config, _REFERENCE_S)
    write_reference(reference_path(config), reference)
    print(f"{reference_path(config)}: taken; it can tell {', '.join(reference.watched)}")


def _first_items(config: Config, voice: Asking) -> None:
    count = int(_number(voice.ask("test_items", "How many items shall be tried? Nothing moves yet:", "0"), 0, 1000))
    if not count:
        return
    print(f"{say_items(config, count)} items seen, nothing moved")
    if voice.yes("move", "Let the machine MOVE that many items now? Keep your hands out. yes or no:"):
        print(f"{move_items(config, count)} items decided; read them with `appliance history tail`")


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be 1 to 65535")
    return port


def _number(text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise UsageError("reading an answer", f"{text!r} is no number", f"{least:g} to {most:g}") from error
    if not least <= value <= most:
        raise UsageError("reading an answer", f"{text} is out of range", f"{least:g} to {most:g}")
    return value
