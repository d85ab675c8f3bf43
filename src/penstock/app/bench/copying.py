"""The yardstick: how fast this PostgreSQL takes the same rows by raw COPY, durably, in batches of the same size."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection, sql

from penstock.app import wiring
from penstock.contracts.row import ROW
from penstock.journal.layout import STORED, TABLE
from penstock.journal.sheets import copy_stream, sheets_of
from penstock.kit import db
from penstock.kit.settings import Settings

_TABLE: Final = sql.Identifier("bench_copy")
_COLUMNS: Final = sql.SQL(", ").join(map(sql.Identifier, STORED))
_COPY: Final = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(_TABLE, _COLUMNS)


def copy_rows_per_second(settings: Settings, batch: int, seconds: float, seed: int) -> float:
    """Rows per second into a table like the journal, a commit per batch; encoding is not counted."""
    rows = _rows(batch, np.random.default_rng(seed))
    spent_s, copied = 0.0, 0
    with db.connect(wiring.dsn(settings, "penstock_keeper"), name="penstock-bench") as connection:
        _make_table(connection)
        while spent_s < seconds:
            stream = copy_stream(0, sheets_of(rows))
            started_s = time.perf_counter()
            with connection.transaction(), connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(stream)
            spent_s += time.perf_counter() - started_s
            copied += batch
            rows["seq"] += batch
        connection.execute(sql.SQL("DROP TABLE {}").format(_TABLE))
        connection.commit()
    return round(copied / spent_s, 1)


def _rows(batch: int, chance: np.random.Generator) -> NDArray[Any]:
    """Journal rows with numbers as spread as those of payments."""
    rows = np.zeros(batch, ROW)
    rows["seq"] = np.arange(1, batch + 1)
    rows["feature_registry"] = 1  # with a vector, as attempts have
    for name in ("id_hi", "id_lo", "fingerprint"):
        rows[name] = chance.integers(-(2**63), 2**63 - 1, size=batch)
    for name in ("payer_account", "payee_account", "payer_prev_seq", "payee_prev_seq", "amount_minor", "customer", "purse"):
        rows[name] = chance.integers(1, 10**6, size=batch)
    return rows


def _make_table(connection: Connection[Any]) -> None:
    """A table like a partition of the journal while it is hot: the primary key, and no other index."""
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_TABLE))
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING STORAGE)").format(_TABLE, sql.Identifier(TABLE)))
    connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (lane, first_seq)").format(_TABLE))
    connection.commit()
