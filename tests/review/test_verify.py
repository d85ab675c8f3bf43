"""`penstock verify` passes what is right, and finds and names each planted fault."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from review.checkpoint_maker import ACCOUNTS, make_tables
from review.journal_maker import COLUMNS, DAY_US, JournalMaker, encode, write_checkpoint
from support.database import Database

from penstock.contracts import row as contract
from penstock.contracts.commands import Kind, PaymentType
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.kit import postgres
from penstock.review.verify import audit, columns
from penstock.review.verify.actions import Request, verify
from penstock.review.verify.read import CannotVerify
from penstock.review.verify.report import Report, as_json, as_words

BATCHES = 5
Verify = Callable[..., Report]


def river() -> JournalMaker:
    """A journal in which everything happens, over two days, in five batches."""
    journal = JournalMaker()
    a, b = journal.fund(), journal.fund()
    merchant = journal.fund(tier=1, code="USD")
    other = journal.open_account(journal.open_customer(tier=1), "USD")
    journal.open_account(1, "CNY")
    journal.commit()
    journal.pay(a, b, 1000, side=b"reference 1")
    journal.pay(b, a, 5000, PaymentType.PURCHASE, side=b"reference 2")
    journal.withdraw(a, 3333)
    journal.pay(merchant, other, 777)
    journal.decline(a, b, 9_999_999)
    first = journal.hold(a, b, 10_000, PaymentType.PURCHASE)
    second = journal.hold(b, a, 7777)
    journal.commit()
    journal.clear(first, 3333)
    journal.release(first, 1000)
    journal.cancel(second)
    journal.refuse(Kind.CLEAR, second, Reason.PAYMENT_CANCELLED)
    third = journal.hold(a, b, 555, PaymentType.PURCHASE)
    fourth = journal.hold(a, b, 900)
    fifth = journal.hold(b, a, 4444, PaymentType.PURCHASE, lifetime_us=2 * DAY_US)
    journal.commit()
    journal.clear(first, 100, release_rest=True)
    journal.clear(fourth)
    journal.refuse(Kind.RELEASE, fifth, Reason.AMOUNT_ABOVE_HOLD, amount=99_999)
    journal.expire(third)
    journal.refuse(Kind.CANCEL, 0, Reason.PAYMENT_UNKNOWN)
    journal.clear(fifth, 1111)
    journal.commit()
    journal.wait(DAY_US)
    journal.release(fifth, 2222)
    journal.pay(a, b, 12)
    journal.hold(a, b, 3000, PaymentType.PURCHASE)
    journal.withdraw(b, 1)
    journal.commit()
    assert len(journal.batches) == BATCHES
    return journal


@pytest.fixture(scope="module")
def shared(server: postgres.PostgresServer, template: str) -> Iterator[Database]:
    """One database for all tests here: making one takes longer than verifying it."""
    with psycopg.connect(server.dsn(postgres.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE verified TEMPLATE {template}")
        yield Database(server, "verified")
        connection.execute("DROP DATABASE verified WITH (FORCE)")


@pytest.fixture
def database(shared: Database) -> Database:
    """The shared database, emptied."""
    with shared.connect("penstock_admin") as connection:
        connection.execute("TRUNCATE lane, journal, journal_batch, journal_side")
    return shared


@pytest.fixture
def verified(database: Database, home: Path) -> Verify:
    """Verify the test's database; whoever does not ask for a head gets every one."""

    def run(head: str | None = None, *, checkpoint: bool = True) -> Report:
        folder = home / "heads"
        request = Request(folder, home / "checkpoints", folder / "public.pem", head, checkpoint)
        return verify(lambda: database.connect("penstock_auditor"), request)

    return run


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "CHUNK_ROWS", 7)


def store(database: Database, journal: JournalMaker) -> None:
    with database.connect("penstock_admin") as connection:
        journal.store(connection)


def change(database: Database, statement: str, *values: Any) -> None:
    """Do what only a superuser of the database can."""
    with database.connect("penstock_admin") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement, values)


