"""A twin in a process of its own, for as long as a `with` block lasts."""

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.errors import LinkError

__all__ = ["twin_running"]

_START_S = 10.0
_END_S = 5.0


@contextmanager
def twin_running(link: Path, log: Path, *options: str) -> Iterator[None]:
    """`appliance twin` at `link` with a fresh log, ready to be opened; ended by SIGTERM, after 5 s by SIGKILL.

    Raises:
        LinkError: it did not get ready in 10 s; its own message is on standard error.
    """
    command = [sys.executable, "-m", "appliance", "twin", "--link", str(link), "--log", str(log), *options]
    # A group of its own: Ctrl-C is for the daemon, which still needs its far end to finish the item. And if we are
    # killed, the end of its standard input tells the twin.
    process = subprocess.Popen(
        [*command, "--until-eof", "--fresh"], process_group=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        # It says one line when its port is there.
        ready, _, _ = select.select([process.stdout], [], [], _START_S)
        if not ready or not process.stdout.readline():
            raise LinkError("starting the twin", "it did not get ready", "see its message above")
        yield
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()
