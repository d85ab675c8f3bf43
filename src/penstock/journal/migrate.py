"""Bringing a database to the newest schema, and giving its roles their passwords."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg
from alembic import command, op
from alembic.config import Config
from psycopg import Connection, sql
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from penstock.kit.db import refuse_old_server

#: The roles of Penstock, see ``schema.sql`` for what each may do.
ROLES: Final = ("penstock_keeper", "penstock_lane", "penstock_edge", "penstock_auditor", "penstock_office")
_MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"
#: Key of the advisory lock that lets one migration run at a time: "penstock" as a number.
_LOCK: Final = int.from_bytes(b"penstock", "big")


def migrate(admin_dsn: str, *, lock_timeout_ms: int = 5_000, until: str = "head") -> None:
    """Apply all missing migrations, one process at a time, in one transaction.

    :param admin_dsn: of a superuser, or of the database's owner with CREATEROLE.
    :param lock_timeout_ms: longest wait for a lock: a migration gives up rather than stall payments.
    :param until: the last migration to apply, for trying a later one on what it will find.
    :raises psycopg.errors.LockNotAvailable: (inside SQLAlchemy's OperationalError) when it gave up.
    :raises UnsafeDatabase: when the server is older than PostgreSQL 18.
    """
    with psycopg.connect(admin_dsn) as connection:
        refuse_old_server(connection.info.server_version)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(admin_dsn), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = {int(lock_timeout_ms)}"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        config.attributes["connection"] = connection
        command.upgrade(config, until)


def run_script_of(migration: str) -> None:
    """Run the SQL file beside a migration as it stands: SQLAlchemy would read its percent signs.

    :param migration: the migration's ``__file__``.
    """
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(Path(migration).with_suffix(".sql").read_text("utf-8"))
    driver.execute("RESET search_path")


def set_passwords(admin_dsn: str, password: Callable[[str], str]) -> None:
    """Give each role its password; only the verifier made here travels to the server and its logs.

    :param password: role → password.
    """
    with psycopg.connect(admin_dsn) as connection:
        for role in ROLES:
            _set_password(connection, role, password(role))


def _set_password(connection: Connection[Any], role: str, password: str) -> None:
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
    connection.execute(statement)