def checks(report: Report) -> set[str]:
    return {finding.check for finding in report.findings}


def test_canonical_encoding_is_the_contracts() -> None:
    assert {n: contract.ROW.fields[n][1] for n in contract.ROW.names} == {  # type: ignore[index,union-attr]
        n: columns.CANONICAL.fields[n][1]
        for n in columns.CANONICAL.names  # type: ignore[index,union-attr]
    }
    assert columns.CANONICAL.itemsize == contract.ROW.itemsize == len(encode(river().rows[3]))
    assert [name for name, _ in COLUMNS if name != "lane"] == list(columns.SELECTED)


@pytest.mark.parametrize("chunks", ["one", "many"])
def test_a_right_journal_passes(
    database: Database, home: Path, verified: Verify, chunks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chunks == "many":
        monkeypatch.setattr(audit, "CHUNK_ROWS", 3)
    journal = river()
    store(database, journal)
    journal.sign_heads(home)
    write_checkpoint(home, journal, make_tables(journal))
    report = verified()
    assert not report.findings, "\n".join(as_words(report, 1.0))
    assert not report.more
    assert report.heads == BATCHES
    lane = report.lanes[0]
    assert (lane.rows, lane.batches, lane.compared_segments) == (len(journal.rows), BATCHES, 5)
    assert lane.digest == journal.digests()[-1].hex()
    assert set(lane.sums.values()) == {0}


def test_an_empty_database_passes(verified: Verify) -> None:
    assert verified().ok


def test_several_lanes_are_verified_apart(database: Database, verified: Verify) -> None:
    second = JournalMaker(lane=3)
    second.pay(second.fund(), second.fund(), 5)
    second.commit()
    store(database, river())
    with database.connect("penstock_admin") as connection:
        connection.execute("CREATE TABLE rows_3 PARTITION OF journal FOR VALUES FROM (3, 1) TO (3, 1000)")
        connection.execute("CREATE TABLE sides_3 PARTITION OF journal_side FOR VALUES FROM (3, 1) TO (3, 1000)")
    store(database, second)
    assert [lane.lane for lane in verified().lanes] == [0, 3]
    change(database, "UPDATE journal SET moved_minor = moved_minor + 1 WHERE lane = 3 AND seq = %s", len(second.rows))
    assert {finding.lane for finding in verified().findings} == {3}
    change(database, "DROP TABLE rows_3, sides_3")


COLUMNS_OF_MONEY = ["amount_minor", "held_minor", "moved_minor", "fee_minor", "limit_minor"]


@pytest.mark.parametrize("column", COLUMNS_OF_MONEY)
def test_a_planted_cent_is_found(database: Database, verified: Verify, column: str) -> None:
    journal = river()
    store(database, journal)
    seq = next(row["seq"] for row in journal.rows if row["kind"] == Kind.CLEAR and row["state"] == State.HELD)
    change(database, f"UPDATE journal SET {column} = {column} + 1 WHERE seq = %s", seq)
    report = verified()
    assert report.findings[0].seq == seq
    assert "digest" in checks(report)


@pytest.mark.usefixtures("small_chunks")
def test_a_deleted_row_is_found(database: Database, verified: Verify) -> None:
    journal = river()
    store(database, journal)
    for seq in (30, 7):  # one in the middle, one in front of it and at the end of a chunk
        change(database, "DELETE FROM journal WHERE seq = %s", seq)
        first = verified().findings[0]
        assert (first.check, first.seq) == ("sequence", seq)
        assert f"Row {seq} is missing" in first.sentence


def test_two_swapped_rows_are_found(database: Database, verified: Verify) -> None:
    store(database, river())
    for old, new in ((28, 900), (29, 28), (900, 29)):
        change(database, "UPDATE journal SET seq = %s WHERE seq = %s", new, old)
    report = verified()
    assert report.findings[0].seq == 28
    assert {"time", "digest", "links"} <= checks(report)


def test_a_cut_tail_is_found_by_a_signed_head(database: Database, home: Path, verified: Verify) -> None:
    journal = river()
    journal.sign_heads(home)
    journal.batches.pop()
    store(database, journal)
    report = verified()
    last = journal.rows[-1]["seq"]
    assert checks(report) == {"heads"}
    assert report.findings[0].seq == last + 1
    assert "was cut" in report.findings[0].sentence
    assert checks(verified("latest")) == {"heads"}
    assert checks(verified(str(home / "heads" / "2026-01-02.jsonl"))) == {"heads"}
    shutil.rmtree(home / "heads")
    report = verified()  # inside the database nothing shows it
    assert report.ok
    assert any("cut tail" in note for note in report.notes)
    with pytest.raises(CannotVerify, match="no signed head"):
        verified("latest")


def test_a_tail_that_is_cut_in_one_table_only_is_found(database: Database, verified: Verify) -> None:
    journal = river()
    store(database, journal)
    last = journal.rows[-1]["seq"]
    change(database, "DELETE FROM journal WHERE seq = %s", last)
    assert verified().findings[0].seq == last
    change(database, "UPDATE lane SET last_seq = %s", last - 3)
    report = verified()
    assert last - 3 <= report.findings[0].seq <= last - 2
    assert {"sequence", "lane"} <= checks(report)


def test_a_rewritten_chain_is_found_by_a_signed_head(database: Database, home: Path, verified: Verify) -> None:
    journal = river()
    journal.sign_heads(home)
    row = journal.row(24)
    row["fingerprint"] += 1  # nothing else depends on it
    store(database, journal)
    report = verified()
    assert checks(report) == {"heads"}
    assert "rewritten" in report.findings[0].sentence
    ends = [batch[-1]["seq"] for batch in journal.batches]
    assert [finding.seq for finding in report.findings] == [seq for seq in ends if seq >= 24]


@pytest.mark.parametrize("key", ["digest", "seq", "time_us", "key", "signature", "lane"])
def test_a_forged_head_is_found(database: Database, home: Path, verified: Verify, key: str) -> None:
    journal = river()
    store(database, journal)
    journal.sign_heads(home)
    file = home / "heads" / "2026-01-02.jsonl"
    lines = file.read_text().splitlines()
    head = json.loads(lines[1])
    head[key] = head[key][::-1] if isinstance(head[key], str) else head[key] + 1
    lines[1] = json.dumps(head)
    file.write_text("\n".join([*lines, "{}", ""]))
    report = verified()
    assert checks(report) == {"heads"}
    assert report.more + len(report.findings) == 2  # the forged one, and the line that is none


def test_the_torn_last_line_of_the_heads_is_no_finding(database: Database, home: Path, verified: Verify) -> None:
    journal = river()
    store(database, journal)
    journal.sign_heads(home)
    with (home / "heads" / "2026-01-02.jsonl").open("a") as file:
        file.write('{"lane": 0, "se')
    assert verified().ok


@pytest.mark.parametrize("link", ["payer_prev_seq", "payee_prev_seq", "fee_prev_seq", "ref_prev_seq"])
def test_a_broken_link_is_found(database: Database, verified: Verify, link: str) -> None:
    journal = river()
    row = next(row for row in reversed(journal.rows) if row[link] > 0)
    row[link] -= 1
    store(database, journal)
    report = verified()
    assert checks(report) == {"links"}
    assert [finding.seq for finding in report.findings] == [row["seq"]]


@pytest.mark.usefixtures("small_chunks")
def test_a_repeated_id_is_found(database: Database, verified: Verify) -> None:
    journal = river()
    journal.row(30)["command_id"] = journal.row(22)["command_id"]
    journal.row(25)["command_id"] = journal.row(22)["command_id"]
    store(database, journal)
    report = verified()
    assert [(f.check, f.seq, f.expected) for f in report.findings] == [("ids", 25, 22), ("ids", 30, 22)]


def test_a_changed_side_record_is_found(database: Database, verified: Verify) -> None:
    journal = river()
    store(database, journal)
    seq = next(s for s, body in journal.sides.items() if body == b"reference 1")
    change(database, "UPDATE journal_side SET body = 'reference 9' WHERE seq = %s", seq)
    assert [(f.check, f.seq) for f in verified().findings] == [("side_records", seq)]
    change(database, "DELETE FROM journal_side WHERE seq = %s", seq)
    assert "is missing" in verified().findings[0].sentence
    change(
        database,
        "INSERT INTO journal_side VALUES (0, %s, 'reference 1'), (0, %s, 'more'), (0, 999, 'beyond')",
        seq,
        seq + 2,
    )
    assert [f.seq for f in verified().findings] == [seq + 2, 999]
    change(database, "UPDATE journal SET side_hash = substring(side_hash for 31) WHERE seq = %s", seq)
    assert verified().findings[0].seq == seq


def test_a_policy_that_cannot_be_read_is_found(database: Database, verified: Verify) -> None:
    journal = river()
    store(database, journal)
    change(database, "UPDATE journal_side SET body = '{}' WHERE seq = 1")
    assert {"policy", "side_records"} <= checks(verified())


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (lambda journal, a, b: journal.pay(a, b, 500_001), "limit of a single one is 500000"),
        (lambda journal, a, b: [journal.pay(a, b, 500_000) for _ in range(3)][-1], "day_amount to 1500000"),
        (
            lambda journal, a, b: [journal.pay(a, b, 500_000, PaymentType.PURCHASE) for _ in range(5)][-1],
            "day_amount to 2500000",
        ),
        (lambda journal, a, b: [journal.pay(a, b, 1) for _ in range(201)][-1], "day_count to 201"),
        (lambda journal, a, b: journal.pay(a, b, 5, PaymentType.BILL), "not offered"),
    ],
)
def test_a_payment_over_a_limit_is_found(
    database: Database, verified: Verify, plan: Callable[..., int], sentence: str
) -> None:
    journal = JournalMaker()
    a, b = journal.fund(amount=9_000_000), journal.fund()
    seq = plan(journal, a, b)
    journal.commit()
    store(database, journal)
    report = verified()
    assert checks(report) == {"limits"}
    assert report.findings[0].seq == seq
    assert sentence in report.findings[0].sentence


