"""Connections to PostgreSQL with psycopg 3, and the refusal of a server that may forget."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from typing import Any, Final

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import ExecStatus

#: Settings of the server without which an acknowledged payment can be lost.
_NEEDED_ON: Final = ("fsync", "synchronous_commit", "full_page_writes")


#: The oldest server that has what the journal's table is made of (``journal/layout.py``), as libpq counts versions.
OLDEST_SERVER: Final = 180_000


class UnsafeDatabase(RuntimeError):
    """The database is too old, or may lose what it has confirmed; the message names what is wrong and the fix."""


def connect(
    dsn: str,
    *,
    name: str,
    autocommit: bool = False,
    statement_timeout_ms: int = 30_000,
    lock_timeout_ms: int = 5_000,
) -> Connection[tuple[Any, ...]]:
    """Connect with search path ``penstock``, UTC and time-outs.

    :param name: application name, shown in ``pg_stat_activity``.
    :param statement_timeout_ms: longest statement, ms; 0 = no limit (index building).
    :param lock_timeout_ms: longest wait for a lock, ms.
    :raises psycopg.OperationalError: when the server cannot be reached.
    """
    options = (
        f"-c search_path=penstock -c timezone=UTC -c statement_timeout={statement_timeout_ms} "
        f"-c lock_timeout={lock_timeout_ms} -c idle_in_transaction_session_timeout=60000"
    )
    full = make_conninfo(
        dsn,
        application_name=name,
        options=options,
        connect_timeout=10,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=20_000,
    )
    return psycopg.connect(full, autocommit=autocommit)


def send_at_once(connection: Connection[Any], size: int) -> None:
    """Let the system take ``size`` bytes from us before the server has read any, as far as it allows (``net.core.wmem_max``).

    Otherwise a large COPY is a to and fro of small pieces, each of which waits for a processor twice.
    """
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def refuse_unsafe_database(connection: Connection[Any]) -> None:
    """Refuse a server that is too old, or that confirms a commit before it is safe on disk.

    ``synchronous_commit`` may also be ``remote_write``, ``remote_apply`` or ``local``: all of them
    wait for the local disk.

    :raises UnsafeDatabase: when it is older than PostgreSQL 18, or fsync, synchronous_commit or full_page_writes is off.
    """
    refuse_old_server(connection.info.server_version)
    rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(_NEEDED_ON)])
    off = sorted(name for name, setting in rows.fetchall() if setting == "off")
    if off:
        changes = " ".join(f"ALTER SYSTEM SET {name} = on;" for name in off)
        raise UnsafeDatabase(
            f"this PostgreSQL runs with {', '.join(off)} off and may forget payments that it has confirmed; "
            f"run: {changes} SELECT pg_reload_conf(); and check that no role or database sets it otherwise"
        )


def refuse_old_server(version: int) -> None:
    """Refuse a server whose version, as libpq counts them (180004 = 18.4), is too old for the journal's table.

    :raises UnsafeDatabase: when it is.
    """
    if version < OLDEST_SERVER:
        raise UnsafeDatabase(
            f"this is PostgreSQL {version // 10_000}, and Penstock needs {OLDEST_SERVER // 10_000} or newer: "
            "upgrade the server (pg_upgrade keeps the data), then start again"
        )


def copy_out(connection: Connection[Any], query: sql.Composable, keep: Callable[[memoryview], object]) -> None:
    """Run a ``COPY … TO STDOUT (FORMAT BINARY)`` and hand over each message, one for each row.

    The first message begins with the header and the last ends with the trailer, or these are messages of their own.
    A message is valid during the call only. libpq is asked directly: psycopg's own loop needs three times as long for
    a row. Nothing else may use the connection meanwhile.

    :raises psycopg.Error: as the server says.
    """
    link = connection.pgconn
    result = link.exec_(query.as_bytes(connection))
    if result.status != ExecStatus.COPY_OUT:
        raise psycopg.errors.error_from_result(result)
    take = link.get_copy_data
    while True:
        size, message = take(1)
        if size > 0:
            keep(message)
        elif size == 0:  # nothing has arrived yet; wait without holding the interpreter
            select.select([link.socket], [], [])
            link.consume_input()
        else:
            break
    ends = list(iter(link.get_result, None))  # all of them: only then is the connection free again
    for ended in ends:
        if ended.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(ended)
