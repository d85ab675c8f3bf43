"""The whole life of a payment over HTTP, on a real lane: give back, arrive later, review, freeze, close, correct."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.database import Database
from support.edge import Api, make_world, new_id, pay, until
from support.lanes import policy_toml
from support.life import life_policy
from support.people import Staff, hire

WHY = {"reason": "court order 7"}


@pytest.fixture
def staff(database: Database, home: Path) -> Iterator[Staff]:
    """A lane with reviews and a sandbox, an edge, and people who decide and approve."""
    (home / "policy.toml").write_text(policy_toml(life_policy()), "utf-8")
    world = make_world(database, home, sandbox=1)
    yield hire(world, database)
    world.stop_lane()


async def do(api: Api, path: str, caller: str = "shop", **body: Any) -> tuple[int, dict[str, Any]]:
    """Send a command under a new id, if none is given."""
    answer = await api.post(path, {"id": new_id(), **body}, caller)
    return answer.status_code, answer.json()


async def approved(api: Api, answer: tuple[int, dict[str, Any]], *people: str) -> dict[str, Any]:
    """What came of a request for approval once these people have approved it."""
    status, asked = answer
    assert (status, asked["status"]) == (202, "pending"), asked
    for person in people:
        last = await api.post(f"/v1/approvals/{asked['request']}/approve", {}, person)
        assert last.status_code == 200, last.text
    outcome: dict[str, Any] = last.json()["outcome"]
    return outcome


async def money(api: Api, account: str, caller: str = "shop") -> tuple[int, int]:
    view = (await api.get(f"/v1/accounts/{account}", caller)).json()
    return view["available_minor"], view["held_minor"]


def test_refunds_in_parts_never_exceed_what_was_cleared(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account(caller="other")
        paid = (await api.post("/v1/payments", pay(payer, payee, 700))).json()
        assert (paid["state"], paid["refundable_minor"]) == ("cleared", 700)
        path = f"/v1/payments/{paid['payment']}"
        status, part = await do(api, f"{path}/refund", "other", amount_minor=200, reference="scratched")
        assert (status, part["state"], part["moved_minor"], part["refundable_minor"]) == (201, "cleared", 200, 500)
        assert (part["payer"], part["payee"], part["payment"]) == (payee, payer, paid["payment"])
        status, above = await do(api, f"{path}/refund", amount_minor=501)
        assert (status, above["reason"]) == (422, "amount_above_left")
        status, rest = await do(api, f"{path}/return")
        assert (rest["command"], rest["state"], rest["moved_minor"], rest["refundable_minor"]) == ("return", "returned", 500, 0)
        assert (await do(api, f"{path}/refund"))[1]["reason"] == "payment_returned"
        view = (await api.get(path)).json()
        assert (view["cleared_minor"], view["given_back_minor"], view["refundable_minor"]) == (700, 700, 0)
        assert [event["command"] for event in view["events"]] == ["pay", "refund", "return"]
        assert [event["reference"] for event in view["events"]] == [None, "scratched", None]
        assert await money(api, payer) == (10_000, 0)

    staff.run(journey)


def test_concurrent_refunds_above_capture(staff: Staff) -> None:
    """Known from others: two refunds at once give back more than was captured."""

    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account(5_000)
        payment = (await api.post("/v1/payments", pay(payer, payee, 700))).json()["payment"]
        tries = [do(api, f"/v1/payments/{payment}/refund", amount_minor=300) for _ in range(20)]
        outcomes = [outcome for _, outcome in await asyncio.gather(*tries)]
        assert sorted(outcome["reason"] for outcome in outcomes) == ["amount_above_left"] * 18 + ["ok"] * 2
        assert await money(api, payer) == (9_900, 0)
        view = (await api.get(f"/v1/payments/{payment}")).json()
        assert (view["state"], view["given_back_minor"], view["refundable_minor"]) == ("cleared", 600, 100)

    staff.run(journey)


def test_a_refund_belongs_to_payer_and_payee_and_a_chargeback_to_the_operator(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account(1_000)
        payment = (await api.post("/v1/payments", pay(payer, payee, 700))).json()["payment"]
        path = f"/v1/payments/{payment}"
        assert (await do(api, f"{path}/refund", "other"))[1]["reason"] == "payment_unknown"
        assert (await do(api, f"{path}/chargeback"))[0] == 403
        status, back = await do(api, f"{path}/chargeback", "anna", amount_minor=100)
        assert (status, back["moved_minor"], back["fee_minor"]) == (201, 100, 5 + 1)
        assert await money(api, payee) == (1_000 + 700 - 100 - 6, 0)
        items = [{"command": what, "id": new_id(), "payment": payment, "amount_minor": 10} for what in ("refund", "return")]
        batch = (await api.post("/v1/batch", items)).json()
        assert [(o["status"], o["refundable_minor"]) for o in batch] == [(201, 590), (201, 580)]
        view = (await api.get(path)).json()
        assert (view["fee_minor"], view["given_back_minor"], view["refundable_minor"]) == (0, 120, 580)

    staff.run(journey)


def test_a_deposit_is_a_payment(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        account = await api.account()
        body = {"id": new_id(), "account": account, "amount_minor": 500, "currency": "CNY", "reference": "salary"}
        deposit = (await api.post("/v1/deposits", body)).json()
        assert (deposit["state"], deposit["refundable_minor"], deposit["payee"]) == ("cleared", 500, account)
        again = (await api.post("/v1/deposits", body)).json()
        assert again == {**deposit, "replayed": True, "as_of_seq": again["as_of_seq"]}
        view = (await api.get(f"/v1/payments/{deposit['payment']}")).json()
        assert (view["command"], view["state"], view["reference"]) == ("deposit", "cleared", "salary")
        entries = (await api.get(f"/v1/accounts/{account}/entries")).json()["entries"]
        assert entries[0]["payment"] == deposit["payment"]
        status, refund = await do(api, f"/v1/payments/{deposit['payment']}/refund")
        assert (status, refund["reason"]) == (422, "rail_not_offered")
        to = {"name": "Anna", "account": "DE89370400440532013000", "agent": "COBADEFFXXX"}
        status, out = await do(api, "/v1/withdrawals", account=account, amount_minor=100, currency="CNY", to=to)
        assert (status, out["reason"]) == (422, "rail_not_offered")
        assert (await api.get(f"/v1/payments/{out['payment']}")).json()["to"] == to

    staff.run(journey)


def test_a_payment_that_arrives_later_can_be_cancelled(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        delayed = (await api.post("/v1/payments", pay(payer, payee, 700, arrival="ordinary"))).json()
        assert (delayed["state"], delayed["held_minor"]) == ("delayed", 700)
        made, due = (datetime.fromisoformat(delayed[name]) for name in ("time", "expires"))
        assert due - made == timedelta(seconds=120)
        path = f"/v1/payments/{delayed['payment']}"
        view = (await api.get(path)).json()
        assert (view["arrival"], view["state"], view["expires"]) == ("ordinary", "delayed", delayed["expires"])
        assert (await do(api, f"{path}/refund"))[1]["reason"] == "payment_delayed"
        assert (await do(api, f"{path}/cancel"))[1]["state"] == "cancelled"
        assert (await api.get(path)).json()["expires"] is None
        wrong = await api.post("/v1/payments", pay(payer, payee, 700, arrival="next_day", hold_only=True))
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "arrival")

    staff.run(journey)


def test_a_review_is_decided_and_a_large_one_by_two_people(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        waiting = [(await api.post("/v1/payments", pay(payer, payee, amount))).json() for amount in (901, 902, 1_501)]
        assert {outcome["state"] for outcome in waiting} == {"review"}
        yes, no, large = (f"/v1/payments/{outcome['payment']}/review-decision" for outcome in waiting)
        assert (await do(api, yes, "anna", decision="approve"))[0] == 403
        assert (await do(api, yes, "rita", decision="approve"))[1]["state"] == "cleared"
        status, rejected = await do(api, no, "rita", decision="reject", reason="a known fraudster")
        assert (status, rejected["state"], rejected["held_minor"]) == (201, "rejected", -902)
        assert (await do(api, yes, "rita", decision="approve"))[1]["reason"] == "payment_not_in_review"
        asked = await do(api, large, "rita", decision="approve", reason="the payer confirmed it")
        path = f"/v1/payments/{waiting[2]['payment']}"
        [pending] = (await api.get(path, "rita")).json()["approvals_pending"]
        assert (pending["request"], pending["summary"]["decision"]) == (asked[1]["request"], "approve")
        assert (await api.get(path)).json()["approvals_pending"] == []
        assert (await approved(api, asked, "bo"))["state"] == "cleared"
        told = (await api.get(path, "rita")).json()["events"][-1]["told"]
        assert told == {"maker": "rita", "approvers": ["bo"], "why": "the payer confirmed it"}
        assert (await api.get(path)).json()["events"][-1]["told"] is None

    staff.run(journey)


def test_a_freeze_ends_by_approval_only(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        path, end = f"/v1/accounts/{payer}", datetime.now(UTC) + timedelta(days=3)
        status, frozen = await do(api, f"{path}/freeze", "anna", side="debit", until=end.isoformat(), **WHY)
        assert (status, frozen["state"], frozen["account"]) == (201, "done", payer)
        assert datetime.fromisoformat(frozen["expires"]) == end
        status, refused = await do(api, "/v1/payments", **pay(payer, payee, 5))
        assert (status, refused["reason"], refused["retry"]) == (409, "payer_frozen", "later")
        [freeze] = (await api.get(path)).json()["freezes"]
        assert (freeze["side"], datetime.fromisoformat(freeze["until"])) == ("debit", end)
        sooner = datetime.now(UTC) + timedelta(days=1)
        status, shorter = await do(api, f"{path}/freeze", "anna", side="debit", until=sooner.isoformat(), **WHY)
        assert (status, shorter["reason"]) == (403, "approvals_missing")
        assert (await do(api, f"{path}/unfreeze", side="debit", **WHY))[0] == 403
        asked = await do(api, f"{path}/unfreeze", "anna", side="debit", reason="the order was lifted")
        [pending] = (await api.get(path, "anna")).json()["approvals_pending"]
        assert pending["summary"] == {
            "command": "set_account", "account": payer, "side": "debit", "reason": "the order was lifted",
        }  # fmt: skip
        assert (await approved(api, asked, "bo"))["reason"] == "ok"
        assert (await api.get(path)).json()["freezes"] == []
        assert (await do(api, "/v1/payments", **pay(payer, payee, 5)))[1]["state"] == "cleared"
        last = (await api.get(f"{path}/entries", "anna")).json()["entries"][1]
        assert (last["command"], last["told"]["approvers"], last["told"]["why"]) == ("set_account", ["bo"], "the order was lifted")

    staff.run(journey)


def test_a_client_freezes_its_own_accounts_and_no_others(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        mine, payee = await api.account(1_000), await api.account()
        status, frozen = await do(api, f"/v1/accounts/{mine}/freeze", side="amount", amount_minor=900, **WHY)
        assert (status, frozen["amount_minor"]) == (201, 900)
        assert (await do(api, "/v1/payments", **pay(mine, payee, 101)))[1]["reason"] == "funds_frozen"
        assert (await do(api, "/v1/payments", **pay(mine, payee, 100)))[1]["state"] == "cleared"
        assert (await do(api, f"/v1/accounts/{mine}/freeze", "other", side="all", **WHY))[1]["reason"] == "account_unknown"
        assert (await do(api, f"/v1/accounts/{mine}/freeze", "reader", side="all", **WHY))[0] == 403
        assert (await do(api, f"/v1/accounts/{mine}/freeze", side="all"))[1]["errors"][0]["field"] == "reason"

    staff.run(journey)


def test_credit_to_a_closed_account_goes_to_suspense_and_can_be_moved(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        full, empty, other = await api.account(500), await api.account(), await api.account()
        assert (await do(api, f"/v1/accounts/{full}/close"))[1]["reason"] == "account_not_empty"
        assert (await do(api, f"/v1/accounts/{empty}/close", reason="moved away"))[1]["state"] == "done"
        view = (await api.get(f"/v1/accounts/{empty}")).json()
        assert (view["closed"], view["kind"]) == (True, "customer")
        assert (await do(api, "/v1/payments", **pay(full, empty, 5)))[1]["reason"] == "payee_closed"
        status, deposit = await do(api, "/v1/deposits", account=empty, amount_minor=70, currency="CNY")
        assert (status, deposit["to_suspense"], deposit["payee"] == empty) == (201, True, False)
        body = {"account": other, "amount_minor": 70, "currency": "CNY", "reason": "meant for the other account"}
        assert (await do(api, "/v1/suspense/move", **body))[0] == 403
        asked = await do(api, "/v1/suspense/move", "anna", **body)
        assert asked[1]["object"] == {"kind": "account", "id": other}
        moved = await approved(api, asked, "bo")
        assert moved["reason"] == "ok"
        assert await money(api, other) == (70, 0)
        unknown = await do(api, "/v1/suspense/move", "anna", **{**body, "account": other[:-1]})
        assert unknown[0] == 422

    staff.run(journey)


def test_tier_and_own_limits_of_a_customer(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000, tier="small"), await api.account()
        path = f"/v1/customers/{api.made[payer]}"
        limit = {"type": "transfer", "currency": "CNY", "limit": "single", "reason": "asked for by the customer"}
        asked = await do(api, f"{path}/limits", "anna", value=50, **limit)
        assert (asked[1]["needed"], asked[1]["operation"]) == (2, "limits")
        [pending] = (await api.get(path, "anna")).json()["approvals_pending"]
        assert (pending["summary"]["limit"], pending["summary"]["value"]) == ("single", 50)
        assert (await approved(api, asked, "bo", "chen"))["reason"] == "ok"
        assert (await do(api, "/v1/payments", **pay(payer, payee, 51)))[1]["reason"] == "limit_single"
        view = (await api.get(path)).json()
        assert view["own_limits"] == [{"type": "transfer", "currency": "CNY", "limit": "single", "value": 50, "until": None}]
        [transfer] = [seen for seen in view["limits"] if seen["type"] == "transfer"]
        assert (transfer["single_minor"], transfer["day_amount_minor"]["limit"]) == (50, 5_000)
        gone = await do(api, f"{path}/limits", "anna", remove=True, **limit)
        assert (await approved(api, gone, "bo", "chen"))["reason"] == "ok"
        assert (await api.get(path)).json()["own_limits"] == []
        asked = await do(api, f"{path}/tier", "anna", tier="large", reason="verified in person")
        assert (await approved(api, asked, "chen", "bo"))["reason"] == "ok"
        assert (await api.get(path)).json()["tier"] == "large"
        assert (await do(api, f"/v1/customers/{api.made[payer][:-1]}/tier", "anna", tier="large", **WHY))[0] == 422

    staff.run(journey)


def test_a_duplicate_is_reversed_with_approval(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        payment = (await api.post("/v1/payments", pay(payer, payee, 700))).json()["payment"]
        path = f"/v1/payments/{payment}"
        asked = await do(api, f"{path}/recover", "anna", correction="reverse", reason="charged twice")
        assert (await approved(api, asked, "bo"))["state"] == "reversed"
        assert await money(api, payer) == (10_000, 0)
        finished = await do(api, f"{path}/recover", "anna", correction="finish_paid", reason="charged twice")
        assert (await approved(api, finished, "bo"))["reason"] == "payment_reversed"
        body = {"correction": "reverse", "reason": "again"}
        header = {"idempotency-key": '"case 12"'}
        first, again = [await api.post(f"{path}/recover", body, "anna", **header) for _ in range(2)]
        assert (first.status_code, again.json()) == (202, first.json())

    staff.run(journey)


def test_the_number_of_approvers_is_lowered_by_approval_only(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        rules = (await api.get("/v1/approval-rules", "anna")).json()["approvers"]
        assert rules == {"limits": 2, "unfreeze": 1, "review": 1, "recover": 1, "approvals": 2, "publish": 1}
        path = "/v1/approval-rules"
        assert (await do(api, path, operation="unfreeze", approvers=2, **WHY))[0] == 403
        assert (await do(api, path, "anna", operation="unfreeze", approvers=2, **WHY))[0] == 201
        assert (await do(api, path, "anna", operation="unfreeze", approvers=4, **WHY))[1]["reason"] == "approvers_out_of_bounds"

        async def known() -> bool:
            status, asked = await do(api, path, "anna", operation="unfreeze", approvers=0, **WHY)
            return status == 202 and bool(await approved(api, (status, asked), "bo", "chen"))

        await until(known)
        assert (await api.get(path, "anna")).json()["approvers"]["unfreeze"] == 0
        account = await api.account()
        await do(api, f"/v1/accounts/{account}/freeze", "anna", side="all", **WHY)

        async def at_once() -> bool:
            return (await do(api, f"/v1/accounts/{account}/unfreeze", "anna", side="all", **WHY))[0] == 201

        await until(at_once)

    staff.run(journey)


def test_a_sandbox_does_as_the_reference_says(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        for state in ("held", "delayed", "review"):
            outcome = (await api.post("/v1/payments", pay(payer, payee, 5, reference=f"sandbox:{state}"))).json()
            assert (outcome["state"], "expires" in outcome) == (state, True)
        status, declined = await do(api, "/v1/payments", **pay(payer, payee, 5, reference="sandbox:payee_frozen"))
        assert (status, declined["reason"], declined["state"]) == (409, "payee_frozen", "declined")
        wrong = await api.post("/v1/payments", pay(payer, payee, 5, reference="sandbox:luck"))
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "reference")

    staff.run(journey)
