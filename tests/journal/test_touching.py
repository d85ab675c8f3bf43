"""What was written since the last look carries PostgreSQL's mark that it is committed, before anybody else has read it."""

from __future__ import annotations

import struct

from support import planting
from support.database import Database

from penstock.journal.touching import Touching
from penstock.kit import postgres

_PAGE = 8_192
#: ``HEAP_XMIN_COMMITTED`` of PostgreSQL's ``htup_details.h``.
_COMMITTED = 0x0100
_FILE = "SELECT pg_read_binary_file(pg_relation_filepath('penstock.journal_sheet_0_1'))"


def insert(database: Database, first: int, count: int) -> None:
    with database.connect() as connection:
        planting.insert_rows(connection, planting.empty_rows(first, count))


def marks(database: Database) -> list[bool]:
    """Whether each tuple of the first partition is marked, as its file says (PostgreSQL documentation, *Database Page Layout*)."""
    with database.connect(postgres.ADMIN, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        found = connection.execute(_FILE).fetchone()
    assert found is not None
    pages = [found[0][start : start + _PAGE] for start in range(0, len(found[0]), _PAGE)]
    return [
        struct.unpack_from("<H", page, (pointer & 0x7FFF) + 20)[0] & _COMMITTED > 0
        for page in pages
        for (pointer,) in struct.iter_unpack("<I", page[24 : struct.unpack_from("<H", page, 12)[0]])
    ]


def test_rows_are_marked_before_others_read_them(database: Database) -> None:
    insert(database, 1, 100)
    touching = Touching()
    with database.connect("penstock_keeper", autocommit=True) as connection:
        touching.touch(connection, 0, 100)
        before = marks(database)
        assert not any(before), "the first look begins where the journal ends"
        insert(database, 101, 200)
        touching.touch(connection, 0, 200)
        touching.touch(connection, 0, 200)
        some = marks(database)
        touching.touch(connection, 0, 300)
        more = marks(database)
    assert [sum(before), sum(some) > 0, sum(more)] == [0, True, len(more) - len(before)]
    assert sum(some) < sum(more)
