"""The supervisor: database, keeper, lane, edges and office, started in order, watched, stopped in reverse.

Used as a context: `with Supervisor(settings) as supervisor` starts everything, `wait_until_ready` waits for the
edges, `watch(stop)` starts again what dies until `stop` is set, and leaving the context stops all.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import sys
import threading
import time
from types import TracebackType
from typing import Any, Final, Self

import structlog

from penstock.app import running, wiring
from penstock.app.children import Child, Endings
from penstock.journal import partitions
from penstock.journal.migrate import ROLES, migrate, set_passwords
from penstock.kit import db, postgres, workflows
from penstock.kit.settings import Settings

log = structlog.get_logger()

_TICK_S: Final = 0.05
#: The first start compiles the kernels, and a large journal is replayed.
READY_TIMEOUT_S: Final = 900.0
_STOP_CHILD_S: Final = 10.0


class NotReady(RuntimeError):
    """The edges did not become ready in time, or were told to stop before."""


class PortTaken(RuntimeError):
    """Another program listens where an edge should."""


class Supervisor:
    """All processes of one home. Not to be shared between threads, but for the event given to ``watch``."""

    def __init__(
        self, settings: Settings, *, shared_buffers_mb: int = 512, wal_mb: int = 4096, bank_port: int = 0
    ) -> None:
        """``bank_port``: where to run a bank simulator, for demonstrations; 0 = nowhere."""
        self.settings = settings
        self._bank_port = bank_port
        self._memory = {"shared_buffers_mb": shared_buffers_mb, "wal_mb": wal_mb}
        self._server: postgres.PostgresServer | None = None
        self._server_endings = Endings("postgres")
        self._server_started = 0.0
        self._server_next_start: float | None = None
        self._children: list[Child] = []
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def processes(self) -> dict[str, int]:
        """Names and process ids of what runs now: ``postgres``, ``keeper``, ``lane``, ``edge-0`` and so on, ``office``."""
        found = {child.name: child.pid for child in self._children if child.pid is not None}
        return found if self._server is None else {"postgres": self._server.pid, **found}

    def start(self) -> None:
        """Prepare the home and start everything; returns before the edges are ready.

        :raises AlreadyRunning: when another supervisor holds the home.
        """
        self._held.enter_context(running.sole_supervisor(self.settings.home))
        try:
            self._prepare()
            for child in self._children:
                child.start()
            self._publish()
        except BaseException:
            self.stop()
            raise

    def wait_until_ready(self, stop: threading.Event | None = None, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Watch until every edge answers that it is ready.

        :raises GaveUp: when a process ends again and again.
        :raises NotReady: when ``stop`` was set, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        waiting = list(range(self.settings.edges))
        while waiting:
            if stop is not None and stop.is_set():
                raise NotReady("stopped before the edges were ready")
            if time.monotonic() > deadline:
                raise NotReady(f"edge {waiting[0]} was not ready within {timeout_s} s; the log above says what it waits for")
            self.watch_once()
            waiting = [edge for edge in waiting if not is_ready(self.settings, edge)]
            time.sleep(_TICK_S)

    def watch(self, stop: threading.Event) -> None:
        """Start again what dies, until ``stop`` is set.

        :raises GaveUp: when that is hopeless.
        """
        while not stop.wait(_TICK_S):
            self.watch_once()

    def watch_once(self) -> None:
        """One look at every process."""
        changed = self._watch_server()
        for child in self._children:
            changed |= child.watch()
        if changed:
            self._publish()

    def stop(self) -> None:
        """Stop office, edges, lane, keeper and database, each within a bounded time; safe to call twice."""
        for child in reversed(self._children):
            child.stop(_STOP_CHILD_S)
        self._children = []
        if self._server is not None:
            self._stop_server(self._server)
            self._server = None
            running.forget_status(self.settings.home)
        self._held.close()

    # --- the parts

    def _prepare(self) -> None:
        """Everything that the children rely on: keys, certificate, database, partitions."""
        ended = running.end_left_over(self.settings.home)
        if ended:
            log.warning("ended what a killed supervisor had left", pids=ended)
        require_free_ports(self.settings)
        secrets = wiring.secrets(self.settings)
        secrets.make_all(ROLES)
        wiring.certificate(self.settings)
        if not self.settings.database_url:
            self._start_server()
            admin_dsn = postgres.make_dsn(self.settings.home, secrets, postgres.ADMIN)
            migrate(admin_dsn)
            set_passwords(admin_dsn, secrets.database_password)
            workflows.prepare(admin_dsn, "penstock_office")
        self._check_database()
        self._children = self._make_children()

    def _check_database(self) -> None:
        """Refuse a database that may forget, and make the first partitions."""
        with db.connect(wiring.dsn(self.settings, "penstock_keeper"), name="penstock-supervisor") as connection:
            db.refuse_unsafe_database(connection)
            position = connection.execute("SELECT last_seq FROM lane WHERE lane = %s", [self.settings.lane]).fetchone()
            connection.commit()
            last_seq = 0 if position is None else position[0]
            rows, ahead = self.settings.partition_rows, self.settings.partitions_ahead
            partitions.ensure_ahead(connection, self.settings.lane, last_seq, rows, ahead)

    def _make_children(self) -> list[Child]:
        """In the order in which they are started."""
        environment = wiring.environment(self.settings)
        python = [sys.executable, "-m"]
        children = [
            Child("keeper", [*python, "penstock.app.keeper"], environment),
            Child("lane", [*python, "penstock.app.lane_process"], environment),
        ]
        for edge in range(self.settings.edges):
            own = {**environment, "PENSTOCK_EDGE": str(edge)}
            children.append(Child(f"edge-{edge}", [*python, "penstock.app.edge_process"], own))
        children.append(Child("office", [*python, "penstock.app.office_process"], environment, vital=False))
        if self._bank_port:
            command = [*python, "penstock", "bank-simulator", "--port", str(self._bank_port)]
            children.append(Child("bank-simulator", command, environment, vital=False))
        return children

    def _start_server(self) -> None:
        self._server = postgres.start(self.settings.home, **self._memory)
        self._server_started = time.monotonic()
        log.info("started", child="postgres", pid=self._server.pid)

    def _watch_server(self) -> bool:
        if self._server is None or self._server.alive():
            return False
        now = time.monotonic()
        if self._server_next_start is None:
            self._note_server_end(now, now - self._server_started, "it died", killed=True)
        elif now >= self._server_next_start:
            try:
                self._start_server()
            except postgres.PostgresProblem as problem:
                self._note_server_end(now, 0.0, str(problem))
            else:
                self._server_next_start = None
                return True
        return False

    def _note_server_end(self, now: float, lived_s: float, why: str, *, killed: bool = False) -> None:
        pause_s = self._server_endings.note(now, lived_s, killed=killed)
        self._server_next_start = now + pause_s
        log.warning("ended; starting it again", child="postgres", pause_s=pause_s, why=why)

    def _stop_server(self, server: postgres.PostgresServer) -> None:
        try:
            server.stop()
        except postgres.PostgresProblem:
            log.warning("did not stop in time; killed, and recovers at the next start", child="postgres", pid=server.pid)
            server.kill()

    def _publish(self) -> None:
        running.write_status(self.settings.home, describe(self.settings, self.processes))


def require_free_ports(settings: Settings) -> None:
    """Say at once what an edge would only find out again and again.

    :raises PortTaken: when another program listens on the port of an edge.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    for port in range(settings.port, settings.port + settings.edges):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError as error:
                raise PortTaken(f"cannot listen on {settings.host} port {port}: {error.strerror}; set PENSTOCK_PORT to a free one") from error


def describe(settings: Settings, processes: dict[str, int]) -> dict[str, Any]:
    """What ``run/supervisor.json`` says: pid, addresses, CA file and processes."""
    url = wiring.base_url(settings)
    return {
        "pid": os.getpid(),
        "url": url,
        "docs": f"{url}/docs",
        "ca": str(wiring.certificate(settings).ca),
        "processes": processes,
    }


def is_ready(settings: Settings, edge: int) -> bool:
    """Whether an edge answers ``/health/ready`` with 200."""
    connection = http.client.HTTPSConnection(
        _loopback(settings.host), settings.port + edge, timeout=5, context=_trust(settings)
    )
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _loopback(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _trust(settings: Settings) -> ssl.SSLContext:
    """Trust exactly the certificate that the edges were given; its name is for callers, not for this probe."""
    context = ssl.create_default_context(cafile=str(wiring.certificate(settings).ca))
    if settings.tls_certificate:
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
