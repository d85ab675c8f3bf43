"""The command ids of closed partitions: sorted, in pages of many, found by the first id of a page.

A partition's ids are known all at once when it is closed, and never change; so they need no tree that grows, and a page of them
is written in the time that an index takes for a few. See docs/journal-format.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray

Connection = psycopg.Connection[Any]

#: An id as a page stores it: the id's halves, the client that sent it, and the row.
ID: Final = np.dtype([("id_hi", "<i8"), ("id_lo", "<i8"), ("client", "<i4"), ("seq", "<i8")])
_ID: Final = struct.Struct("<qqiq")
_KEY: Final = ["id_hi", "id_lo", "client"]
#: Ids for which a page of the database has room.
PAGE_IDS: Final = 280
_PAGE_BYTES: Final = PAGE_IDS * ID.itemsize
#: Of so many ids of a run one is a sample, by which runs are cut into pieces to be merged; and the samples of a piece.
_SAMPLED: Final = 1 << 10
_SAMPLES_A_PIECE: Final = 64

COPY_PAGES: Final = "COPY journal_ids (lane, partition, first_hi, first_lo, first_client, ids) FROM STDIN (FORMAT BINARY)"
#: The number of columns, each column's size before its value, and the size of the ids.
_HEAD: Final = struct.Struct(">hihiqiqiqiii")
# For each id the page in which it would lie, of each partition.
_PAGES: Final = """
    SELECT asked.place, page.ids
    FROM unnest(%(places)s::int[], %(upper)s::bigint[], %(lower)s::bigint[], %(clients)s::int[]) AS asked (place, id_hi, id_lo, client)
    CROSS JOIN unnest(%(partitions)s::bigint[]) AS part (first_seq)
    CROSS JOIN LATERAL (
        SELECT ids FROM journal_ids
        WHERE lane = %(lane)s AND partition = part.first_seq
            AND (first_hi, first_lo, first_client) <= (asked.id_hi, asked.id_lo, asked.client)
        ORDER BY first_hi DESC, first_lo DESC, first_client DESC LIMIT 1
    ) AS page
"""
_FINGERPRINTS: Final = """
    SELECT seq, fingerprint FROM unnest(%(seqs)s::bigint[]) AS wanted (at) CROSS JOIN LATERAL journal_at(%(lane)s, wanted.at)
"""
#: Ids that are looked up at once: each may bring a page from each partition.
_AT_ONCE: Final = 200


class WrongPartition(RuntimeError):
    """A closed partition is not what the lane wrote: rows are missing, or a command id is there twice."""


def order_of(ids: NDArray[Any]) -> NDArray[np.intp]:
    """The places (n,) of ids (n,) of ``ID`` in the order of the pages.

    :raises WrongPartition: when a client's id is there twice.
    """
    upper = np.ascontiguousarray(ids["id_hi"])
    order = np.argsort(upper, kind="stable")
    equal = np.diff(upper[order]) == 0
    alike = np.flatnonzero(np.append(equal, False) | np.append(False, equal))  # few: an upper half is a millisecond and 12 random bits
    places = order[alike]
    some = ids[places]
    sorted_again = np.lexsort((some["client"], some["id_lo"], some["id_hi"]))
    order[alike], some = places[sorted_again], some[sorted_again]
    twice = np.flatnonzero(some[_KEY][1:] == some[_KEY][:-1])
    if len(twice):
        first, second = some[twice[0]], some[twice[0] + 1]
        raise WrongPartition(
            f"rows {first['seq']} and {second['seq']} hold one command id (halves {first['id_hi']}, {first['id_lo']}; client "
            f"{first['client']}); stop the lane and run `penstock verify`"
        )
    return order


def sort(ids: NDArray[Any]) -> None:
    """Bring ids (n,) of ``ID`` into the order of the pages, where they are.

    :raises WrongPartition: when a client's id is there twice.
    """
    octets = _plain(ids)
    octets[:] = octets.take(order_of(ids))


def merged(runs: Sequence[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """The ids of runs, each in order and of ``ID``, as one in order, in pieces of some 65,000: a few milliseconds of work.

    :raises WrongPartition: when a client's id is there twice.
    """
    uppers = [np.ascontiguousarray(run["id_hi"]) for run in runs]
    samples = np.sort(np.concatenate([upper[::_SAMPLED] for upper in uppers]))
    bounds = np.unique(samples[_SAMPLES_A_PIECE::_SAMPLES_A_PIECE])  # no piece ends between ids of one upper half
    ends = [[0, *np.searchsorted(upper, bounds).tolist(), len(upper)] for upper in uppers]
    for piece in range(len(bounds) + 1):
        parts = [_plain(run[end[piece] : end[piece + 1]]) for run, end in zip(runs, ends, strict=True)]
        ids = np.concatenate(parts).view(ID)
        sort(ids)
        yield ids


def pages(lane: int, partition: int, pieces: Iterable[NDArray[Any]]) -> Iterator[bytes]:
    """Ids of ``ID`` that come in order, in pieces, as rows of ``COPY_PAGES``, a page each."""
    left = b""
    for piece in pieces:
        octets = left + piece.tobytes()
        whole = len(octets) - len(octets) % _PAGE_BYTES
        for start in range(0, whole, _PAGE_BYTES):
            yield _page(lane, partition, octets[start : start + _PAGE_BYTES])
        left = octets[whole:]
    if left:
        yield _page(lane, partition, left)


def _page(lane: int, partition: int, octets: bytes) -> bytes:
    upper, lower, client, _ = _ID.unpack_from(octets)
    return _HEAD.pack(6, 2, lane, 8, partition, 8, upper, 8, lower, 4, client, len(octets)) + octets


def _plain(ids: NDArray[Any]) -> NDArray[Any]:
    """As plain bytes, which costs numpy a sixth of what fields do."""
    return ids.view(f"V{ID.itemsize}")


def find_ids(
    connection: Connection, lane: int, asked: Sequence[tuple[int, int, int, int]], partitions: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Look (place, client, upper and lower half of the command id) up in closed partitions; (place, seq, fingerprint) of those found.

    :param partitions: the first sequence of each.
    """
    found = [hit for start in range(0, len(asked), _AT_ONCE) for hit in _find(connection, lane, asked[start : start + _AT_ONCE], partitions)]
    seqs = [seq for _, seq in found]
    fingerprints = dict(connection.execute(_FINGERPRINTS, {"lane": lane, "seqs": seqs}).fetchall()) if seqs else {}
    return [(place, seq, fingerprints[seq]) for place, seq in found]


def _find(
    connection: Connection, lane: int, asked: Sequence[tuple[int, int, int, int]], partitions: Sequence[int]
) -> Iterator[tuple[int, int]]:
    wanted = {place: (upper, lower, client) for place, client, upper, lower in asked}
    upper, lower, clients = (list(values) for values in zip(*wanted.values(), strict=True))
    values = {
        "lane": lane, "places": list(wanted), "upper": upper, "lower": lower, "clients": clients, "partitions": list(partitions),
    }  # fmt: skip
    with connection.cursor(binary=True) as cursor:
        for place, octets in cursor.execute(_PAGES, values):
            ids = np.frombuffer(octets, ID)
            hits = ids[(ids["id_lo"] == wanted[place][1]) & (ids["id_hi"] == wanted[place][0]) & (ids["client"] == wanted[place][2])]
            yield from ((place, seq) for seq in hits["seq"].tolist())
