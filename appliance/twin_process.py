"""A twin in a process of its own, for as long as a `with` block lasts."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.clock import Deadline
from appliance.errors import LinkError

__all__ = ["twin_running"]

_START_S = 10.0
_END_S = 5.0


@contextmanager
def twin_running(link: Path, log: Path, *options: str) -> Iterator[None]:
    """`appliance twin` at `link`, ready to be opened; ended by SIGTERM, at the latest by SIGKILL after 5 s.

    Raises:
        LinkError: it did not make its port in 10 s.
    """
    if link.is_symlink():
        # What a killed twin left may point at a terminal that belongs to somebody else by now.
        link.unlink()
    command = [sys.executable, "-m", "appliance", "twin", "--quiet", "--link", str(link), "--log", str(log), *options]
    # A group of its own: Ctrl-C is for the daemon, which still needs its far end to finish the item. And if we are
    # killed, the pipe's end tells the twin.
    process = subprocess.Popen([*command, "--until-eof"], process_group=0, stdin=subprocess.PIPE)
    try:
        _wait_for_port(process, link)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _wait_for_port(process: "subprocess.Popen[bytes]", link: Path) -> None:
    deadline = Deadline(_START_S)
    while not link.exists():
        if process.poll() is not None or deadline.expired:
            raise LinkError("starting the twin", f"it made no {link}", "see its message above")
        time.sleep(0.01)
