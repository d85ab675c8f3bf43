"""The same id is the same instruction, wherever and whenever it comes again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from support.bank import Bank, same, until, wish
from support.installation import Installation

from penstock.app import wiring
from penstock.app.local import new_id
from penstock.kit import db


def test_concurrent_duplicates_over_several_connections_have_one_outcome(bank: Bank) -> None:
    payer, payee = bank.account(10_000), bank.account()
    body = wish(payer, payee, 700)
    clients = [bank.client() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda number: clients[number % 6].command("/v1/payments", body), range(24)))
    assert sum(not outcome["replayed"] for outcome in outcomes) == 1
    first = next(outcome for outcome in outcomes if not outcome["replayed"])
    assert all(outcome is first or same(first, outcome) for outcome in outcomes)
    assert bank.money(payer) == (9_300, 0)


def test_duplicates_in_one_batch_have_one_outcome(bank: Bank) -> None:
    payer, payee = bank.account(10_000), bank.account()
    one, two = {**wish(payer, payee, 5), "command": "pay"}, {**wish(payer, payee, 20_000), "command": "pay"}
    outcomes = bank.batch([one, two, one, two, one])
    assert [outcome["replayed"] for outcome in outcomes] == [False, False, True, True, True]
    assert same(outcomes[0], outcomes[2])
    assert same(outcomes[0], outcomes[4])
    assert same(outcomes[1], outcomes[3])
    assert outcomes[1]["reason"] == "insufficient_funds"
    assert bank.money(payer) == (9_995, 0)


def test_a_declined_instruction_stays_declined(bank: Bank) -> None:
    payer, payee = bank.account(10), bank.account()
    body = wish(payer, payee, 11)
    first = bank.do("/v1/payments", **body)
    bank.deposit(payer, 100)
    assert same(first, bank.do("/v1/payments", **body))
    assert bank.pay(payer, payee, 11)["state"] == "cleared"


@pytest.mark.parametrize(
    "change",
    [{"amount_minor": 8}, {"type": "bill"}, {"hold_only": True}, {"reference": "other"}, {"metadata": {"a": "b"}}],
    ids=lambda change: next(iter(change)),
)
def test_the_same_id_with_other_content_is_a_conflict(bank: Bank, change: dict[str, Any]) -> None:
    payer, payee = bank.account(100), bank.account()
    body = wish(payer, payee, 7, reference="one")
    assert bank.do("/v1/payments", **body)["state"] == "cleared"
    refused = bank.once("POST", "/v1/payments", {**body, **change})
    assert (refused.status, refused.content_type) == (409, "application/problem+json")
    assert (refused.body["reason"], refused.body["retry"]) == ("id_conflict", "new_id")
    assert bank.money(payer) == (93, 0)


def test_ids_are_of_one_client_each(bank: Bank, other: Bank) -> None:
    command_id = new_id()
    ours, theirs = (teller.do("/v1/customers", id=command_id, tier="large") for teller in (bank, other))
    assert (ours["replayed"], theirs["replayed"]) == (False, False)
    assert ours["customer"] != theirs["customer"]


@pytest.mark.parametrize(("seconds", "reason"), [(30, "id_from_future"), (-86_500, "id_expired")])
def test_ids_out_of_their_time_are_refused(bank: Bank, seconds: float, reason: str) -> None:
    payer, payee = bank.account(100), bank.account()
    body = wish(payer, payee, 7, id=new_id(seconds))
    refused = bank.once("POST", "/v1/payments", body)
    assert (refused.status, refused.body["reason"], refused.body["retry"]) == (422, reason, "new_id")
    [item] = bank.batch([{**body, "command": "pay"}])
    assert (item["status"], item["reason"], item["state"]) == (422, reason, "refused")
    assert bank.money(payer) == (100, 0)


def test_an_id_of_some_hours_ago_is_good_once(bank: Bank) -> None:
    payer, payee = bank.account(100), bank.account()
    body = wish(payer, payee, 7, id=new_id(-80_000))
    first = bank.do("/v1/payments", **body)
    assert first["state"] == "cleared"
    assert same(first, bank.do("/v1/payments", **body))


def test_duplicates_after_a_restart(bank: Bank, installation: Installation) -> None:
    payer, payee = bank.account(1_000), bank.account()
    bodies = [wish(payer, payee, amount) for amount in (10, 20_000, 30)]
    held = wish(payer, payee, 40, hold_only=True)
    first = [bank.do("/v1/payments", **body) for body in (*bodies, held)]
    killed = installation.kill("lane")
    installation.wait(lambda: installation.pid("lane") not in {None, killed})
    again = [bank.do("/v1/payments", **body) for body in (*bodies, held)]
    assert all(same(*pair) for pair in zip(first, again, strict=True))
    assert bank.once("POST", "/v1/payments", {**bodies[0], "amount_minor": 11}).body["reason"] == "id_conflict"
    assert bank.follow(first[3]["payment"], "clear")["state"] == "cleared"
    assert bank.money(payer) == (1_000 - 10 - 30 - 40, 0)


# --- what lies in partitions that are closed and indexed, and that the lane has forgotten


@pytest.fixture
def keeper(installation: Installation) -> Iterator[psycopg.Connection[Any]]:
    """A connection that reads the journal's partitions."""
    with db.connect(wiring.dsn(installation.settings, "penstock_auditor"), name="test", autocommit=True) as connection:
        yield connection