def test_a_limit_given_back_may_be_used_again_and_starts_anew_each_day(database: Database, verified: Verify) -> None:
    journal = JournalMaker()
    a, b = journal.fund(amount=90_000_000), journal.fund()
    for _ in range(3):
        holds = [journal.hold(a, b, 500_000) for _ in range(2)]
        journal.clear(holds[0], 100_000, release_rest=True)
        journal.pay(a, b, 400_000)
        journal.release(holds[1], 300_000)
        journal.pay(a, b, 300_000)
        journal.cancel(holds[1])
        journal.commit()
        journal.wait(DAY_US)
    over = journal.pay(a, b, 400_000), journal.pay(a, b, 500_000), journal.pay(a, b, 100_001)
    journal.commit()
    store(database, journal)
    assert [(f.check, f.seq) for f in verified().findings] == [("limits", over[-1])]


def test_a_policy_counts_from_its_row_on(database: Database, verified: Verify) -> None:
    journal = JournalMaker()
    a, b = journal.fund(), journal.fund()
    journal.pay(a, b, 5)
    strict = [{**r, "single": 4} for r in _rules(journal)]
    journal.publish(_with_rules(journal, strict))
    seq = journal.pay(a, b, 5)
    journal.commit()
    store(database, journal)
    assert {(f.check, f.seq) for f in verified().findings} == {("limits", seq)}


