# ruff: noqa: INP001, T201 - a script for a terminal, no part of the package
r"""A receiver of webhooks: checks the signature, drops repetitions, prints what happened. Python's own library only.

    WEBHOOK_SECRET=whsec_… python examples/webhook_receiver.py --port 9000

Development: run Penstock with PENSTOCK_WEBHOOK_PRIVATE_ADDRESSES=1 and make a webhook for http://localhost:9000/.
In production it stands behind HTTPS, or is given --certificate and --key. While a secret is rotated, WEBHOOK_SECRET
may hold the old one and the new one, separated by a space.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import ssl
import time
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

TOLERANCE_S = 300
LARGEST_BODY = 65_536
REMEMBERED = 10_000


def is_genuine(secrets: list[str], headers: dict[str, str], body: bytes, now_s: float) -> bool:
    """Whether one of our secrets signed this body, this id and a time near now (Standard Webhooks 1.0.0).

    The body must be the bytes as they came: JSON that was read and written again has another signature.
    """
    message, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isascii() or not timestamp.isdigit() or abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    signed = f"{message}.{timestamp}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    ours = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    given = [text.removeprefix("v1,") for text in headers.get("webhook-signature", "").split(" ") if text.startswith("v1,")]
    return any(hmac.compare_digest(mine, theirs) for mine in ours for theirs in given if theirs.isascii())


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine, also when it came before; 401 to everything else."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    secrets: ClassVar[list[str]] = []
    #: Ids that were worked on. A real receiver keeps them in its database, in the transaction of its own work.
    seen: ClassVar[OrderedDict[str, None]] = OrderedDict()

    def do_POST(self) -> None:
        """Take one webhook."""
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self._answer(413)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_genuine(self.secrets, headers, body, time.time()):
            self._answer(401)
            return
        if headers["webhook-id"] not in self.seen:
            self.work(json.loads(body))
            self.seen[headers["webhook-id"]] = None
            if len(self.seen) > REMEMBERED:
                self.seen.popitem(last=False)
        self._answer(204)

    def work(self, event: dict[str, object]) -> None:
        """What the receiver is for. Answer soon: slow work belongs into a queue of your own."""
        data = event["data"]
        about = (data.get("payment") or data.get("account") or data.get("customer") or "") if isinstance(data, dict) else ""
        print(f"{event['timestamp']} {event['type']:<28} {about}", flush=True)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """No line per request: ``work`` prints."""


def main() -> None:
    """Receive until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Receive Penstock's webhooks.")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--certificate", help="PEM file; with --key: HTTPS")
    parser.add_argument("--key", help="PEM file")
    options = parser.parse_args()
    Receiver.secrets = os.environ["WEBHOOK_SECRET"].split()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Receiver)
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
