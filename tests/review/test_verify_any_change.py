"""`penstock verify` finds any change of any column, even in a chain that was made anew."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from review.journal_maker import JournalMaker
from review.journal_rows import COLUMNS
from review.stories import life, river
from review.verifying import Verify, change_row, empty, store
from support.database import Database

BOUNDS = {"u": 0, "q": 2**63 - 1, "i": 2**31 - 1, "h": 2**15 - 1, "32s": 0, "128s": 0, "f": 0}


@pytest.fixture(scope="module", params=[river, life])
def whole(request: pytest.FixtureRequest) -> JournalMaker:
    """The journal that is spoilt."""
    made: JournalMaker = request.param()
    return made


def spoilt(journal: JournalMaker, data: st.DataObject, names: list[str]) -> tuple[int, str, Any]:
    """A row, a column and another value for it."""
    seq = data.draw(st.integers(1, len(journal.rows)))
    name = data.draw(st.sampled_from(names))
    letter = dict(COLUMNS)[name]
    old = journal.row(seq)[name]
    most = BOUNDS[letter]
    near = st.sampled_from([-1, 1, 2, 15, 1000])
    numbers = st.one_of(near.map(lambda step: old + step), st.integers(-most, most))
    strategies: dict[str, st.SearchStrategy[Any]] = {
        "u": st.uuids(), "32s": st.binary(min_size=32, max_size=32), "f": st.floats(width=32, allow_nan=False),
        "128s": st.binary(min_size=128, max_size=128),
    }  # fmt: skip
    return seq, name, data.draw(strategies.get(letter, numbers).filter(lambda value: value != old))


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_a_row_is_found(
    emptied: Database, verified: Verify, whole: JournalMaker, data: st.DataObject
) -> None:
    with emptied.connect("penstock_admin") as connection:
        found = connection.execute("SELECT last_seq FROM lane").fetchone()
    if found is None or found[0] != len(whole.rows):
        empty(emptied)
        store(emptied, whole)
    names = [name for name, _ in COLUMNS if name not in {"lane", "seq"}]
    seq, name, value = spoilt(whole, data, names)
    change_row(emptied, seq, **{name: value})
    try:
        report = verified()
    finally:
        change_row(emptied, seq, **{name: whole.row(seq)[name]})
    batch = next(batch for batch in whole.batches if batch[0]["seq"] <= seq <= batch[-1]["seq"])
    assert report.lanes[0].findings.counts["digest"] == 1  # it may lie behind the hundred findings that are told
    assert batch[0]["seq"] <= report.findings[0].until_seq <= batch[-1]["seq"]


#: What is derived from other columns, so that a change shows even when all digests are made anew.
DERIVED = [
    "time_us", "held_minor", "moved_minor", "fee_minor", "limit_minor", "ref_prev_seq", "payer_prev_seq",
    "payee_prev_seq", "fee_prev_seq", "side_hash", "business_day", "policy_version", "limit_count", "payer_account",
    "left_minor", "model_version", "feature_registry", "was", "verification", "from_us",
]  # fmt: skip


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_change_shows_even_in_a_rewritten_chain(
    emptied: Database, verified: Verify, whole: JournalMaker, data: st.DataObject
) -> None:
    journal = whole.copy()
    seq, name, value = spoilt(journal, data, DERIVED)
    if name == "time_us":
        seq = max(seq, 2)
        value = journal.row(seq - 1)["time_us"] - 1
    journal.row(seq)[name] = value
    empty(emptied)
    store(emptied, journal)
    assert not verified().ok