def _rules(journal: JournalMaker) -> list[dict[str, Any]]:
    return list(json.loads(journal.policy.canonical())["limits"])


def _with_rules(journal: JournalMaker, rules: list[dict[str, Any]]) -> Any:
    import msgspec

    return msgspec.convert(json.loads(journal.policy.canonical()) | {"limits": rules}, type(journal.policy))


LIFE: list[tuple[str, Callable[[JournalMaker, int, int], int], str]] = [
    ("overdrawn", lambda j, a, b: j.pay(a, b, 400_000), "balances"),
    ("cleared twice", lambda j, a, b: _clear_again(j, j.hold(a, b, 500)), "payments"),
    ("cleared above the hold", lambda j, a, b: j.clear(j.hold(a, b, 500), 501), "authorised"),
    ("cleared after the end", lambda j, a, b: _late(j, j.hold(a, b, 500)), "expiry"),
    ("never expired", lambda j, a, b: _forgotten(j, j.hold(a, b, 500)), "expiry"),
    ("the wrong reason", lambda j, a, b: j.refuse(Kind.CANCEL, _ended(j, a, b), Reason.PAYMENT_EXPIRED), "payments"),
    (
        "another client",
        lambda j, a, b: j.refuse(Kind.CANCEL, _ended(j, a, b), Reason.PAYMENT_CANCELLED, client=2),
        "ownership",
    ),
    ("no payment at all", lambda j, *_: j.refuse(Kind.CLEAR, 3, Reason.PAYMENT_UNKNOWN), "payments"),
]


