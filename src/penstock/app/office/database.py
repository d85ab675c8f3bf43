"""The office's connections to PostgreSQL: a small pool that may write the office's tables, at low priority."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

_MOST_CONNECTIONS: Final = 6
_WAIT_S: Final = 30.0
#: As for the edge: the planner knows nothing of a hot partition's size, and must not read all of it.
_OPTIONS: Final = (
    "-c search_path=penstock -c timezone=UTC -c statement_timeout=60000 -c lock_timeout=5000 "
    "-c idle_in_transaction_session_timeout=60000 "
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off -c enable_bitmapscan=off"
)


class OfficeDatabase:
    """A pool of connections in autocommit mode; owns them from ``open`` to ``close``."""

    def __init__(self, dsn: str, name: str, server_nice: int = 0) -> None:
        """``server_nice``: priority of the server's end of each connection, when the server is ours."""
        self._server_nice = server_nice
        conninfo = make_conninfo(dsn, application_name=name, options=_OPTIONS, connect_timeout=5)
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            conninfo,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=_MOST_CONNECTIONS,
            timeout=_WAIT_S,
            check=AsyncConnectionPool.check_connection,
            configure=self._quieten,
            open=False,
        )

    async def open(self) -> None:
        """Start to connect; a database that is away is tried again in the background."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection that works.

        :raises psycopg.OperationalError, psycopg_pool.PoolTimeout: when the database does not answer.
        """
        async with self._pool.connection() as connection:
            yield connection

    async def _quieten(self, connection: AsyncConnection[Any]) -> None:
        if self._server_nice:
            with contextlib.suppress(PermissionError, ProcessLookupError):  # it runs as another user and we are not root
                os.setpriority(os.PRIO_PROCESS, connection.info.backend_pid, self._server_nice)
