"""Durable workflows: DBOS on our own PostgreSQL, its tables in the schema ``dbos``, nothing sent anywhere else.

``prepare`` makes the tables, with a role that may; ``launch`` runs the workflows that the process has registered
with DBOS before. Each step of a workflow is done again, or found done, after any crash.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import sqlalchemy
from dbos import DBOS, DBOSConfig
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import URL, Engine

SCHEMA: Final = "dbos"
#: Pinned: workflows that an older program began are finished by the next one. Raise it with a workflow whose steps
#: change in number or order, and let the old ones end first.
VERSION: Final = "1"
_POOL: Final = 8
_PING_S: Final = 30.0


def prepare(admin_dsn: str, role: str) -> None:
    """Make or upgrade the tables of workflows, and let a role use them.

    :param admin_dsn: of a superuser, or of the database's owner.
    """
    _quieten()
    found = conninfo_to_dict(admin_dsn)
    known = {name: found.pop(name, None) for name in ("user", "password", "host", "port", "dbname")}
    query = {name: str(value) for name, value in found.items()}
    query |= {name: str(known[name]) for name in ("host", "port") if known[name]}  # a socket's folder is no host in a URL
    url = URL.create(
        "postgresql", _text(known["user"]), _text(known["password"]), None, None, _text(known["dbname"]), query=query
    )
    DBOS.migrate(url.render_as_string(hide_password=False), schema=SCHEMA, application_role=role)


@contextmanager
def launched(dsn: str, executor: str) -> Iterator[None]:
    """Run the registered workflows while the block runs, those that a crash interrupted first.

    The environment must not tell DBOS to report elsewhere: ``app/wiring.py`` hands none of its variables down.

    :param dsn: of the role that ``prepare`` named.
    :param executor: who runs them, always the same name for the same work: it finds its interrupted workflows by it.
    """
    _quieten()
    engine = _engine(dsn)
    config: DBOSConfig = {
        "name": "penstock",
        "system_database_engine": engine,
        "dbos_system_schema": SCHEMA,
        "application_version": VERSION,
        "executor_id": executor,
        "run_migrations": False,
        "enable_otlp": False,
        "log_level": "WARNING",
        "scheduler_polling_interval_sec": _PING_S,
    }
    DBOS(config=config)
    try:
        DBOS.launch()
        yield
    finally:
        DBOS.destroy()
        engine.dispose()


def _engine(dsn: str) -> Engine:
    full = make_conninfo(
        dsn, application_name="penstock-workflows", connect_timeout=10,
        options="-c timezone=UTC -c statement_timeout=60000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000",
    )  # fmt: skip

    def connect() -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(full)
        except psycopg.OperationalError as error:
            # DBOS waits for a database that is away when it reads these very words.
            raise psycopg.OperationalError(f"connection failed: {error}") from error

    return sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=connect, pool_size=_POOL, max_overflow=_POOL, pool_timeout=30, pool_pre_ping=True
    )


def _quieten() -> None:
    logging.getLogger("dbos").setLevel(logging.WARNING)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
