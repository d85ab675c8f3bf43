"""What has become known of a payment, over HTTP: who may say it, who is told, and why it may be refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.database import Database
from support.edge import Api, make_world, new_id, pay
from support.lanes import policy_toml
from support.life import life_policy
from support.people import Staff, hire


@pytest.fixture
def staff(database: Database, home: Path) -> Iterator[Staff]:
    """A lane, an edge, and a person who reviews."""
    (home / "policy.toml").write_text(policy_toml(life_policy()), "utf-8")
    world = make_world(database, home)
    yield hire(world, database)
    world.stop_lane()


async def _label(api: Api, payment: str, label: str, caller: str = "shop", **body: Any) -> tuple[int, dict[str, Any]]:
    answer = await api.post(f"/v1/payments/{payment}/label", {"id": new_id(), "label": label, **body}, caller)
    return answer.status_code, answer.json()


async def _seen(api: Api, payment: str, caller: str = "shop") -> dict[str, Any] | None:
    view: dict[str, Any] = (await api.get(f"/v1/payments/{payment}", caller)).json()
    label: dict[str, Any] | None = view["label"]
    return label


def test_a_payment_is_labelled_and_the_label_revoked(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account(caller="other")
        payment = (await api.post("/v1/payments", pay(payer, payee, 700))).json()["payment"]
        assert await _seen(api, payment) is None
        body = {"id": new_id(), "label": "fraud", "reference": "case 7"}
        status, told = await _label(api, payment, **body)
        assert (status, told["command"], told["state"], told["payment"]) == (201, "label", "done", payment)
        assert not {"held_minor", "moved_minor", "refundable_minor", "amount_minor"} & told.keys()
        status, again = await _label(api, payment, **body)
        assert (status, again["replayed"], again["seq"]) == (201, True, told["seq"])
        shown = await _seen(api, payment)
        assert shown is not None
        assert (shown["label"], shown["seq"]) == ("fraud", told["seq"])
        status, refused = await _label(api, payment, "fraud")
        assert (status, refused["reason"], refused["payment"]) == (409, "label_unchanged", payment)
        assert (await _label(api, payment, "none"))[0] == 201
        shown = await _seen(api, payment)
        assert shown is not None
        assert shown["label"] == "none"
        view = (await api.get(f"/v1/payments/{payment}")).json()
        assert [event["command"] for event in view["events"]] == ["pay"], "a label is no step of the payment"
        entries = (await api.get(f"/v1/accounts/{payer}/entries")).json()["entries"]
        assert [entry["command"] for entry in entries[:3]] == ["label", "label", "pay"], "a refusal is in no history"

    staff.run(journey)


def test_who_may_label_and_who_is_told(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account(caller="other")
        payment = (await api.post("/v1/payments", pay(payer, payee, 700))).json()["payment"]
        assert (await _label(api, payment, "fraud", "other"))[1]["reason"] == "payment_unknown"
        status, problem = await _label(api, payment, "fraud", "eve")
        assert (status, "labels:write" in problem["detail"]) == (403, True)
        status, told = await _label(api, payment, "fraud", "rita", reference="looked at")
        assert (status, told["state"]) == (201, "done")
        assert await _seen(api, payment, "other") is None, "who was paid is not told"
        shown = await _seen(api, payment, "rita")
        assert shown is not None
        assert (shown["label"], shown["told"]["maker"]) == ("fraud", "rita")
        deposit = (await api.post("/v1/deposits", {
            "id": new_id(), "account": payer, "amount_minor": 5, "currency": "CNY"})).json()["payment"]  # fmt: skip
        assert (await _label(api, deposit, "fraud"))[1]["reason"] == "not_labellable"
        assert (await _label(api, payment, "perhaps"))[0] == 422

    staff.run(journey)


def test_labels_go_into_batches(staff: Staff) -> None:
    """Also of a payment of the same batch, and twice of one payment: each label sees the one before."""

    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        payment = (await api.post("/v1/payments", pay(payer, payee, 7))).json()["payment"]
        labels = ("fraud", "genuine", "genuine", "none")
        items = [{"command": "label", "id": new_id(), "payment": payment, "label": label} for label in labels]
        answer = await api.post("/v1/batch", items)
        assert [told["reason"] for told in answer.json()] == ["ok", "ok", "label_unchanged", "ok"]
        assert [told["status"] for told in answer.json()] == [201, 201, 409, 201]

    staff.run(journey)
