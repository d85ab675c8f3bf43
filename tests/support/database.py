"""A migrated database of one test."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from penstock.journal import partitions
from penstock.kit import db, postgres

#: Small enough that a test can fill a partition.
PARTITION_ROWS = 1_000


@dataclass(frozen=True)
class Database:
    """A migrated database of one test, with empty partitions for lane 0: 1…1000, 1001…2000, and so on."""

    server: postgres.PostgresServer
    name: str

    def dsn(self, role: str = "penstock_lane") -> str:
        """Connection string of a role; ``penstock_admin`` is the superuser."""
        return self.server.dsn(role, self.name)

    def connect(self, role: str = "penstock_lane", *, autocommit: bool = False) -> psycopg.Connection:
        """A connection as the product makes it."""
        return db.connect(self.dsn(role), name="test", autocommit=autocommit)

    def extend(self, last_seq: int, partition_rows: int = PARTITION_ROWS, ahead: int = 2) -> None:
        """Attach more partitions."""
        with self.connect("penstock_keeper") as connection:
            partitions.ensure_ahead(connection, 0, last_seq, partition_rows, ahead)
