"""The real firmware on an emulated ATmega328P, started by a fixture; skipped visibly where its tools are missing.

With REAL_BOARD=required in the environment, as in CI, missing tools are a failure.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, wait_for

FIRMWARE = ROOT / "firmware"
TOOLS = ("make", "cc", "avr-gcc", "avr-size", "avr-objcopy")
SIMAVR = Path("/usr/include/simavr/sim_avr.h")


class EmulatedBoard:
    """The runner as a process: its port, its log, and what can be done to the board."""

    def __init__(self, build: Path, folder: Path) -> None:
        self._build = build
        self.link = folder / "board.tty"
        self.log = folder / "board.jsonl"
        self.eeprom = folder / "eeprom"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        command = [self._build / "board", self._build / "actuator.elf", "--link", self.link, "--log", self.log]
        words = [*map(str, command), "--eeprom", str(self.eeprom), *options]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE)
        wait_for(self.link.is_symlink)

    def lever(self, command: str) -> None:
        """One of the commands of firmware/board/levers.c."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def told(self, *kinds: str) -> list[dict[str, Any]]:
        """The lines of the log, of these kinds if any are named."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        rows = [json.loads(line) for line in lines]
        return [row for row in rows if not kinds or row["kind"] in kinds]

    def wait_told(self, kind: str, count: int = 1, seconds: float = 10) -> list[dict[str, Any]]:
        """Wait for so many lines of a kind."""
        wait_for(lambda: len(self.told(kind)) >= count, seconds)
        return self.told(kind)

    def end(self) -> dict[str, Any]:
        """Take the board away; the runner's last line."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.terminate()
        assert self._process.wait(10) == 0
        self._process.stdin.close()
        self._process = None
        return self.told("end")[-1]

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture(scope="session")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds the firmware and its runner, each set of options once: `firmware("MOVE_MS=60")` is a build folder."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    missing += [] if SIMAVR.exists() else ["libsimavr-dev"]
    if missing and os.environ.get("REAL_BOARD") == "required":
        pytest.fail(f"no emulated board: missing {', '.join(missing)}")
    if missing:
        pytest.skip(f"no emulated board: missing {', '.join(missing)} (apt install gcc-avr avr-libc libsimavr-dev)")
    built: dict[tuple[str, ...], Path] = {}

    def build(*options: str) -> Path:
        if options not in built:
            folder = tmp_path_factory.mktemp("firmware")
            command = ["make", "-s", "-C", str(FIRMWARE), f"BUILD={folder}", f"PYTHON={sys.executable}", *options]
            done = subprocess.run([*command, "all", "board"], capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, done.stderr
            built[options] = folder
        return built[options]

    return build


@pytest.fixture
def emulated(firmware: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[..., EmulatedBoard]]:
    """Makes boards of a build: `emulated("HOLD_MS=2000")`; all are taken away at the end."""
    boards: list[EmulatedBoard] = []

    def make(*options: str) -> EmulatedBoard:
        boards.append(EmulatedBoard(firmware(*options), tmp_path))
        return boards[-1]

    yield make
    for board in boards:
        board.kill()
