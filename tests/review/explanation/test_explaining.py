"""Decisions explained over HTTP: without a model, with one, and with one that another has followed."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
import structlog
from psycopg import AsyncConnection
from support.edge import Api, new_id, pay
from support.models import small_model
from support.people import Staff, kind
from support.published import amount_model, upload_of

from penstock.contracts import ids as public
from penstock.contracts.features import SLOTS
from penstock.contracts.ids import PublicIds
from penstock.journal import tails
from penstock.review.explanation import actions
from penstock.review.explanation.tail import make_tail
from penstock.review.explanation.views import ExplanationView, Normal, ScoreView, Thresholds

CAME = {
    "instrument": "card-5105", "device": "phone-77-of-li", "network": "203.0.113.9", "place": "shop-12 of Huaihai Road",
    "category": "groceries, fine", "channel": "app", "location": {"latitude": 31.2304, "longitude": 121.4737},
    "extras": [7, None], "factors": ["pin", "device"],
}  # fmt: skip


#: An explanation of nothing: what is tried with it is who may have one.
NOTHING = ExplanationView(
    "", 0, 0, "", "", "", 0, None, False, [], Thresholds(0, None, None, None, 2, "allow"), None,
    ScoreView(None, None, None, None, None, None), Normal(None, []), [],
)  # fmt: skip


async def paid(api: Api, payer: str, payee: str, amount_minor: int, **more: Any) -> dict[str, Any]:
    answer = await api.post("/v1/payments", pay(payer, payee, amount_minor, **more))
    outcome: dict[str, Any] = answer.json()
    return outcome


async def explained(api: Api, payment: str, caller: str = "rita") -> dict[str, Any]:
    answer = await api.get(f"/v1/payments/{payment}/explanation", caller)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def facts(told: dict[str, Any]) -> dict[str, Any]:
    return {fact["feature"]: fact for fact in told["facts"]}


async def published(api: Api, body: dict[str, Any]) -> None:
    """Upload a model and put it in force."""
    sha256 = (await api.post("/v1/models", body, "mina")).json()["model"]["model"]
    asked = await api.post(f"/v1/models/{sha256}/publication", {"id": new_id(), "reason": "better"}, "mina")
    done = await api.post(f"/v1/approvals/{asked.json()['request']}/approve", {}, "bo")
    assert done.json()["outcome"]["reason"] == "ok", done.text


async def follow(staff: Staff) -> None:
    """Let the tail of publications catch up."""
    dsn, lane = staff.database.dsn("penstock_office"), staff.world.settings.lane
    async with await AsyncConnection.connect(dsn, autocommit=True, options="-c search_path=penstock") as connection:
        while (await tails.advance(connection, make_tail(), lane, 100)).lag:
            pass


def test_without_a_model_the_facts_are_told(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000_000), await api.account()
        for _ in range(3):
            await paid(api, payer, payee, 1_000, **CAME)
        outcome = await paid(api, payer, payee, 8_000, **{**CAME, "device": "another phone"})
        assert (outcome["score"], outcome["model_version"]) == (None, 0)
        told = await explained(api, outcome["payment"])
        assert (told["verdict"], told["model"], told["score"]["score"]) == (None, None, None)
        assert told["score"]["absent"]["en"].startswith("No model was in force")
        assert told["thresholds"]["challenge"] == 0.02
        assert len(told["facts"]) == SLOTS
        found = facts(told)
        assert found["payer.amount_ratio"]["words"] == {
            "en": "The amount is 8 times what this payer usually pays.", "zh": "金额约为该付款人平常金额的 8 倍。",
        }  # fmt: skip
        assert found["payer_device.seen"]["words"]["en"] == "This payer uses this device for the first time."
        assert found["payer_payee.seen"]["value"] == 3
        assert found["payment.extra_1"]["value"] == pytest.approx(7, rel=0.01)
        assert found["payment.extra_2"]["value"] is None
        assert told["normal"]["usual_amount_minor"] == pytest.approx(1_000, rel=0.01)
        assert told["as_of_seq"] >= told["seq"] == outcome["seq"]

    staff.run(journey)


def test_a_score_is_the_sum_of_its_causes_also_when_another_model_has_followed(staff: Staff) -> None:
    onnx, native = small_model()

    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000_000), await api.account()
        await published(api, upload_of(onnx, native, name="small"))
        with structlog.testing.capture_logs() as logs:
            outcome = await paid(api, payer, payee, 5_000, **CAME)
            told = await explained(api, outcome["payment"])
            check(outcome, told)
            await published(api, upload_of(amount_model(), name="later"))
            behind = await api.get(f"/v1/payments/{outcome['payment']}/explanation", "rita")
            assert (behind.status_code, kind(behind)) == (503, "office_behind")
            await follow(staff)
            again = await explained(api, outcome["payment"])
            assert {**again, "as_of_seq": 0} == {**told, "as_of_seq": 0}
            later = await explained(api, (await paid(api, payer, payee, 300))["payment"])
        assert (later["model"]["name"], later["score"]["causes"]) == ("later", None)
        assert later["score"]["absent"]["en"].startswith("The reasons cannot be computed")
        assert not [line for line in logs if line["log_level"] == "error"]

    staff.run(journey)


def check(outcome: dict[str, Any], told: dict[str, Any]) -> None:
    score, causes = told["score"], told["score"]["causes"]
    assert (told["model"]["version"], told["model"]["name"]) == (1, "small")
    assert score["score"] == outcome["score"]
    odds = score["base"] + score["others"] + sum(cause["contribution"] for cause in causes)
    assert 1 / (1 + math.exp(-odds)) == pytest.approx(score["score"], abs=1e-5)
    sizes = [abs(cause["contribution"]) for cause in causes]
    assert sizes == sorted(sizes, reverse=True)
    found = facts(told)
    assert all(found[cause["feature"]]["words"] == cause["words"] for cause in causes)
    thresholds, verdict = told["thresholds"], told["verdict"]
    reached = [name for name in ("challenge", "review", "block") if score["score"] >= thresholds[name]]
    assert verdict == (reached[-1] if reached and reached != ["challenge"] else "allow"), "two kinds of factor pass"


def test_verdicts_are_told_with_their_thresholds(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000_000), await api.account()
        await published(api, upload_of(amount_model()))
        command = pay(payer, payee, 25, **CAME)
        once, again = [(await api.post("/v1/payments", command)).json() for _ in range(2)]
        assert again == {**once, "as_of_seq": again["as_of_seq"], "replayed": True}
        batch = [{**pay(payer, payee, 25, **CAME), "command": "pay"}, {**command, "command": "pay"}]
        fresh, repeated = (await api.post("/v1/batch", batch)).json()
        assert fresh["score"] == repeated["score"] == once["score"] > 0
        other = await api.post("/v1/payments", {**command, "device": "another"})
        assert (other.status_code, kind(other)) == (409, "id_conflict")
        blocked = await paid(api, payer, payee, 9_000)
        told = await explained(api, blocked["payment"])
        assert (blocked["state"], told["state"], told["reason"]) == ("declined", "declined", "risk_blocked")
        assert told["verdict"] == "block"
        assert "reaches 0.6" in told["summary"][0]["en"]
        assert "阈值 0.6" in told["summary"][0]["zh"]
        reviewed = await paid(api, payer, payee, 300)
        assert (reviewed["state"], (await explained(api, reviewed["payment"]))["verdict"]) == ("review", "review")
        weak = await paid(api, payer, payee, 25)
        assert (weak["state"], (await explained(api, weak["payment"]))["verdict"]) == ("cleared", "allow")
        asked, strong = await paid(api, payer, payee, 100), await paid(api, payer, payee, 100, factors=["pin", "sms"])
        told_asked, told_strong = await explained(api, asked["payment"]), await explained(api, strong["payment"])
        assert (asked["state"], told_asked["verdict"]) == ("challenge", "challenge")
        assert asked["next_step"]["en"]
        assert (strong["state"], told_strong["verdict"], told_strong["challenge_passed"]) == ("cleared", "allow", True)
        forced = await paid(api, payer, payee, 25, reference="sandbox:challenge")
        assert (forced["state"], forced["reason"]) == ("challenge", "verification_needed")
        assert "test value" in (await explained(api, forced["payment"]))["summary"][0]["en"]

    staff.run(journey)


def test_who_may_ask_and_what_has_no_explanation(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(1_000), await api.account()
        outcome = await paid(api, payer, payee, 10)
        path = f"/v1/payments/{outcome['payment']}/explanation"
        for caller in ("shop", "reader", "eve"):
            assert (await api.get(path, caller)).status_code == 403
        assert (await api.get(path, "ops")).status_code == 200
        body = {"id": new_id(), "account": payer, "amount_minor": 5, "currency": "CNY"}
        deposit = (await api.post("/v1/deposits", body)).json()["payment"]
        answer = await api.get(f"/v1/payments/{deposit}/explanation", "ops")
        assert (answer.status_code, kind(answer)) == (409, "not_explainable")
        assert "Deposits and withdrawals" in answer.json()["detail"]
        unknown = await paid(api, ids().encode(public.Kind.ACCOUNT, 10**9), payee, 5)
        answer = await api.get(f"/v1/payments/{unknown['payment']}/explanation", "ops")
        assert (answer.status_code, kind(answer)) == (409, "not_explainable")
        for wrong, status in ((ids().encode(public.Kind.PAYMENT, 10**9), 404), ("pay_x", 422)):
            assert (await api.get(f"/v1/payments/{wrong}/explanation", "ops")).status_code == status

    staff.run(journey)


def ids() -> PublicIds:
    return PublicIds(bytes(range(16)))


def test_nothing_that_came_with_a_payment_is_kept_or_logged(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account(0, "other")
        with structlog.testing.capture_logs() as logs:
            outcome = await paid(api, payer, payee, 100, **CAME)
            shown = (await api.get(f"/v1/payments/{outcome['payment']}")).json()
            entry = (await api.get(f"/v1/accounts/{payer}/entries")).json()["entries"][0]
            told = await explained(api, outcome["payment"])
        location = {"latitude": 31.2304, "longitude": 121.4737}
        expected = {"channel": "app", "factors": ["pin", "device"], "verification": 2, "location": location,
                    "score": None, "model_version": 0}  # fmt: skip
        assert shown["origin"] == entry["origin"] == expected
        assert (await api.get(f"/v1/payments/{outcome['payment']}", "other")).json()["origin"] is None
        assert (await api.get(f"/v1/accounts/{payee}/entries", "other")).json()["entries"][0]["origin"] is None
        kept = everything(staff)
        for text in ("card-5105", "phone-77-of-li", "203.0.113.9", "Huaihai", "groceries"):
            assert text not in f"{logs} {shown} {told}"
            assert text.encode().hex() not in kept
            assert text not in kept

    staff.run(journey)


def everything(staff: Staff) -> str:
    """All rows of the journal and its side records, as text."""
    with staff.database.connect("penstock_office") as connection:
        rows = connection.execute("SELECT journal::text FROM journal").fetchall()
        sides = connection.execute("SELECT convert_from(body, 'UTF8') FROM journal_side").fetchall()
    return repr(rows + sides)


def test_too_many_explanations_at_once_are_pushed_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "_WAITING", 1)

    async def crowd() -> list[object]:
        explainer = actions.Explainer()
        return await asyncio.gather(*(explainer.run(lambda: NOTHING) for _ in range(3)), return_exceptions=True)

    results = asyncio.run(crowd())
    assert [getattr(result, "kind", None) for result in results] == [None, "explanations", "explanations"]
    assert results[0] is NOTHING
