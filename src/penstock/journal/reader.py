"""Reading the journal back: rows in order for replay, and single look-ups in closed partitions. All SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import psycopg
from numpy.typing import NDArray

from penstock.journal.sheets import READ_SHEETS, rows_of, within

Connection = psycopg.Connection[Any]

_PAYMENTS: Final = """
    SELECT first.seq, first.client, first.kind, first.payer_account, first.payee_account, first.payment_type,
        first.currency, coalesce(latest.state, first.state), coalesce(latest.left_minor, first.left_minor),
        coalesce(latest.seq, first.seq)
    FROM unnest(%(seqs)s::bigint[]) AS wanted (seq)
    CROSS JOIN LATERAL journal_at(%(lane)s, wanted.seq) AS first
    LEFT JOIN LATERAL (
        SELECT seq FROM journal_follow WHERE lane = %(lane)s AND ref_seq = wanted.seq AND seq < %(hot)s ORDER BY seq DESC LIMIT 1
    ) AS last ON true
    LEFT JOIN LATERAL journal_at(%(lane)s, last.seq) AS latest ON true
"""
_LABELLED: Final = """
    SELECT row.seq, client, kind, feature_registry, payer_account, payee_account, customer, purse, currency, payment_type,
        time_us, instrument, device, network, place, category
    FROM unnest(%(seqs)s::bigint[]) AS wanted (seq) CROSS JOIN LATERAL journal_at(%(lane)s, wanted.seq) AS row
"""
_PARTITIONS: Final = """
    SELECT first_seq, end_seq, first_time_us, last_time_us, indexed FROM journal_partition
    WHERE lane = %(lane)s ORDER BY first_seq
"""


class Partition(NamedTuple):
    """One journal partition, [first_seq, end_seq); the times are known once it is indexed."""

    first_seq: int
    end_seq: int
    first_time_us: int | None
    last_time_us: int | None
    indexed: bool


class Payment(NamedTuple):
    """What the journal's closed part says of a payment."""

    client: int
    kind: int
    payer: int
    payee: int
    type: int
    currency: int
    state: int
    left: int  # what can still be given back, minor units
    last_seq: int  # its newest row


def read_rows(connection: Connection, lane: int, after: int, until: int, chunk: int) -> Iterator[NDArray[Any]]:
    """Yield the rows with ``after < seq <= until`` in order, in arrays of at most ``chunk`` rows.

    The next array is fetched by a thread while the caller works on this one; leave the connection alone meanwhile.
    """
    ends = [min(start + chunk, until) for start in range(after, until, chunk)]
    with ThreadPoolExecutor(1, "journal-reader") as ahead:
        coming = [ahead.submit(read_span, connection, lane, after, end) for end in ends[:1]]
        for place, end in enumerate(ends):
            rows = coming.pop().result()
            coming += [ahead.submit(read_span, connection, lane, end, later) for later in ends[place + 1 : place + 2]]
            yield rows


def read_span(connection: Connection, lane: int, after: int, until: int) -> NDArray[Any]:
    """The rows (n,) of ``ROW`` with ``after < seq <= until``, in order; they are not the reader's to change."""
    with connection.cursor(binary=True) as cursor:
        rows = rows_of(cursor.execute(READ_SHEETS, {"lane": lane, "after": after, "until": until}).fetchall())
    return within(rows, after, until)


def find_payments(connection: Connection, lane: int, seqs: Sequence[int], hot_first_seq: int) -> dict[int, Payment]:
    """The payments that begin at the given rows, as rows before ``hot_first_seq`` left them."""
    found = connection.execute(_PAYMENTS, {"lane": lane, "seqs": list(seqs), "hot": hot_first_seq})
    return {row[0]: Payment._make(row[1:]) for row in found}


def find_labelled(connection: Connection, lane: int, seqs: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """What labels must know of the payments that begin at the given rows, in the order of ``LABELLED``."""
    return {row[0]: row[1:] for row in connection.execute(_LABELLED, {"lane": lane, "seqs": list(seqs)})}


def read_partitions(connection: Connection, lane: int) -> list[Partition]:
    """All partitions in order."""
    return [Partition(*row) for row in connection.execute(_PARTITIONS, {"lane": lane})]


def read_digest(connection: Connection, lane: int, last_seq: int) -> bytes | None:
    """The digest of the batch that ends at ``last_seq``, None = no batch ends there."""
    row = connection.execute(
        "SELECT digest FROM journal_batch WHERE lane = %s AND last_seq = %s", (lane, last_seq)
    ).fetchone()
    return bytes(row[0]) if row else None


def read_side(connection: Connection, lane: int, seq: int) -> bytes | None:
    """The side record of a row, None = it has none."""
    row = connection.execute("SELECT body FROM journal_side WHERE lane = %s AND seq = %s", (lane, seq)).fetchone()
    return bytes(row[0]) if row else None
