"""The control socket: one JSON object a line, both ways. Answered from a snapshot; never calls into the loop.

What shall move waits in a queue until the paused loop takes it; its answer is sent when it is there.
"""

import json
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from appliance.control_requests import MAX_REQUEST_BYTES, Request, read_request
from appliance.errors import StorageError, UsageError
from appliance.orders import Answer, Order, Orders, Ticket

__all__ = ["ControlServer", "Switches"]

log = logging.getLogger(__name__)

MAX_CLIENTS = 8
WATCH_EVERY_S = 0.5
_EXPIRE_EVERY_S = 0.1
_BACKLOG = 128
"""Who comes faster than the thread accepts waits here instead of being turned away (EAGAIN on a unix socket)."""
_MAX_UNSENT = 1_000_000
"""A watcher that does not read is cut off here."""


class Switches:
    """What people ask of the loop; it looks when it is ready to. `orders` are for while it is paused."""

    def __init__(self) -> None:
        self._paused = threading.Event()
        self.orders = Orders()

    @property
    def paused(self) -> bool:
        return self._paused.is_set()

    def pause(self) -> None:
        self._paused.set()

    def resume(self) -> None:
        self._paused.clear()
        self.orders.refuse_all("the machine was resumed; nothing was moved")


class ControlServer:
    """Answers what `control_requests` knows from a thread of its own."""

    def __init__(
        self,
        path: Path,
        snapshot: Callable[[], Mapping[str, Any]],
        switches: Switches,
        passages: Callable[[int], Sequence[Mapping[str, Any]]] = lambda after: (),
    ) -> None:
        """Listen at `path`. `passages` gives what went over the sorter's link above a number; any thread may call it.

        Raises:
            StorageError: the socket cannot be made there.
        """
        self._path = path
        self._snapshot = snapshot
        self._switches = switches
        self._passages = passages
        self._closing = False
        self._listener = _listen(path)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake, self._waker = socket.socketpair()
        for end in (self._wake, self._waker):
            end.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._clients: dict[socket.socket, _Client] = {}
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._stir()
        self._thread.join(5)
        for client in list(self._clients):
            self._drop(client)
        for end in (self._listener, self._wake, self._waker):
            end.close()
        self._selector.close()
        self._path.unlink(missing_ok=True)

    def _stir(self) -> None:
        """Let the thread look around. From any thread, also when it is all over."""
        with suppress(OSError):
            self._waker.send(b"x")

    def _serve(self) -> None:
        while not self._closing:
            for key, events in self._selector.select(self._patience_s()):
                if key.fileobj is self._wake:
                    self._wake.recv(4096)
                elif key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._clients:
                    self._talk(key.fileobj, events)
            self._answer_orders()
            self._feed_watchers()

    def _patience_s(self) -> float | None:
        clients = self._clients.values()
        if any(client.ticket is not None for client in clients):
            return _EXPIRE_EVERY_S
        return WATCH_EVERY_S if any(client.watches for client in clients) else None

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= MAX_CLIENTS:
            # Whoever has been idle longest makes room: forgotten connections must not lock a technician out.
            self._drop(next((one for one, client in self._clients.items() if client.idle), connection))
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
                    if (answer := self._answer(line, client)) is not None:
                        client.unsent += _encode(answer)
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
                self._try_to_send(connection, client)

    def _answer_orders(self) -> None:
        """Send the answers that are there by now; what has waited too long gets one."""
        waiting = [(one, client, client.ticket) for one, client in self._clients.items() if client.ticket is not None]
        if not waiting:
            return
        known = self._snapshot()
        self._switches.orders.expire(str(known.get("trouble") or f"the machine is {known.get('state')}"))
        for connection, client, ticket in waiting:
            if ticket.answer is not None:
                client.ticket = None
                client.unsent += _encode(_answer_of(ticket.order, ticket.answer))
                self._try_to_send(connection, client)

    def _try_to_send(self, connection: socket.socket, client: "_Client") -> None:
        try:
            self._send(connection, client)
        except OSError:
            self._drop(connection)

    def _answer(self, line: bytes, client: "_Client") -> dict[str, Any] | None:
        """What to say at once; None for an order that was accepted: its answer comes later."""
        try:
            request = read_request(line if not client.hopeless else bytes(MAX_REQUEST_BYTES + 1))
        except ValueError as error:
            return {"ok": False, "error": str(error)}
        if request.order is not None:
            return self._accept_order(request.order, client)
        return self._tell(request, client)

    def _tell(self, request: Request, client: "_Client") -> dict[str, Any]:
        if request.command == "link":
            return {"ok": True, "link": self._link(request.after)}
        if request.command == "watch":
            client.watches = True
        elif request.command == "pause":
            self._switches.pause()
        elif request.command == "resume":
            self._switches.resume()
        return {"ok": True, "status": dict(self._snapshot()) | {"paused": self._switches.paused}}

    def _link(self, after: int) -> dict[str, Any]:
        known = self._snapshot()
        told = {name: known.get(name) for name in ("state", "sorter", "simulated", "trouble")}
        passages = [dict(one) for one in self._passages(after)]
        return told | {"pid": os.getpid(), "said": known.get("link", {}), "passages": passages}

    def _accept_order(self, order: Order, client: "_Client") -> dict[str, Any] | None:
        if not self._switches.paused:
            found = "the machine is not paused; pause it first with `appliance pause`. Nothing was moved"
        elif client.ticket is not None:
            found = "wait for the answer to your first order; nothing was moved for this one"
        else:
            try:
                client.ticket = self._switches.orders.offer(order, self._stir)
            except UsageError as error:
                found = f"{error.found}; nothing was moved"
            else:
                return None
        return _answer_of(order, Answer(refused=found))

    def _drop(self, connection: socket.socket) -> None:
        client = self._clients.pop(connection, None)
        if client is None:
            return
        if client.ticket is not None:
            # Nothing begins for somebody who has left.
            self._switches.orders.withdraw(client.ticket, "whoever asked has left")
        self._selector.unregister(connection)
        connection.close()


class _Client:
    def __init__(self) -> None:
        self.received = bytearray()
        self.unsent = bytearray()
        self.watches = False
        self.hopeless = False
        self.fed_at = 0.0
        self.ticket: Ticket | None = None

    @property
    def idle(self) -> bool:
        """Does it wait for nothing?"""
        return not self.watches and self.ticket is None

    def lines(self) -> list[bytes]:
        """The complete requests so far; an overlong one makes the client hopeless."""
        *complete, rest = bytes(self.received).split(b"\n")
        self.received = bytearray(rest)
        if len(rest) > MAX_REQUEST_BYTES or any(len(line) > MAX_REQUEST_BYTES for line in complete):
            self.hopeless = True
            self.received.clear()
            return [b""]
        return [line for line in complete if line.strip()]


def _answer_of(order: Order, answer: Answer) -> dict[str, Any]:
    if answer.refused:
        return {"ok": False, "order": str(order), "error": answer.refused}
    return {"ok": True, "order": str(order), "result": answer.result}


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
