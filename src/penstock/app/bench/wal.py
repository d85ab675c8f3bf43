"""Write-ahead log that is used again, as in any server that has run for a while.

A fresh server makes each 16 MiB segment anew, which writes it twice and doubles the 99th percentile. Here as many
segments are gone through as the server keeps, so that what is measured is its lasting speed.
"""

from __future__ import annotations

from typing import Final

import psycopg

from penstock.app import wiring
from penstock.kit import postgres
from penstock.kit.settings import Settings

_KEPT: Final = "SELECT setting::int / 16 FROM pg_settings WHERE name = 'min_wal_size'"  # MiB
_NEXT: Final = "SELECT pg_logical_emit_message(false, 'penstock', 'bench'), pg_switch_wal()"


def recycle(settings: Settings) -> int:
    """Go through the segments that the embedded server keeps, until it uses them again; their number, 0 = not embedded."""
    if settings.database_url:
        return 0
    dsn = postgres.make_dsn(settings.home, wiring.secrets(settings), postgres.ADMIN)
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(_KEPT).fetchone()
        segments = 0 if row is None else int(row[0])
        for _ in range(segments):
            connection.execute(_NEXT)
        connection.execute("CHECKPOINT")
    return segments
