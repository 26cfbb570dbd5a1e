"""A camera on the network as a real server: it answers as a test wants, with or without TLS."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).with_name("self_signed.pem")
"""For 127.0.0.1, signed by itself, with its key; good for nothing but these tests."""
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    answer: Answer
    asked: list[str]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.asked.append(self.path)
        with contextlib.suppress(OSError):  # the camera's client has enough
            type(self).answer(self)

    def log_message(self, format: str, *args: Any) -> None: ...

    def head(self, kind: str, *more: tuple[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Connection", "close"), *more):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True


class Camera:
    """A server at `url`; `asked` has the path of each request."""

    def __init__(self, answer: Answer, *, tls: bool = False) -> None:
        self.asked: list[str] = []
        handler = type("One", (Handler,), {"answer": answer, "asked": self.asked})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}/cam"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def part(boundary: bytes, data: bytes, *, length: bool = True, end: bytes = b"\r\n") -> bytes:
    size = b"Content-Length: %d\r\n" % len(data) if length else b""
    return b"--" + boundary + b"\r\nContent-Type: image/jpeg\r\n" + size + b"\r\n" + data + end
