"""A network camera for tests: MJPEG over HTTP on localhost, which can be cut off and come back."""

import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["MjpegServer"]


class MjpegServer:
    """Serves what `draw` draws, `fps` times a second, to any number of clients. `silent`: connected, nothing comes."""

    def __init__(self, draw: Callable[[int], NDArray[np.uint8]], fps: float) -> None:
        self._draw, self._fps = draw, fps
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._clients: set[socket.socket] = set()
        self.silent = False
        self.served = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://technician:secret@127.0.0.1:{self.port}/stream.mjpg"

    def start(self) -> None:
        """Listen, at the same port as before if there was one."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                """A client that went away is no error of the server's."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="mjpeg")
        self._thread.start()

    def cut(self) -> None:
        """As if the camera lost its power: every connection breaks, nobody listens."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        for client in list(self._clients):
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        server.server_close()
        assert self._thread is not None
        self._thread.join()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        server = self._server
        self._clients.add(handler.connection)
        try:
            handler.send_response(200)
            handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            handler.end_headers()
            next_s, number = time.monotonic(), 0
            while self._server is server:
                time.sleep(max(0.0, next_s - time.monotonic()))
                next_s += 1 / self._fps
                number += 1
                if self.silent:
                    continue
                _, content = cv2.imencode(".jpg", self._draw(number))
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                handler.wfile.write(head.encode() + content.tobytes() + b"\r\n")
                self.served += 1
        finally:
            self._clients.discard(handler.connection)
