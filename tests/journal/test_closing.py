"""A full partition is indexed once, by whoever comes first, and its ids and follow-ups are found."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import planting
from support.database import Database

from penstock.journal import closing, ids, partitions
from penstock.journal.gathering import Gathering
from penstock.journal.ids import ID, PAGE_IDS, WrongPartition, find_ids

_LEAST, _MOST = -(2**63), 2**63 - 1


def make_rows(first: int, count: int, chance: np.random.Generator) -> NDArray[Any]:
    """Rows with any ids; some share halves of them, every third follows the row before it."""
    rows = planting.empty_rows(first, count, time_us=np.arange(first, first + count) * 10)
    rows["id_hi"] = chance.choice([_LEAST, -1, 0, 7, _MOST, *chance.integers(_LEAST, _MOST, 200)], count)
    rows["id_lo"] = chance.integers(_LEAST, _MOST, count)
    rows["client"] = chance.integers(0, 3, count)
    rows["fingerprint"] = chance.integers(_LEAST, _MOST, count)
    later = rows["seq"] % 3 == 0
    rows["ref_seq"][later] = rows["ref_prev_seq"][later] = rows["seq"][later] - 1
    return rows


def insert(database: Database, rows: NDArray[Any]) -> None:
    with database.connect() as connection:
        planting.insert_rows(connection, rows)


def marked(database: Database) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        found = connection.execute("SELECT first_seq, first_time_us, last_time_us FROM journal_partition WHERE indexed ORDER BY 1")
        return found.fetchall()


def test_ids_and_follow_ups_of_closed_partitions_are_found(database: Database) -> None:
    rows = make_rows(1, 2_200, np.random.default_rng(3))
    insert(database, rows)
    rests = []
    with database.connect("penstock_keeper", autocommit=True) as connection:
        assert closing.close_and_index(connection, Gathering(0), 999) == []
        closed = closing.close_and_index(connection, Gathering(0), 2_200, lambda: rests.append(1))
        assert [partition.first_seq for partition in closed] == [1, 1_001]
        assert closing.close_and_index(connection, Gathering(0), 2_200) == []
        follows = connection.execute("SELECT lane, ref_seq, seq FROM journal_follow ORDER BY seq").fetchall()
    assert marked(database) == [(1, 10, 10_000), (1_001, 10_010, 20_000)]
    assert follows == [(0, seq - 1, seq) for seq in range(3, 2_001, 3)]
    assert len(rests) > 4
    asked = [(place, *row) for place, row in enumerate(rows[["client", "id_hi", "id_lo"]].tolist())]
    unknown = [(place, client, upper, (lower + 1) % 2**63) for place, client, upper, lower in asked]
    with database.connect() as connection:
        found = find_ids(connection, 0, asked, [1, 1_001])
        assert sorted(found) == [(place, place + 1, int(rows["fingerprint"][place])) for place in range(2_000)]
        assert [place for place, _, _ in find_ids(connection, 0, asked, [1_001])] == [place for place, _, _ in found if place >= 1_000]
        assert find_ids(connection, 0, unknown, [1, 1_001]) == []
        assert find_ids(connection, 1, asked[:5], [1]) == []


@given(st.lists(st.tuples(st.sampled_from([_LEAST, -1, 0, 1, _MOST]), st.integers(-2, 2), st.integers(0, 2)), min_size=1, max_size=40, unique=True))
def test_ids_come_into_order_whatever_they_share(keys: list[tuple[int, int, int]]) -> None:
    given_ids = np.array([(*key, seq) for seq, key in enumerate(keys)], ID)
    assert given_ids[ids.order_of(given_ids)][["id_hi", "id_lo", "client"]].tolist() == sorted(keys)
    for key in keys:
        with pytest.raises(WrongPartition, match="hold one command id"):
            ids.order_of(np.append(given_ids, np.array([(*key, 99)], ID)))


def sorted_runs(chance: np.random.Generator, runs: int, each: int) -> list[NDArray[Any]]:
    """Runs in order that share upper halves with each other."""
    rows = make_rows(1, runs * each, chance)
    rows["id_hi"][: runs * each // 2] = chance.integers(_LEAST, _MOST, runs * each // 2)
    found = np.empty(len(rows), ID)
    for name in ("id_hi", "id_lo", "client", "seq"):
        found[name] = rows[name]
    parts = [found[start : start + each] for start in range(0, len(found), each)]
    for part in parts:
        ids.sort(part)
    return parts


def test_runs_become_one_in_order() -> None:
    runs = sorted_runs(np.random.default_rng(8), 5, 50_000)
    pieces = list(ids.merged(runs))
    whole = np.concatenate(pieces)
    assert len(pieces) > 1
    assert whole.tobytes() == np.sort(np.concatenate(runs), order=["id_hi", "id_lo", "client"]).tobytes()
    again = runs[0][[25_000]]
    with pytest.raises(WrongPartition, match="hold one command id"):
        list(ids.merged([*runs, again]))


@pytest.mark.parametrize("count", [1, PAGE_IDS, PAGE_IDS + 1])
def test_a_page_holds_as_many_ids_as_it_has_room_for(count: int) -> None:
    found = np.zeros(count, ID)
    found["id_lo"] = range(count)
    pages = list(ids.pages(0, 1, [found]))
    assert [len(page) for page in pages] == [56 + 28 * min(count - start, PAGE_IDS) for start in range(0, count, PAGE_IDS)]
    assert max(map(len, pages)) < 8_192 - 72


def test_a_command_id_that_appears_twice_is_found(database: Database) -> None:
    rows = make_rows(1, 1_000, np.random.default_rng(4))
    planting.set_fields(rows[[99]], command_id=uuid.UUID(int=4711), client=1)
    rows[["id_hi", "id_lo", "client"]][699] = rows[["id_hi", "id_lo", "client"]][99]
    insert(database, rows)
    with database.connect("penstock_keeper", autocommit=True) as connection, pytest.raises(WrongPartition, match="rows 100 and 700 hold one"):
        closing.close_and_index(connection, Gathering(0), 1_000)
    assert marked(database) == []


def test_a_partition_without_some_of_its_rows_is_not_marked(database: Database) -> None:
    insert(database, make_rows(1, 1_000, np.random.default_rng(5)))
    with database.connect("penstock_admin") as connection:
        connection.execute("DELETE FROM journal_key WHERE first_seq > 500 AND first_seq < 800")
    with database.connect("penstock_keeper", autocommit=True) as connection, pytest.raises(WrongPartition, match="the key of row 561 is missing"):
        closing.close_and_index(connection, Gathering(0), 1_000)
    assert marked(database) == []


def test_keys_that_were_gathered_are_not_read_again(database: Database) -> None:
    """And what is not gathered yet is read when the partition is closed."""
    rows, gathering = make_rows(1, 1_000, np.random.default_rng(7)), Gathering(0)
    insert(database, rows[:700])
    with database.connect("penstock_keeper", autocommit=True) as connection:
        for last_seq in (400, 400, 700):
            filled = partitions.filled(connection, 0, last_seq)
            assert filled is not None
            gathering.of(filled).gather(connection, last_seq)
        with database.connect("penstock_admin") as admin:
            admin.execute("DELETE FROM journal_key WHERE first_seq < 500")
        insert(database, rows[700:])
        assert [partition.first_seq for partition in closing.close_and_index(connection, gathering, 1_000)] == [1]
        follows = connection.execute("SELECT ref_seq, seq FROM journal_follow ORDER BY seq").fetchall()
        asked = [(place, *row) for place, row in enumerate(rows[["client", "id_hi", "id_lo"]].tolist())]
        assert sorted(seq for _, seq, _ in find_ids(connection, 0, asked, [1])) == list(range(1, 1_001))
    assert follows == [(seq - 1, seq) for seq in range(3, 1_001, 3)]


def test_of_two_sessions_one_indexes(database: Database) -> None:
    """A keeper that is killed leaves a session that may still be at work."""
    insert(database, make_rows(1, 1_000, np.random.default_rng(6)))
    with (
        database.connect("penstock_keeper") as left, database.connect("penstock_keeper", autocommit=True) as connection,
        ThreadPoolExecutor(1) as thread,
    ):  # fmt: skip
        left.execute("SELECT 1")  # begins a transaction, in which all stays unfinished
        assert [partition.first_seq for partition in closing.close_and_index(left, Gathering(0), 1_000)] == [1]
        later = thread.submit(closing.close_and_index, connection, Gathering(0), 1_000)
        with database.connect() as looking:
            while not looking.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pid = %s", [connection.info.backend_pid]).fetchone():
                assert not later.done()
        left.commit()
        assert later.result(60) == [], "it was done already"
        assert connection.execute("SELECT count(*) FROM journal_ids").fetchone() == (4,)
    assert marked(database) == [(1, 10, 10_000)]