def _clear_again(journal: JournalMaker, payment: int) -> int:
    journal.clear(payment)
    journal.payments[payment] |= {"cleared": 0}
    return journal.clear(payment)


def _late(journal: JournalMaker, payment: int) -> int:
    journal.wait(600_000_001)
    return journal.clear(payment)


def _forgotten(journal: JournalMaker, payment: int) -> int:
    journal.wait(700_000_000)
    journal.decline(journal.payments[payment]["payer"], journal.payments[payment]["payee"], 1)
    return payment


def _ended(journal: JournalMaker, payer: int, payee: int) -> int:
    payment = journal.hold(payer, payee, 5)
    journal.cancel(payment)
    return payment


@pytest.mark.parametrize(("name", "plan", "check"), LIFE, ids=[name for name, _, _ in LIFE])
def test_a_wrong_life_is_found(database: Database, verified: Verify, name: str, plan: Any, check: str) -> None:
    journal = JournalMaker()
    a, b = journal.fund(amount=300_000), journal.fund(amount=300_000)
    seq = plan(journal, a, b)
    journal.commit()
    store(database, journal)
    report = verified()
    assert report.findings[0].seq == seq, name
    assert (check, seq) in {(finding.check, finding.seq) for finding in report.findings}


CELLS = [
    *(("accounts", name) for name in ACCOUNTS[:3]), ("accounts", "open_holds"),
    *(("purses", f"{window}_{what}_any") for window in ("day", "month", "year") for what in ("amount", "count")),
    ("purses", "month_amount_transfer"), ("purses", "customer"), ("purses", "last_seq"),
    ("holds", "origin_seq"), ("holds", "cleared_minor"), ("holds", "fee_taken_minor"), ("holds", "expires_us"),
    ("customers", "tier"), ("customers", "purse_CNY"), ("customers", "accounts"), ("scalars", "accounts"),
]  # fmt: skip


def test_a_wrong_number_in_a_checkpoint_is_found(database: Database, home: Path, verified: Verify) -> None:
    journal = river()
    journal.pay(16, 17, 1)  # so that the last purse's counters are of the last day
    journal.commit()
    store(database, journal)
    right = make_tables(journal)
    for table, column in CELLS:
        tables = {name: (columns, [list(r) for r in records]) for name, (columns, records) in right.items()}
        names, records = tables[table]
        current = 1 if table == "purses" else -1
        records[current][names.index(column)] += 1
        folder = write_checkpoint(home, journal, tables)
        report = verified()
        assert checks(report) == {"checkpoint"}, (table, column)
        assert report.findings[0].seq == journal.rows[-1]["seq"]
        assert column in report.findings[0].sentence or column == "origin_seq"
        shutil.rmtree(folder)


