"""The system of this machine, for the programs that talk to it: started if it does not run, and a key for it."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from penstock.app import running, wiring
from penstock.app.supervisor import Supervisor, is_ready
from penstock.contracts.ids import make_uuid7
from penstock.kit import db
from penstock.kit.client import Access
from penstock.kit.settings import Settings
from penstock.kit.telemetry import set_up_logging
from penstock.prepare.credentials import actions, rules

ALL_SCOPES = ("customers:write", "ledger:write", "payments:write", "labels:write", "read", "operate")


class NoSystem(RuntimeError):
    """There is no running system to talk to; the message says how to start one."""


def now_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


def new_id(offset_s: float = 0.0) -> str:
    """A fresh UUIDv7 of a time so many seconds from now."""
    return str(make_uuid7(now_ms() + int(1000 * offset_s), os.urandom(10)))


def runs(settings: Settings) -> bool:
    """Whether the system of these settings runs and is ready."""
    return running.read_status(settings.home) is not None and is_ready(settings, 0)


@contextlib.contextmanager
def started(settings: Settings, log_path: Path, say: Callable[[str], None], bank_port: int = 0) -> Iterator[bool]:
    """Make sure that the system runs; start it, and stop it afterwards, if it does not.

    :param log_path: where the logs of processes that are started go.
    :param bank_port: where a bank simulator is started with it; 0 = nowhere.
    :return: whether it was started here.
    """
    if runs(settings):
        yield False
        return
    log_path.parent.mkdir(parents=True, exist_ok=True)
    stop, ready = threading.Event(), Future[None]()
    with _logs_to(log_path, settings.log_level):
        thread = threading.Thread(target=_supervise, args=(settings, stop, ready, bank_port), name="supervisor")
        thread.start()
        try:
            say(f"Starting the system on {settings.home} (its log: {log_path}) …")
            ready.result()
            yield True
        finally:
            stop.set()
            thread.join()


def make_key(
    settings: Settings, client: str, scopes: Sequence[str] = ALL_SCOPES, days: int = 1, owner: str = "this machine"
) -> str:
    """Make a key for a client of the local system; it is good for so many days.

    :param owner: the person who answers for the key.

    :raises NoSystem: when the database does not run.
    """
    random = secrets.token_bytes(rules.RANDOM_BYTES)
    try:
        with db.connect(wiring.dsn(settings, "penstock_edge"), name="penstock-local") as connection:
            text, _ = actions.create_key(
                connection, client=client, owner=owner, scopes=list(scopes), now=datetime.now(UTC), random=random, days=days
            )
    except psycopg.OperationalError as error:
        raise NoSystem(f"no database of {settings.home} answers; start the system with `penstock serve`") from error
    return text


def local_access(settings: Settings, client: str) -> Access:
    """Address, CA and a fresh key of the local system."""
    access = Access(wiring.base_url(settings), wiring.certificate(settings).ca, make_key(settings, client))
    time.sleep(settings.key_refresh_s)  # edges learn of new keys so often
    return access


def _supervise(settings: Settings, stop: threading.Event, ready: Future[None], bank_port: int) -> None:
    try:
        with Supervisor(settings, bank_port=bank_port) as supervisor:
            supervisor.wait_until_ready(stop)
            ready.set_result(None)
            supervisor.watch(stop)
    except BaseException as error:
        if ready.done():
            raise
        ready.set_exception(error)


@contextlib.contextmanager
def _logs_to(path: Path, level: str) -> Iterator[None]:
    """Let the logs, ours and those of children, go to a file; what we print to ``sys.stderr`` still reaches the terminal."""
    ours = sys.stderr
    ours.flush()
    terminal = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)  # children inherit it
    set_up_logging(level, "supervisor")  # it keeps the stream of now
    sys.stderr = terminal
    try:
        yield
    finally:
        sys.stderr = ours
        ours.flush()
        os.dup2(terminal.fileno(), 2)
        terminal.close()
