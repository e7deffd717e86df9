"""Where a running daemon has its control socket, and asking it: one JSON object a line, both ways."""

import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.config import Config
from appliance.errors import UsageError
from appliance.orders import VALID_S, Order

__all__ = ["SOCKET_FILE", "ask", "ask_link", "find_running", "find_socket", "order", "server_path", "watch"]

SOCKET_FILE = "control.sock"


def server_path(config: Config, environment: Mapping[str, str] | None = None) -> Path:
    """Where the daemon puts its socket."""
    environment = os.environ if environment is None else environment
    if config.control.socket is not None:
        return config.control.socket
    folder = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(folder or config.machine.state_dir) / SOCKET_FILE


def find_socket(config: Config) -> Path:
    """Where this configuration's running daemon has its socket: as configured, in the state directory, or in
    /run/appliance, if the daemon there has the same state directory.

    Raises:
        UsageError: nowhere.
    """
    service = Path("/run/appliance") / SOCKET_FILE
    places = (server_path(config), config.machine.state_dir / SOCKET_FILE, service)
    for place in places:
        if place.is_socket() and (place != service or _serves(place, config)):
            return place
    raise UsageError(
        "looking for a running appliance",
        f"no socket at {', '.join(sorted({str(place) for place in places}))}",
        "start it with `appliance run`, or name its configuration with -c",
    )


def find_running(config: Config) -> Path | None:
    """The socket of the appliance that runs with this configuration; None if none does.

    Raises:
        UsageError: one is there, and does not answer, or must not be asked by this user.
    """
    try:
        path = find_socket(config)
        ask(path, "status")
    except UsageError as error:
        if isinstance(error.__cause__, PermissionError | TimeoutError):
            raise
        return None
    return path


def _serves(path: Path, config: Config) -> bool:
    return bool(ask(path, "status").get("state_dir") == str(config.machine.state_dir))


def ask(path: Path, command: str, timeout_s: float = 3.0) -> dict[str, Any]:
    """The daemon's answer to one command.

    Raises:
        UsageError: nobody answers there, or it says no.
    """
    status: dict[str, Any] = _asked(path, {"cmd": command}, timeout_s)["status"]
    return status


def ask_link(path: Path, after: int = 0, timeout_s: float = 3.0) -> dict[str, Any]:
    """How the daemon's link to the sorter stands, and what went over it above the number `after`.

    Raises:
        UsageError: nobody answers there.
    """
    link: dict[str, Any] = _asked(path, {"cmd": "link", "after": after}, timeout_s)["link"]
    return link


def order(path: Path, what: Order, movement_s: float) -> dict[str, Any]:
    """Let the paused daemon carry out an order that takes at most `movement_s`; how it ended.

    Raises:
        UsageError: nobody answers there, or it was refused: nothing was moved.
    """
    request = {"cmd": what.kind} | ({"bin": what.bin} if what.bin else {})
    result: dict[str, Any] = _asked(path, request, VALID_S + movement_s + 2)["result"]
    return result


def watch(path: Path, timeout_s: float = 5.0) -> Iterator[dict[str, Any]]:
    """Snapshots as they come, until the daemon ends.

    Raises:
        UsageError: nobody answers there.
    """
    with _conversation(path, {"cmd": "watch"}, timeout_s) as lines:
        for answer in lines:
            yield answer["status"]


def _asked(path: Path, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    with _conversation(path, request, timeout_s) as lines:
        answer = next(lines, None)
    if answer is None or not answer.get("ok"):
        said = answer.get("error", "") if answer else "it closed the connection"
        raise UsageError(f"asking the appliance at {path}", str(said))
    return answer


@contextmanager
def _conversation(path: Path, request: Mapping[str, Any], timeout_s: float) -> Iterator[Iterator[dict[str, Any]]]:
    doing = f"asking the appliance at {path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as file:
                yield (json.loads(line) for line in file)
        except PermissionError as error:
            remedy = "use sudo, or join the socket's group"
            raise UsageError(doing, "not permitted", remedy) from error
        except TimeoutError as error:
            pid = _pid_of(connection)
            found = f"it runs (pid {pid}), and has not answered in {timeout_s:g} s"
            remedy = f"see its log; `kill -CONT {pid}` if somebody stopped it, `kill {pid}` if it hangs"
            raise UsageError(doing, found, remedy) from error
        except (OSError, ValueError) as error:
            raise UsageError(
                doing, f"no answer ({error})", "start it: the socket of one that was killed stays behind"
            ) from error


def _pid_of(connection: socket.socket) -> int:
    """Whoever listens at the other end. Source: unix(7), SO_PEERCRED."""
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(pid)
