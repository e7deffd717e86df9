"""What the end-to-end tests drive: the twin, the daemon, the configuration, each a real process or a real file."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent

SCRIPTED = {
    "kind": "scripted",
    "labels": ["aluminium-can", "glass-bottle", "hdpe-bottle", "pet-bottle", "steel-can", "empty"],
    "answers": [{"label": "aluminium-can"}, {"label": "glass-bottle"}, {"label": "pet-bottle"}, {"label": None}],
}
"""A classifier section that fits the shipped bins and needs no model: three bins in turn, then the reject bin."""


@contextmanager
def file_system(place: Path, size: str) -> Iterator[Path]:
    """A file system of its own at `place`, of a size as tmpfs spells it ("64k", "6m"); the test is skipped where
    none can be mounted."""
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], capture_output=True)
    if made.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


class TwinControl:
    """A twin process at a link; can be pulled and put back, also under another name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.link = folder / "twin.tty"
        self.log = folder / "twin.jsonl"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, link: Path | None = None) -> None:
        link = link or self.link
        command = [sys.executable, "-m", "appliance", "twin", "--link", str(link), "--log", str(self.log)]
        self._process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not link.exists():
            assert self._process.poll() is None, "the twin ended"
            assert time.monotonic() < deadline, "the twin made no port"
            time.sleep(0.01)

    def pull(self) -> None:
        """As if the cable were pulled: the pseudo-terminal goes with the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running(config: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """`appliance run` as a process."""
    command = [sys.executable, "-m", "appliance", "run", "-c", str(config), "--json", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def appliance(*arguments: str, timeout_s: float = 120, **more: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    command = [sys.executable, "-m", "appliance", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False, **more)


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


STILLS: dict[str, Any] = {
    "camera": {"kind": "folder", "path": str(ROOT / "pictures" / "chamber")},
    "trigger": {"kind": "every-frame"},
}
"""Sections for the shipped photographs, one an item."""


class ConfigFile:
    """The shipped config.yaml on the shipped stills, with a state directory of its own, and whatever a test changes.

    `shipped_stream` goes back to the stream that the file comes with.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.yaml"
        self.values: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
        self.values["machine"]["state_dir"] = str(folder / "state")
        self._stream = {name: self.values[name] for name in ("camera", "trigger", "decision")}
        self._stream["camera"] |= {"path": str(ROOT / self.values["camera"]["path"])}
        self.values |= STILLS | {"decision": {**self.values["decision"], "frames": 1}}
        self.values["classifier"]["model"] = str(ROOT / "models" / "chamber5")
        self.values["sorter"]["port"] = str(folder / "twin.tty")
        self.write()

    @property
    def state_dir(self) -> Path:
        return Path(self.values["machine"]["state_dir"])

    def change(self, **sections: Any) -> Path:
        """Merge keys into sections; a section given as a whole has `kind` in it and replaces the old one."""
        for name, keys in sections.items():
            self.values[name] = keys if "kind" in keys else {**self.values[name], **keys}
        return self.write()

    def shipped_stream(self) -> Path:
        """What `make run` shows: the clip, through the trigger that finds items in it."""
        self.values |= self._stream
        return self.write()

    def write(self) -> Path:
        self.path.write_text(yaml.safe_dump(self.values, sort_keys=False))
        return self.path
