"""An HTTP server for one person at this computer: on 127.0.0.1 only, below a secret in the URL, ended with its owner.

Other users of the computer do not know the secret. Pages of other sites, which a browser may send here under a name of
their own (DNS rebinding), are refused by that name.
"""

import hmac
import logging
import secrets
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from appliance.errors import UsageError

__all__ = ["HOST", "Content", "LocalPage"]

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_NAMES = frozenset({HOST, "localhost"})
_IDLE_S = 5.0
_MOST_CONNECTIONS = 16
"""More at a time are closed unheard: the secret keeps strangers from the answers, this from the threads."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Content:
    """What one path answers with."""

    kind: str
    body: bytes


class LocalPage:
    """Serves while it is open. A path's function is called in a thread of its own; None is "not yet"."""

    def __init__(self, paths: Mapping[str, Callable[[], Content | None]], port: int = 0) -> None:
        """`paths` are what follows the secret in the URL, "" for the page itself; port 0 takes a free one.

        Raises:
            UsageError: the port is taken, or not permitted.
        """
        self._secret = secrets.token_urlsafe(16)
        try:
            self._server = _Server((HOST, port), self._secret, paths)
        except OSError as error:
            remedy = "another port, or --page alone for a free one"
            raise UsageError(f"opening the page on port {port}", error.strerror or str(error), remedy) from error
        self.port = self._server.server_address[1]
        self.url = f"http://{HOST}:{self.port}/{self._secret}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="local page")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Ends at once: whoever is still connected is cut off, and every thread is joined."""

    daemon_threads = False

    def __init__(
        self, address: tuple[str, int], secret: str, paths: Mapping[str, Callable[[], Content | None]]
    ) -> None:
        self.secret, self.paths = secret, paths
        self._connections: set[Any] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's: that asks the name service who we are, which can take seconds without a network.
        socketserver.TCPServer.server_bind(self)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._lock:
            if len(self._connections) >= _MOST_CONNECTIONS:
                return False
            self._connections.add(request)
        return True

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        with self._lock:
            for request in self._connections:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if isinstance(sys.exception(), OSError):
            # A browser that goes away in the middle of an answer is nothing to tell a person at the terminal.
            log.debug("a connection to the page ended", exc_info=True)
        else:
            log.exception("answering a request for the page")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _IDLE_S

    def do_GET(self) -> None:
        if not self._by_our_name():
            self._answer(HTTPStatus.FORBIDDEN)
            return
        answer = self.server.paths.get(path) if (path := self._path_below_the_secret()) is not None else None
        if answer is None:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        content = answer()
        self._answer(HTTPStatus.OK if content is not None else HTTPStatus.SERVICE_UNAVAILABLE, content)

    def version_string(self) -> str:
        return "appliance"

    def log_message(self, format: str, *args: Any) -> None:
        # Never the path: it holds the secret.
        log.debug("the page was asked by %s", self.client_address)

    def _by_our_name(self) -> bool:
        """Is the one Host this computer? The port may be another: that of an ssh tunnel."""
        hosts = self.headers.get_all("Host", [])
        return len(hosts) == 1 and hosts[0].partition(":")[0].lower() in _NAMES

    def _path_below_the_secret(self) -> str | None:
        parts = self.path.partition("?")[0].split("/", 2)
        if len(parts) != 3 or parts[0] or not hmac.compare_digest(parts[1].encode(), self.server.secret.encode()):
            return None
        return parts[2]

    def _answer(self, status: HTTPStatus, content: Content | None = None) -> None:
        content = content or Content("text/plain; charset=utf-8", f"{status.value} {status.phrase}\n".encode())
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": content.kind, "Content-Length": str(len(content.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content.body)
