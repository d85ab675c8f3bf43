"""A receiver of webhooks: a real HTTP(S) server that notes what it is sent and answers as it is told."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

from standardwebhooks import Webhook, WebhookVerificationError

from penstock.kit.tls import Certificate


class Received(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def message(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_by(self, secret: str) -> bool:
        """Whether the specification's own library accepts it."""
        try:
            Webhook(secret).verify(self.body, self.headers)
        except WebhookVerificationError:
            return False
        return True


class Answer(NamedTuple):
    """What the receiver answers."""

    status: int = 204
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""


@dataclass
class Receiver:
    """What came, and how to answer: by a function of the request, which may block."""

    url: str
    answer: Callable[[Received], Answer] = lambda _: Answer()
    received: list[Received] = field(default_factory=list)

    @property
    def messages(self) -> list[str]:
        return [request.message for request in self.received]


@contextmanager
def receiving(certificate: Certificate | None = None) -> Iterator[Receiver]:
    """A receiver on a port of its own, over HTTP, or over HTTPS with a certificate for localhost."""
    made = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # the sender died in the middle: that is no request
                return
            request = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            made.received.append(request)
            status, headers, content = made.answer(request)
            try:
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True  # the sender has left

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A sender that leaves in the middle is what tests do."""

    server = Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    made.url = f"{scheme}://localhost:{server.server_port}/hooks"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
