"""The twin as a child process beside a run, and the comparison of the two logs afterwards."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from appliance.agreement import Agreement, compare
from appliance.clock import Deadline
from appliance.config import Config
from appliance.errors import LinkError, UsageError
from appliance.history import open_history
from appliance.twin import read_log

__all__ = ["TwinProcess"]

_START_S = 10.0


class TwinProcess:
    """`appliance twin` at the configuration's sorter.port, for as long as the `with` block lasts."""

    def __init__(self, config: Config) -> None:
        """Raises UsageError where the configuration's sorter is not a line on a path of its own."""
        port = getattr(config.sorter, "port", "")
        if config.sorter.kind != "line" or "://" in port or port.startswith(("usb:", "/dev/")):
            raise UsageError(
                "starting the twin",
                f"sorter is {config.sorter.kind} on {port or 'no port'}",
                "use --twin only with `sorter: {kind: line, port: FILE}`, where FILE is no device",
            )
        self._config = config
        self._port = Path(port)
        self._log = config.machine.state_dir / "twin.jsonl"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "appliance", "twin", "--link", str(self._port), "--log", str(self._log)]
        # A group of its own: Ctrl-C is for the daemon, which still needs its far end to finish the item.
        self._process = subprocess.Popen([*command, "--quiet"], process_group=0)
        deadline = Deadline(_START_S)
        while not self._port.exists():
            if self._process.poll() is not None or deadline.expired:
                self.__exit__(None, None, None)
                raise LinkError("starting the twin", f"it made no {self._port}", "see its message above")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def compare(self, run_id: str) -> Agreement:
        """Does the twin's log agree with what the journal says of the run?"""
        channels = {name: one.channel for name, one in self._config.decision.bins.items()}
        with open_history(self._config.machine.state_dir) as history:
            return compare(history.items(run_id=run_id), read_log(self._log), channels)