def test_a_damaged_checkpoint_is_found_and_the_one_before_it_is_compared(
    database: Database, home: Path, verified: Verify
) -> None:
    journal = river()
    earlier = journal.copy()
    earlier.batches.pop()
    store(database, journal)
    write_checkpoint(home, earlier, make_tables(earlier))
    folder = write_checkpoint(home, journal, make_tables(journal))
    assert verified().ok
    with (folder / "purses-0.bin").open("r+b") as file:
        file.seek(500)
        file.write(b"\x01")
    report = verified()
    assert [f.check for f in report.findings] == ["checkpoint"]
    assert "damaged" in report.findings[0].sentence
    assert report.lanes[0].compared_segments == 5
    assert verified(checkpoint=False).ok
    (folder / "manifest.json").unlink()  # an unfinished one is none
    assert verified().ok


def test_a_checkpoint_of_another_chain_is_found(database: Database, home: Path, verified: Verify) -> None:
    journal = river()
    write_checkpoint(home, journal, make_tables(journal))
    journal.row(24)["fingerprint"] += 1
    store(database, journal)
    report = verified()
    assert checks(report) == {"checkpoint"}
    assert "another digest" in report.findings[0].sentence


def test_the_report_speaks_and_counts(database: Database, verified: Verify) -> None:
    journal = JournalMaker()
    a, b = journal.fund(), journal.fund()
    for _ in range(130):
        journal.pay(a, b, 1, PaymentType.BILL)
    journal.commit()
    store(database, journal)
    report = verified()
    assert len(report.findings) == 100
    assert report.more == 30
    written = as_json(report, 2.0)
    assert json.loads(json.dumps(written))["first"]["check"] == "limits"
    assert written["lanes"][0]["checks"]["limits"] == 130
    assert written["lanes"][0]["checks"]["links"] == 0
    words = as_words(report, 2.0)
    assert any("WRONG" in line and "lane 0" in line for line in words)
    assert "30 more" in words[-1]


# --- any change at all

BOUNDS = {"u": 0, "q": 2**63 - 1, "i": 2**31 - 1, "h": 2**15 - 1, "32s": 0, "f": 0}


@pytest.fixture(scope="module")
def whole() -> JournalMaker:
    return river()


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
    }  # fmt: skip
    return seq, name, data.draw(strategies.get(letter, numbers).filter(lambda value: value != old))


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_a_row_is_found(
    database: Database, verified: Verify, whole: JournalMaker, data: st.DataObject
) -> None:
    with database.connect("penstock_admin") as connection:
        if not connection.execute("SELECT 1 FROM lane").fetchone():
            whole.store(connection)
    names = [name for name, _ in COLUMNS if name not in {"lane", "seq"}]
    seq, name, value = spoilt(whole, data, names)
    change(database, f"UPDATE journal SET {name} = %s WHERE seq = %s", value, seq)
    try:
        report = verified()
    finally:
        change(database, f"UPDATE journal SET {name} = %s WHERE seq = %s", whole.row(seq)[name], seq)
    batch = next(batch for batch in whole.batches if batch[0]["seq"] <= seq <= batch[-1]["seq"])
    assert "digest" in checks(report)
    assert batch[0]["seq"] <= report.findings[0].until_seq <= batch[-1]["seq"]


#: What is derived from other columns, so that a change shows even when all digests are made anew.
DERIVED = [
    "time_us", "held_minor", "moved_minor", "fee_minor", "limit_minor", "ref_prev_seq", "payer_prev_seq",
    "payee_prev_seq", "fee_prev_seq", "side_hash", "business_day", "policy_version", "kind", "limit_count", "payer_account",
]  # fmt: skip


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_change_shows_even_in_a_rewritten_chain(
    database: Database, verified: Verify, whole: JournalMaker, data: st.DataObject
) -> None:
    journal = whole.copy()
    seq, name, value = spoilt(journal, data, DERIVED)
    if name == "time_us":
        seq = max(seq, 2)
        value = journal.row(seq - 1)["time_us"] - 1
    journal.row(seq)[name] = value
    with database.connect("penstock_admin") as connection:
        connection.execute("TRUNCATE lane, journal, journal_batch, journal_side")
        journal.store(connection)
    assert not verified().ok
