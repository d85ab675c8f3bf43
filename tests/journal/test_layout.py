"""Every column of the view says what the stored record holds, and costs nothing while a row is written."""

from __future__ import annotations

import struct
import uuid
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from support import planting
from support.database import Database

from penstock.contracts.row import ROW
from penstock.journal import layout

#: Zeros of both signs, subnormals, the least and greatest numbers, what a score can be, infinities: bits of singles.
EDGES = [0, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x3F800000, 0x3F7FFFFF, 0x3DCCCCCD, 0x7F800000]


_TODAY = "CREATE SCHEMA today; CREATE FUNCTION today.journal_at(of_lane integer, at bigint) RETURNS SETOF journal LANGUAGE SQL STABLE BEGIN ATOMIC {}; END"


def random_rows(count: int) -> NDArray[Any]:
    """Rows (count,) of any bits, every other one without a vector; no score is NaN, which differs from itself."""
    chance = np.random.default_rng(20260301)
    rows = np.frombuffer(chance.bytes(count * ROW.itemsize), ROW).copy()
    rows["seq"], rows["lane"] = np.arange(1, count + 1), 0
    rows["score"] = np.where(np.isnan(rows["score"]), -1, rows["score"])
    rows["feature_registry"] = np.arange(count) % 2
    rows["features"][rows["feature_registry"] == 0] = 0
    return rows


def expected(row: Any, name: str) -> Any:
    """What the column of this name must say of a row."""
    if name == "command_id":
        return uuid.UUID(bytes=struct.pack(">qq", row["id_hi"].item(), row["id_lo"].item()))
    if name == "features":
        return row[name].tobytes() if row["feature_registry"] else None
    return row[name].tobytes() if name == "side_hash" else row[name].item()


def test_each_column_says_what_is_in_the_record(database: Database) -> None:
    rows = random_rows(200)
    names = ["lane", "seq", *layout.computed_columns()]
    assert len(names) == len(ROW.names or ()) + 1, "every field is a column, and so is the id of two halves"
    with database.connect("penstock_admin") as connection:
        planting.insert_rows(connection, rows)
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        read = connection.execute(sql.SQL("SELECT {} FROM journal ORDER BY seq").format(columns), binary=True).fetchall()
        (stored,) = connection.execute("SELECT array_agg(record ORDER BY seq) FROM journal").fetchone() or ()
    for row, values, record in zip(rows, read, stored, strict=True):
        assert dict(zip(names, values, strict=True)) == {name: expected(row, name) for name in names}
        assert record == row.tobytes(), "in a sheet with vectors each row has room for one"


def test_the_score_is_exact_to_the_bit(database: Database) -> None:
    """For every exponent, and at every edge; only NaNs, which no score is, are all read as one."""
    chance = np.random.default_rng(7)
    bits = [exponent << 23 | int(mantissa) for exponent in range(255) for mantissa in chance.integers(0, 2**23, 3)]
    positive = np.array([*EDGES, *bits], np.uint32)
    scores = np.concatenate((positive, positive | np.uint32(1 << 31))).view(np.float32)
    rows = planting.empty_rows(1, len(scores), score=scores)
    database.extend(len(scores))
    with database.connect("penstock_admin") as connection:
        planting.insert_rows(connection, rows)
        (read,) = connection.execute("SELECT array_agg(float4send(score) ORDER BY seq) FROM journal").fetchone() or ()
        assert [octets[::-1] for octets in read] == [score.tobytes() for score in scores]
        planting.change_row(connection, 1, score=np.nan)
        assert connection.execute("SELECT score::text FROM journal WHERE seq = 1").fetchone() == ("NaN",)


def test_the_view_has_the_columns_that_the_row_has_today(database: Database) -> None:
    """A migration is never edited afterwards: who changes ``ROW`` writes one that makes these columns."""
    described = "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass ORDER BY attnum"
    with database.connect("penstock_admin") as connection:
        connection.execute(f"CREATE VIEW today AS {layout.view_query()}")  # type: ignore[call-overload]
        connection.execute(_TODAY.format(layout.at_query()))  # type: ignore[call-overload]
        bodies = connection.execute("SELECT pg_get_function_sqlbody(oid) FROM pg_proc WHERE proname = 'journal_at'").fetchall()
        definitions, described_as = (
            [connection.execute(query, [view]).fetchall() for view in ("journal", "today")]
            for query in ("SELECT pg_get_viewdef(%s::regclass)", described)
        )
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    assert definitions[0] == definitions[1]
    assert described_as[0] == described_as[1]
    assert dict(described_as[0]) == {
        "lane": "smallint", "sheet": "bigint", "seq": "bigint", "record": "bytea", **{name: kind for name, (kind, _) in layout.computed_columns().items()},
    }  # fmt: skip


def test_partitions_store_four_columns(database: Database) -> None:
    described = """
        SELECT attname, attnotnull, attstorage FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum
    """
    with database.connect() as connection:
        for table in (layout.TABLE, "journal_sheet_0_1", "journal_sheet_0_9001"):
            assert connection.execute(described, [table]).fetchall() == [
                ("lane", True, "p"), ("first_seq", True, "p"), ("rows", True, "p"), ("records", True, "p"),
            ]  # fmt: skip


def test_a_hot_partition_costs_nothing_but_its_primary_key(database: Database) -> None:
    """No constraint, trigger or index that would be worked out for each row."""
    with database.connect() as connection:
        constraints = connection.execute(
            "SELECT contype, conkey FROM pg_constraint WHERE conrelid = 'journal_sheet_0_1'::regclass ORDER BY 1, 2"
        ).fetchall()
        indices = connection.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'journal_sheet_0_1'").fetchall()
        extra = connection.execute(
            "SELECT relhastriggers, relrowsecurity, reltoastrelid <> 0 FROM pg_class WHERE relname = 'journal_sheet_0_1'"
        ).fetchone()
    assert constraints == [("n", [1]), ("n", [2]), ("n", [3]), ("n", [4]), ("p", [1, 2])], "the stored columns are not null, lane and first_seq the key"
    assert [how for (how,) in indices] == [
        "CREATE UNIQUE INDEX journal_sheet_0_1_pkey ON penstock.journal_sheet_0_1 USING btree (lane, first_seq)"
    ]
    assert extra == (False, False, False)

