"""A proxy between a client and PostgreSQL that cuts the connection at a chosen message.

It speaks the protocol's framing only (PostgreSQL documentation, *Message Formats*), so every step of a
transaction can be lost, or its answer can be, without a hook in the product.
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from penstock.app.lane_start import open_lane
from penstock.process.lane import Lane
from support.database import Database
from support.lanes import HASH_KEY, next_lane, open_accounts, settings_for, start_lane

_STARTUP = 1


class CuttingProxy:
    """Listens in ``folder``; forwards to the server of ``dsn``. One cut is armed at a time."""

    def __init__(self, folder: Path, dsn: str) -> None:
        target = conninfo_to_dict(dsn)
        self._target = f"{target['host']}/.s.PGSQL.{target.get('port', 5432)}"
        self.dsn = make_conninfo(dsn, host=str(folder), port=5432)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._lock = threading.Lock()
        self._left: int | None = None
        self._lose_answer = False
        self.cuts = 0
        self.messages = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, message: int, *, lose_answer: bool) -> None:
        """Cut at the ``message``-th message from now: before the server sees it, or before its answer is delivered."""
        with self._lock:
            self._left, self._lose_answer = message, lose_answer

    def disarm(self) -> bool:
        """Stop waiting for the message; whether it never came."""
        with self._lock:
            waiting, self._left = self._left is not None, None
            return waiting

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            cut = threading.Event()
            threading.Thread(target=self._forward, args=(client, server, cut), daemon=True).start()
            threading.Thread(target=self._backward, args=(client, server, cut), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        buffer, header = b"", 0  # the start-up message has no type byte
        while data := _receive(client):
            buffer += data
            while len(buffer) >= header + 4:
                length = header + int.from_bytes(buffer[header : header + 4], "big")
                if len(buffer) < length:
                    break
                if not self._pass(buffer[:length], server, cut):
                    _shut(client, server)
                    return
                buffer, header = buffer[length:], _STARTUP
        _shut(client, server)

    def _pass(self, message: bytes, server: socket.socket, cut: threading.Event) -> bool:
        with self._lock:
            self.messages += 1
            hit = False
            if self._left is not None:
                self._left -= 1
                hit = self._left == 0
            if hit:
                self._left = None
                self.cuts += 1
        if not hit:
            server.sendall(message)
            return True
        if self._lose_answer:
            server.sendall(message)
            cut.set()
            cut_done = threading.Event()
            cut_done.wait(0.05)  # let the server carry it out
        return False

    def _backward(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        while data := _receive(server):
            if cut.is_set():
                break
            try:
                client.sendall(data)
            except OSError:
                break
        _shut(client, server)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except OSError:
        return b""


def _shut(*connections: socket.socket) -> None:
    for connection in connections:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
        finally:
            connection.close()


def lane_through_proxy(database: Database, home: Path, now_us: int) -> tuple[CuttingProxy, Lane, list[int]]:
    """A lane whose connection can be cut, with two accounts that have money."""
    settings = settings_for(home, next_lane())
    start_lane(database, settings).writer.close()
    proxy = CuttingProxy(home, database.dsn("penstock_lane"))
    lane = open_lane(settings, proxy.dsn, HASH_KEY, now_us)
    return proxy, lane, open_accounts(lane, 2, 100_000, now_us)
