"""The control socket: one JSON object a line, both ways. Answered from a snapshot; never calls into the loop."""

import json
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.config import Config
from appliance.errors import StorageError, UsageError

__all__ = ["SOCKET_FILE", "ControlServer", "Switches", "ask", "find_socket", "server_path", "watch"]

log = logging.getLogger(__name__)

SOCKET_FILE = "control.sock"
MAX_REQUEST_BYTES = 4096
MAX_CLIENTS = 8
WATCH_EVERY_S = 0.5
_BACKLOG = 128
"""Who comes faster than the thread accepts waits here instead of being turned away (EAGAIN on a unix socket)."""
_MAX_UNSENT = 1_000_000
"""A watcher that does not read is cut off here."""


class Switches:
    """What people ask of the loop; it looks when it is ready to."""

    def __init__(self) -> None:
        self._paused = threading.Event()

    @property
    def paused(self) -> bool:
        return self._paused.is_set()

    def pause(self) -> None:
        self._paused.set()

    def resume(self) -> None:
        self._paused.clear()


class ControlServer:
    """Answers `status`, `watch`, `pause`, `resume` from a thread of its own."""

    def __init__(self, path: Path, snapshot: Callable[[], Mapping[str, Any]], switches: Switches) -> None:
        """Listen at `path`.

        Raises:
            StorageError: the socket cannot be made there.
        """
        self._path = path
        self._snapshot = snapshot
        self._switches = switches
        self._listener = _listen(path)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake, self._waker = socket.socketpair()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._clients: dict[socket.socket, _Client] = {}
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._waker.send(b"x")
        self._thread.join(5)
        for client in list(self._clients):
            self._drop(client)
        for end in (self._listener, self._wake, self._waker):
            end.close()
        self._selector.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            watching = any(client.watches for client in self._clients.values())
            for key, events in self._selector.select(WATCH_EVERY_S if watching else None):
                if key.fileobj is self._wake:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._clients:
                    self._talk(key.fileobj, events)
            self._feed_watchers()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= MAX_CLIENTS:
            # Whoever has been idle longest makes room: forgotten connections must not lock a technician out.
            self._drop(next((one for one, client in self._clients.items() if not client.watches), connection))
            if len(self._clients) >= MAX_CLIENTS:
                connection.close()
                return
        connection.setblocking(False)
        self._clients[connection] = _Client()
        self._selector.register(connection, selectors.EVENT_READ)

    def _talk(self, connection: socket.socket, events: int) -> None:
        client = self._clients.pop(connection)
        self._clients[connection] = client  # the one idle longest stands first
        try:
            if events & selectors.EVENT_READ:
                chunk = connection.recv(4096)
                if not chunk:
                    self._drop(connection)
                    return
                client.received += chunk
                for line in client.lines():
                    client.unsent += _encode(self._answer(line, client))
            self._send(connection, client)
        except OSError:
            self._drop(connection)

    def _send(self, connection: socket.socket, client: "_Client") -> None:
        if client.unsent:
            try:
                sent = connection.send(client.unsent)
            except BlockingIOError:
                sent = 0
            del client.unsent[:sent]
        if len(client.unsent) > _MAX_UNSENT or (client.hopeless and not client.unsent):
            self._drop(connection)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
        self._selector.modify(connection, wanted)

    def _feed_watchers(self) -> None:
        now = time.monotonic()
        for connection, client in list(self._clients.items()):
            if client.watches and now - client.fed_at >= WATCH_EVERY_S:
                client.fed_at = now
                client.unsent += _encode({"ok": True, "status": dict(self._snapshot())})
                try:
                    self._send(connection, client)
                except OSError:
                    self._drop(connection)

    def _answer(self, line: bytes, client: "_Client") -> dict[str, Any]:
        if client.hopeless:
            return {"ok": False, "error": f"a request is one line of at most {MAX_REQUEST_BYTES} bytes"}
        try:
            request = json.loads(line)
            command = request.get("cmd") if isinstance(request, dict) else None
        except (ValueError, RecursionError):
            return {"ok": False, "error": 'not JSON; send {"cmd": "status"}'}
        if command == "watch":
            client.watches = True
        elif command == "pause":
            self._switches.pause()
        elif command == "resume":
            self._switches.resume()
        elif command != "status":
            return {"ok": False, "error": f"unknown cmd {command!r}; known: status, watch, pause, resume"[:200]}
        return {"ok": True, "status": dict(self._snapshot()) | {"paused": self._switches.paused}}

    def _drop(self, connection: socket.socket) -> None:
        if self._clients.pop(connection, None) is not None:
            self._selector.unregister(connection)
            connection.close()


class _Client:
    def __init__(self) -> None:
        self.received = bytearray()
        self.unsent = bytearray()
        self.watches = False
        self.hopeless = False
        self.fed_at = 0.0

    def lines(self) -> list[bytes]:
        """The complete requests so far; an overlong one makes the client hopeless."""
        *complete, rest = bytes(self.received).split(b"\n")
        self.received = bytearray(rest)
        if len(rest) > MAX_REQUEST_BYTES or any(len(line) > MAX_REQUEST_BYTES for line in complete):
            self.hopeless = True
            self.received.clear()
            return [b""]
        return [line for line in complete if line.strip()]


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


def _serves(path: Path, config: Config) -> bool:
    return bool(ask(path, "status").get("state_dir") == str(config.machine.state_dir))


def ask(path: Path, command: str, timeout_s: float = 3.0) -> dict[str, Any]:
    """The daemon's answer to one command.

    Raises:
        UsageError: nobody answers there, or it says no.
    """
    with _conversation(path, command, timeout_s) as lines:
        answer = next(lines, None)
    if answer is None or not answer.get("ok"):
        said = answer.get("error", "") if answer else "it closed the connection"
        raise UsageError(f"asking the appliance at {path}", str(said))
    status: dict[str, Any] = answer["status"]
    return status


def watch(path: Path, timeout_s: float = 5.0) -> Iterator[dict[str, Any]]:
    """Snapshots as they come, until the daemon ends.

    Raises:
        UsageError: nobody answers there.
    """
    with _conversation(path, "watch", timeout_s) as lines:
        for answer in lines:
            yield answer["status"]


@contextmanager
def _conversation(path: Path, command: str, timeout_s: float) -> Iterator[Iterator[dict[str, Any]]]:
    doing = f"asking the appliance at {path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
            connection.sendall(_encode({"cmd": command}))
            with connection.makefile("rb") as file:
                yield (json.loads(line) for line in file)
        except PermissionError as error:
            remedy = "use sudo, or join the socket's group"
            raise UsageError(doing, "not permitted", remedy) from error
        except (OSError, ValueError) as error:
            raise UsageError(
                doing, f"no answer ({error})", "start it: the socket of one that was killed stays behind"
            ) from error


def _encode(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _listen(path: Path) -> socket.socket:
    doing = f"making the control socket {path}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        # The state directory's lock is held: a socket that lies here belongs to nobody.
        path.unlink(missing_ok=True)
        before = os.umask(0o117)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        remedy = "set control.socket to a short path in a writable directory (at most 107 bytes)"
        raise StorageError(doing, error.strerror or str(error), remedy) from error
    return listener
