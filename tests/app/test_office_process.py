"""The office beside a lane, as `penstock serve` runs it: reviews and corrections over HTTPS, and what a kill leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest
from support.bank import Bank, until
from support.installation import BUSY, Installation, installed
from support.policies import REVIEWED, journey_policy

from penstock.app import wiring
from penstock.app.local import new_id
from penstock.kit.client import tls_context

pytestmark = pytest.mark.timeout(500)

STAFF = ("review", "control", "approve", "operate")


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    changes = {**BUSY, "review_claim_s": "600", "bank_url": "http://127.0.0.1:9", "rail_answer_s": "2"}  # nobody is there
    with installed(policy=journey_policy(datetime.now(UTC), review_deadline_s=3_600), **changes) as running:
        yield running


@pytest.fixture(scope="module")
def shop(installation: Installation) -> Iterator[Bank]:
    with Bank(installation) as made:
        yield made


@pytest.fixture(scope="module")
def li(installation: Installation) -> Iterator[Bank]:
    with Bank(installation, "back office", STAFF, owner="Li Wei") as made:
        yield made


@pytest.fixture(scope="module")
def wang(installation: Installation) -> Iterator[Bank]:
    with Bank(installation, "back office", STAFF, owner="Wang Fang") as made:
        yield made


@pytest.fixture(scope="module")
def zhao(installation: Installation) -> Iterator[Bank]:
    with Bank(installation, "back office", STAFF, owner="Zhao Min") as made:
        yield made


def dollars(shop: Bank, money: int) -> str:
    return shop.account(money, currency="USD")


def reviewed(shop: Bank, payer: str, payee: str, amount: int) -> str:
    outcome = shop.pay(payer, payee, amount, currency="USD", type="bill")
    assert outcome["state"] == "review", outcome
    return str(outcome["payment"])


def post(bank: Bank, path: str, body: Any = None) -> tuple[int, Any]:
    answer = bank.send("POST", path, {} if body is None else body)
    return answer.status, answer.body


def seen(look: Callable[[], Any]) -> Any:
    """What is there once the tails have caught up."""
    return until(look, 30)


def open_reviews(bank: Bank) -> list[str]:
    return [view["payment"] for view in bank.get("/v1/reviews")["reviews"]]


def test_a_review_goes_through_the_queue(shop: Bank, li: Bank, wang: Bank) -> None:
    payer, payee = dollars(shop, 1_000_000), dollars(shop, 0)
    empty_the_queue(li)
    before = li.get("/v1/reviews/summary")["this_hour"]
    small, large = (reviewed(shop, payer, payee, REVIEWED + extra) for extra in (1, 100_000))
    seen(lambda: {small, large} <= set(open_reviews(li)))
    assert open_reviews(li) == [large, small], "the larger expected loss comes first"
    (first,) = li.get("/v1/reviews?limit=1")["reviews"]
    assert (first["client"], first["type"], first["default"], first["expected_loss_basis"]) == ("shop", "bill", "reject", "prior")
    assert first["expected_loss_minor"] == (REVIEWED + 100_000) * 50 // 10_000
    cursor = li.get("/v1/reviews?limit=1")["next_cursor"]
    assert [view["payment"] for view in li.get(f"/v1/reviews?limit=1&cursor={cursor}")["reviews"]] == [small]

    status, claimed = post(li, "/v1/reviews/next")
    assert (status, claimed["review"]["payment"], claimed["review"]["claimed_by"]) == (200, large, "Li Wei")
    status, refused = post(wang, f"/v1/reviews/{large}/claim")
    assert (status, refused["type"], refused["claimed_by"]) == (409, "/docs#review_claimed", "Li Wei")
    status, refused = post(wang, f"/v1/payments/{large}/review-decision", {"id": new_id(), "decision": "approve"})
    assert (status, refused["type"]) == (409, "/docs#review_claimed")
    assert post(wang, "/v1/reviews/next")[1]["review"]["payment"] == small
    assert post(wang, "/v1/reviews/next")[1]["review"] is None
    assert [view["payment"] for view in wang.get("/v1/reviews?which=mine")["reviews"]] == [small]
    assert post(wang, f"/v1/reviews/{small}/unclaim")[0] == 200

    summary = li.get("/v1/reviews/summary")
    assert (summary["open"], summary["claimed"], summary["mine"]) == (2, 1, 1)
    assert summary["this_hour"] in {before + 2, 2, 1, 0}, "an hour may have begun meanwhile"
    assert summary["reviews_per_hour"] == 1_000

    assert li.follow(large, "review-decision", decision="approve")["state"] == "cleared"
    assert wang.follow(small, "review-decision", decision="reject")["state"] == "rejected"
    seen(lambda: not open_reviews(li))
    decided = {view["payment"]: view for view in li.get("/v1/reviews?which=decided")["reviews"]}
    assert [(decided[p]["outcome"], decided[p]["decided_by"], decided[p]["decided_how"]) for p in (large, small)] == [
        ("approved", "Li Wei", "person"), ("rejected", "Wang Fang", "person"),
    ]  # fmt: skip
    assert post(li, f"/v1/reviews/{large}/claim")[1]["type"] == "/docs#review_ended"


def test_only_reviewers_see_the_queue_and_only_people_claim(shop: Bank, installation: Installation) -> None:
    assert shop.send("GET", "/v1/reviews").status == 403
    assert shop.send("GET", "/v1/recoveries").status == 403
    assert post(shop, "/v1/reviews/next")[0] == 403
    with Bank(installation, "operator", ("operate",)) as operator:
        assert operator.send("GET", "/v1/reviews").status == 200
        assert post(operator, "/v1/reviews/next")[0] == 403
        for path in ("reviews?cursor=x", "reviews?limit=0", "reviews?which=none", "reviews/pay_x", "recoveries?cursor=x", "recoveries/rec_x"):
            assert operator.send("GET", f"/v1/{path}").status == 422, path


def test_a_duplicate_charge_is_found_proposed_approved_and_closed(shop: Bank, li: Bank, wang: Bank, zhao: Bank) -> None:
    payer, payee = shop.account(10_000), shop.account()
    first, second = (shop.pay(payer, payee, 700, reference="ticket 5")["payment"] for _ in range(2))
    shop.pay(payer, payee, 700, reference="ticket 6")
    (case,) = seen(lambda: [c for c in li.get("/v1/recoveries?kind=duplicate")["recoveries"] if c["payment"] == second])
    assert (case["repeats"], case["confidence"], case["reference"], case["client"]) == (first, "high", "ticket 5", "shop")
    assert case["proposed"] == {"correction": "reverse", "amount_minor": 700, "currency": "CNY", "payment": second, "account": None}
    assert case["title"]["zh"]

    path, wanted = f"/v1/recoveries/{case['recovery']}", {"id": new_id(), "reason": "the terminal sent it twice"}
    status, asked = post(li, f"{path}/propose", wanted)
    assert (status, len(asked["approvals"])) == (202, 1), asked
    assert post(li, f"{path}/propose", wanted)[1]["request"] == asked["request"], "the same id is the same request"
    assert post(wang, f"{path}/propose", {**wanted, "id": new_id()})[1]["type"] == "/docs#recovery_proposed"
    assert post(wang, f"{path}/dismiss", {"reason": "no"})[1]["type"] == "/docs#recovery_proposed"
    (request,) = asked["approvals"]
    assert (request["summary"]["correction"], request["summary"]["payment"]) == ("reverse", second)
    for approver in (wang, zhao)[: request["needed"]]:
        approver.approve(request)
    assert shop.get(f"/v1/payments/{second}")["state"] == "reversed"
    assert shop.money(payer) == (10_000 - 1_400, 0)
    closed = seen(lambda: (now := li.get(path))["state"] == "closed" and now)
    assert (closed["outcome"], closed["approvals"][0]["status"]) == ("corrected", "done")
    assert post(li, f"{path}/propose", {**wanted, "id": new_id()})[1]["type"] == "/docs#recovery_ended"


def test_a_case_that_is_none_is_dismissed_with_a_reason(shop: Bank, li: Bank) -> None:
    payer, payee = shop.account(10_000), shop.account()
    second = [shop.pay(payer, payee, 300)["payment"] for _ in range(2)][1]
    (case,) = seen(lambda: [c for c in li.get("/v1/recoveries")["recoveries"] if c["payment"] == second])
    assert case["confidence"] == "low"
    path = f"/v1/recoveries/{case['recovery']}"
    assert post(li, f"{path}/dismiss", {})[0] == 422
    status, ended = post(li, f"{path}/dismiss", {"reason": "two coffees"})
    assert (status, ended["state"], ended["closed_by"], ended["note"], ended["proposed"]) == (200, "dismissed", "Li Wei", "two coffees", None)


def test_a_withdrawal_that_the_bank_never_answered_is_finished_by_people(shop: Bank, li: Bank, wang: Bank, zhao: Bank) -> None:
    payer = shop.account(1_000)
    to = {"name": "Li Wei", "account": "CN777", "agent": "SIMBANK"}
    payment = shop.do("/v1/withdrawals", account=payer, amount_minor=400, currency="CNY", to=to)["payment"]
    (case,) = seen(lambda: [c for c in li.get("/v1/recoveries?kind=stuck_withdrawal")["recoveries"] if c["payment"] == payment])
    assert (case["proposed"], case["choices"]) == (None, ["finish_paid", "finish_unpaid"]), "nobody knows what the bank did"
    assert (case["bank"]["state"], case["bank"]["on_statement"]) == ("open", False)
    path, body = f"/v1/recoveries/{case['recovery']}", {"id": new_id(), "reason": "the bank says it has no such order"}
    status, refused = post(li, f"{path}/propose", body)
    assert (status, refused["errors"][0]["field"]) == (422, "correction")
    asked = post(li, f"{path}/propose", {**body, "correction": "finish_unpaid"})[1]
    (request,) = asked["approvals"]
    for approver in (wang, zhao)[: request["needed"]]:
        approver.approve(request)
    assert shop.get(f"/v1/payments/{payment}")["state"] == "released"
    assert shop.money(payer) == (1_000, 0)
    assert seen(lambda: (now := li.get(path))["state"] == "closed" and now)["outcome"] == "corrected"


def test_money_in_suspense_is_moved_to_whom_it_belongs(shop: Bank, li: Bank, wang: Bank, zhao: Bank) -> None:
    payer, payee = shop.account(1_000), shop.account()
    payment = shop.pay(payer, payee, 800)["payment"]
    li.freeze(payer, "credit")
    assert shop.follow(payment, "refund")["state"] == "refunded"
    (case,) = seen(lambda: [c for c in li.get("/v1/recoveries?kind=suspense")["recoveries"] if c["payment"] == payment])
    assert case["proposed"] == {"correction": "move_suspense", "amount_minor": 800, "currency": "CNY", "payment": None, "account": payer}
    path, body = f"/v1/recoveries/{case['recovery']}", {"id": new_id(), "reason": "the freeze has ended"}
    assert post(li, f"{path}/propose", {**body, "correction": "reverse"})[0] == 422
    status, asked = post(li, f"{path}/propose", body)
    assert status == 202, asked
    unfreeze = li.do(f"/v1/accounts/{payer}/unfreeze", side="credit", reason="a test")
    for request in (unfreeze, asked["approvals"][0]):
        for approver in (wang, zhao)[: request["needed"]]:
            approver.approve(request)
    assert shop.money(payer) == (1_000, 0)
    assert seen(lambda: (now := li.get(path))["state"] == "closed" and now)["outcome"] == "corrected"


def test_an_office_that_is_killed_again_and_again_loses_and_doubles_nothing(
    installation: Installation, shop: Bank, li: Bank
) -> None:
    payer, payee = dollars(shop, 10**9), dollars(shop, 0)
    held = []
    for number in range(40):
        held.append(reviewed(shop, payer, payee, REVIEWED + 1 + number))
        reference = f"order {number}"
        for _ in range(2):
            shop.pay(payer, payee, 10, currency="USD", reference=reference)
        if number % 4 == 0:
            shop.follow(held.pop(), "cancel")
        if number % 5 == 0:
            killed = installation.kill("office")
            installation.wait(lambda gone=killed: installation.pid("office") not in {None, gone})
    assert sorted(seen(lambda: found if len(found := all_reviews(li, payer)) == len(held) else [])) == sorted(held)
    found = seen(lambda: cases if len(cases := all_duplicates(li, payer)) == 40 else [])
    assert sorted(case["reference"] for case in found) == sorted(f"order {number}" for number in range(40))
    lag = seen(lambda: (view := operators_view(li)) and all(tail["lag_rows"] == 0 for tail in view["tails"].values()) and view)
    assert all(job["well"] for job in lag["jobs"].values()), lag["jobs"]


@pytest.fixture
def nobody_else(li: Bank, wang: Bank, zhao: Bank) -> Iterator[None]:
    """Corrections need no approver."""
    request = li.do("/v1/approval-rules", operation="recover", approvers=0, reason="a test")
    for approver in (wang, zhao)[: request["needed"]]:
        approver.approve(request)
    seen(lambda: needed_for_a_correction(li) == 0)
    yield
    li.do("/v1/approval-rules", operation="recover", approvers=1, reason="the test is over")
    seen(lambda: needed_for_a_correction(li) == 1)


def needed_for_a_correction(bank: Bank) -> int:
    return int(bank.get("/v1/approval-rules")["approvers"]["recover"])


@pytest.mark.usefixtures("nobody_else")
def test_a_correction_that_needs_nobody_else_is_carried_out_at_once(shop: Bank, li: Bank) -> None:
    payer, payee = shop.account(1_000), shop.account()
    second = [shop.pay(payer, payee, 300, reference="one")["payment"] for _ in range(2)][1]
    (case,) = seen(lambda: [c for c in li.get("/v1/recoveries")["recoveries"] if c["payment"] == second])
    path = f"/v1/recoveries/{case['recovery']}"
    status, after = post(li, f"{path}/propose", {"id": new_id(), "reason": "sent twice"})
    assert (status, after["request"]) == (200, None), after
    assert shop.get(f"/v1/payments/{second}")["state"] == "reversed"
    assert seen(lambda: (now := li.get(path))["state"] == "closed" and now)["outcome"] == "corrected"


def test_the_office_is_told_of_in_the_metrics(li: Bank) -> None:
    headers = {"authorization": f"Bearer {li.access.key}"}
    text = httpx.get(f"{li.access.url}/metrics", headers=headers, verify=tls_context(li.access.ca_file)).text
    assert 'penstock_tail_lag_rows{tail="reviews"}' in text
    assert 'penstock_office_job_failures{job="tail:recovery-bank"} 0.0' in text
    assert "penstock_office_age_seconds" in text


def test_the_office_cannot_write_what_is_true(installation: Installation) -> None:
    dsn = wiring.dsn(installation.settings, "penstock_office")
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in ("UPDATE penstock.journal_sheet SET rows = 1", "DELETE FROM penstock.journal_sheet", "UPDATE penstock.lane SET epoch = 0"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def empty_the_queue(bank: Bank) -> None:
    """Decide what other tests have left."""
    for payment in all_reviews(bank):
        bank.follow(payment, "review-decision", decision="reject")
    seen(lambda: not all_reviews(bank))


def all_reviews(bank: Bank, payer: str = "") -> list[str]:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = bank.get(f"/v1/reviews?limit=7&cursor={cursor}")
        found += [view["payment"] for view in page["reviews"] if payer in ("", view["payer"])]
        cursor = page["next_cursor"]
    return found


def all_duplicates(bank: Bank, payer: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = bank.get(f"/v1/recoveries?kind=duplicate&limit=9&cursor={cursor}")
        found += [case for case in page["recoveries"] if case["payer"] == payer]
        cursor = page["next_cursor"]
    return found


def operators_view(bank: Bank) -> Any:
    return bank.get("/v1/status")["office"]
