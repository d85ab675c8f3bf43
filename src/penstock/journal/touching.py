"""Rows are looked at soon after they were written, so that their pages are not written and logged a second time.

Whoever reads a row first marks it as committed (hint bits). With checksums on, PostgreSQL logs the whole page for such a mark when it is the
page's first change after a checkpoint, and writes the page again. Readers that are late would so double what a journal costs the disk; and
that would make them later.
"""

from __future__ import annotations

from typing import Any, Final

from psycopg import Connection

from penstock.journal.layout import TABLE

#: Most rows that one look takes in: for a second of full load it takes some ten milliseconds.
_MOST_ROWS: Final = 1_000_000
#: An index alone cannot tell which rows are there for everybody; so each page is looked at.
_LOOK: Final = f"SELECT count(*) FROM {TABLE} WHERE lane = %s AND first_seq > %s AND first_seq <= %s"  # noqa: S608 - constant


class Touching:
    """Looks at what a lane has written since the last look."""

    def __init__(self) -> None:
        self._after: int | None = None

    def touch(self, connection: Connection[Any], lane: int, last_seq: int) -> None:
        """Look at the rows up to a committed one; the first look begins there, and what is too much at once is left to who reads it."""
        after = last_seq if self._after is None else max(self._after, last_seq - _MOST_ROWS)
        self._after = last_seq
        if last_seq > after:
            connection.execute(_LOOK, [lane, after, last_seq])