def close_partitions(bank: Bank, keeper: psycopg.Connection[Any], payer: str, payee: str) -> None:
    """Write until the rows so far lie in closed and indexed partitions, with more than one partition after them."""
    wanted = bank.pay(payer, payee, 1)["seq"]
    rows = 2 * int(bank.installation.settings.partition_rows) + 200
    for _ in range(rows // 300 + 1):
        bank.batch([{**wish(payer, payee, 1), "command": "pay"} for _ in range(300)])
    indexed = "SELECT indexed FROM journal_partition WHERE %s BETWEEN first_seq AND end_seq - 1"
    until(lambda: bool(keeper.execute(indexed, [wanted]).fetchone()[0]))  # type: ignore[index]
    seen = int(bank.pay(payer, payee, 1)["as_of_seq"])
    assert seen > wanted + 2 * int(bank.installation.settings.partition_rows)


def test_rows_of_closed_partitions_are_not_forgotten(bank: Bank, keeper: psycopg.Connection[Any]) -> None:
    payer, payee = bank.account(100_000), bank.account()
    bodies = [wish(payer, payee, 10, reference="rent"), wish(payer, payee, 200_000), wish(payer, payee, 30, hold_only=True)]
    first = [bank.do("/v1/payments", **body) for body in bodies]
    payments = {what: bank.hold(payer, payee, 50) for what in ("clear", "release", "cancel", "hold")}
    follow_up = {"id": new_id(), "amount_minor": 20}
    cleared = bank.do(f"/v1/payments/{payments['clear']}/clear", **follow_up)
    bank.follow(payments["clear"], "clear")
    bank.follow(payments["release"], "release")
    bank.follow(payments["cancel"], "cancel")
    expired = bank.hold(payer, payee, 50, hold_lifetime_s=1)
    until(lambda: bank.get(f"/v1/payments/{expired}")["state"] == "expired")
    close_partitions(bank, keeper, payer, payee)
    before = bank.money(payer)

    assert all(same(outcome, bank.do("/v1/payments", **body)) for outcome, body in zip(first, bodies, strict=True))
    assert same(cleared, bank.do(f"/v1/payments/{payments['clear']}/clear", **follow_up))
    assert bank.once("POST", "/v1/payments", {**bodies[0], "amount_minor": 11}).body["reason"] == "id_conflict"
    ended = {payments["clear"]: "payment_cleared", payments["release"]: "payment_released",
             payments["cancel"]: "payment_cancelled", expired: "payment_expired",
             first[0]["payment"]: "payment_cleared", first[1]["payment"]: "payment_declined"}  # fmt: skip
    for payment, reason in ended.items():
        for what in ("clear", "release", "cancel"):
            assert bank.follow(payment, what)["reason"] == reason
    assert bank.money(payer) == before
    assert bank.follow(payments["hold"], "clear", amount_minor=20)["state"] == "held"
    assert bank.follow(payments["hold"], "clear")["state"] == "cleared"
    assert bank.follow(payments["hold"], "cancel")["reason"] == "payment_cleared"
    events = bank.get(f"/v1/payments/{payments['clear']}")["events"]
    assert [event["command"] for event in events] == ["pay", "clear", "clear"]
    history = [entry["seq"] for entry in bank.history(payer)]
    assert first[0]["seq"] in history, "history is walked into closed partitions"
