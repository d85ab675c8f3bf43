"""The edge's connections to PostgreSQL: reading by primary key, writing apart, and a problem when it does not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from penstock.kit.http.problem import unavailable

log = structlog.get_logger()

_MOST_CONNECTIONS: Final = 4
_WAIT_S: Final = 5.0
#: Every read of the edge is a look-up by key or a walk along links. A hot partition has no statistics,
#: so the planner is told; a plan without an index would read millions of rows.
_OPTIONS: Final = (
    "-c search_path=penstock -c timezone=UTC -c statement_timeout=5000 -c lock_timeout=1000 "
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off -c enable_bitmapscan=off"
)
_READ_ONLY: Final = " -c default_transaction_read_only=on"


class Database:
    """A small pool of connections: read-only ones, or with ``writes`` those of the back office's routes."""

    def __init__(self, dsn: str, name: str, *, writes: bool = False) -> None:
        options = _OPTIONS if writes else _OPTIONS + _READ_ONLY
        conninfo = make_conninfo(dsn, application_name=name, options=options, connect_timeout=5)
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            conninfo,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=_MOST_CONNECTIONS,
            timeout=_WAIT_S,
            check=AsyncConnectionPool.check_connection,
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

        :raises Problem: 503 when the database does not answer.
        """
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("database_away", error=type(error).__name__)
            detail = "The database does not answer. Retry with the same id."
            raise unavailable("database_away", "The database is away", detail) from None

    async def answers(self) -> bool:
        """Whether the database answers now."""
        try:
            async with self._pool.connection(timeout=1.0) as connection:
                await connection.execute("SELECT 1")
        except (psycopg.Error, PoolTimeout):
            return False
        return True
