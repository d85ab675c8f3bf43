"""How much a payment takes on disk: its row in the journal, the indices, the WAL, the checkpoint."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from psycopg import Connection

from penstock.app import wiring
from penstock.kit import db
from penstock.kit.settings import Settings
from penstock.state.checkpoint import lane_folder

_WAL: Final = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
_DATABASE: Final = "SELECT pg_database_size(current_database())"
#: Whole partitions of the journal, by what they consist of. Indices of closed partitions cover all of their rows.
_PARTS: Final = """
    SELECT coalesce(sum(pg_table_size(child.oid)), 0)::bigint,
           coalesce(sum(pg_relation_size(key.indexrelid)), 0)::bigint
    FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
    LEFT JOIN pg_index key ON key.indrelid = child.oid AND key.indisprimary
    WHERE inhparent = 'journal_sheet'::regclass
"""
_CLOSED: Final = "SELECT pg_total_relation_size('journal_ids') + pg_total_relation_size('journal_follow')"
_CLOSED_ROWS: Final = "SELECT coalesce(sum(end_seq - first_seq), 0)::bigint FROM journal_partition WHERE indexed"


class Sizes(NamedTuple):
    """Bytes at one moment; ``wal`` is what has ever been written."""

    heap: int
    primary_key: int
    wal: int
    database: int


def sizes(settings: Settings) -> Sizes:
    """What the journal and its surroundings take now."""
    with db.connect(wiring.dsn(settings, "penstock_keeper"), name="penstock-bench") as connection:
        heap, key = _row(connection, _PARTS)
        return Sizes(heap, key, *_row(connection, _WAL), *_row(connection, _DATABASE))


def volume(settings: Settings, before: Sizes, after: Sizes, rows: int) -> dict[str, Any]:
    """Bytes per payment between two moments, and what does not grow with payments.

    ``id_index`` is per row of the partitions that the keeper has closed and indexed, null while there is none.
    """
    with db.connect(wiring.dsn(settings, "penstock_keeper"), name="penstock-bench") as connection:
        [indices], [closed] = _row(connection, _CLOSED), _row(connection, _CLOSED_ROWS)
    each = {name: round((getattr(after, name) - getattr(before, name)) / max(rows, 1), 1) for name in Sizes._fields}
    return {
        "bytes_per_payment": {
            "journal_heap": each["heap"], "primary_key": each["primary_key"],
            "id_index": round(indices / closed, 1) if closed else None, "wal": each["wal"], "database": each["database"],
        },
        "checkpoint_bytes": checkpoint_bytes(settings), "rows": rows, "rows_indexed": int(closed),
    }  # fmt: skip


def checkpoint_bytes(settings: Settings) -> int:
    """The newest whole checkpoint; 0 = there is none yet."""
    found = sorted(lane_folder(settings.home, settings.lane).glob("*/manifest.json"))
    if not found:
        return 0
    return sum(segment["bytes"] for segment in json.loads(found[-1].read_text("utf-8"))["segments"])


def _row(connection: Connection[Any], query: str) -> tuple[int, ...]:
    found = connection.execute(query).fetchone()
    assert found is not None, "aggregates have one row"
    return tuple(int(value) for value in found)
