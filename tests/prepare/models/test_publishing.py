"""Putting a model in force takes two people; from then on payments carry its score, also after the lane was restarted."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from support.edge import Api, new_id, pay
from support.people import Staff, kind
from support.published import amount_model, score_of, upload_of

from penstock.contracts.commands import Kind, Option
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State

WHY = "better on March"


async def stored(api: Api, half_at: float = 10.0, **changes: Any) -> str:
    """The hash of a model that mina has uploaded."""
    answer = await api.post("/v1/models", upload_of(amount_model(half_at), **changes), "mina")
    assert answer.status_code == 201, answer.text
    sha256: str = answer.json()["model"]["model"]
    return sha256


async def ask(api: Api, sha256: str, caller: str = "mina") -> httpx.Response:
    return await api.post(f"/v1/models/{sha256}/publication", {"id": new_id(), "reason": WHY}, caller)


async def published(api: Api, sha256: str) -> dict[str, Any]:
    """The approved request to publish a model."""
    return await approved(api, await ask(api, sha256))


async def approved(api: Api, asked: httpx.Response, who: str = "bo") -> dict[str, Any]:
    assert asked.status_code == 202, asked.text
    answer = await api.post(f"/v1/approvals/{asked.json()['request']}/approve", {}, who)
    done: dict[str, Any] = answer.json()
    return done


async def in_force(api: Api) -> Any:
    return (await api.get("/v1/models", "mina")).json()["in_force"]


def rows(staff: Staff) -> list[tuple[Any, ...]]:
    with staff.database.connect("penstock_office") as connection:
        return connection.execute(
            "SELECT option, state, reason, model_version, maker, approval_1 FROM journal "
            "WHERE lane = %s AND kind = %s ORDER BY seq",
            [staff.world.settings.lane, int(Kind.PUBLISH_MODEL)],
        ).fetchall()


def test_one_asks_and_another_approves(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        sha256 = await stored(api)
        asked = await ask(api, sha256)
        assert (asked.status_code, asked.json()["operation"], asked.json()["needed"]) == (202, "publish", 1)
        assert asked.json()["object"] == {"kind": "model", "id": sha256}
        assert asked.json()["summary"] == {
            "command": "publish_model",
            "sha256": sha256,
            "name": "amount",
            "reason": WHY,
        }
        pending = (await api.get(f"/v1/models/{sha256}", "bo")).json()["approvals_pending"]
        assert [each["request"] for each in pending] == [asked.json()["request"]]
        assert await in_force(api) is None
        done = await approved(api, asked)
        assert (done["status"], done["outcome"]["reason"]) == ("done", "ok")
        now = await in_force(api)
        assert (now["model"], now["name"], now["version"], now["reason"]) == (sha256, "amount", 1, WHY)
        assert (now["asked_by"], now["approved_by"]) == ("mina", ["bo"])
        shown = (await api.get(f"/v1/models/{sha256}", "mina")).json()
        assert (shown["model"]["in_force"], shown["approvals_pending"]) == (True, [])

    staff.run(journey)
    mina, bo = staff.persons["mina"], staff.persons["bo"]
    assert rows(staff) == [(Option.MODEL_IN_FORCE, State.DONE, 0, 1, mina, bo)]


def test_payments_are_scored_until_the_model_is_withdrawn_also_by_the_next_lane(staff: Staff) -> None:
    async def before(api: Api) -> None:
        accounts[:] = [await api.account(1_000_000), await api.account()]
        assert await paid(api, 5_000) == (0, None)
        await published(api, await stored(api))
        assert await paid(api, 5_000) == (1, pytest.approx(score_of(5_000), abs=1e-6))
        assert await paid(api, 40) == (1, pytest.approx(score_of(40), abs=1e-6))
        await published(api, await stored(api, 12.0, name="stricter"))
        assert await paid(api, 5_000) == (2, pytest.approx(score_of(5_000, 12.0), abs=1e-6))

    async def after(api: Api) -> None:
        assert (await in_force(api))["name"] == "stricter"
        assert await paid(api, 700) == (2, pytest.approx(score_of(700, 12.0), abs=1e-6))
        body = {"id": new_id(), "reason": "it stops good customers"}
        asked = await api.post("/v1/models/withdrawal", body, "mina")
        assert asked.json()["object"] == {"kind": "model", "id": "in-force"}
        assert asked.json()["summary"]["withdraw"] is True
        listed = (await api.get("/v1/models", "bo")).json()
        assert [each["request"] for each in listed["approvals_pending"]] == [asked.json()["request"]]
        assert (await approved(api, asked))["status"] == "done"
        now = await in_force(api)
        assert (now["model"], now["version"], now["approved_by"]) == (None, 0, ["bo"])
        assert await paid(api, 700) == (0, None)
        sha256 = (await api.get("/v1/models", "mina")).json()["models"][-1]["model"]
        await published(api, sha256)
        assert await paid(api, 700) == (3, pytest.approx(score_of(700), abs=1e-6))

    async def paid(api: Api, amount_minor: int) -> tuple[int, float | None]:
        outcome = (await api.post("/v1/payments", pay(*accounts, amount_minor))).json()
        assert outcome["state"] == "cleared", outcome
        return outcome["model_version"], outcome["score"]

    accounts: list[str] = []
    staff.run(before)
    staff.world.stop_lane()
    staff.world.start_lane_again(staff.database)
    staff.run(after)
    assert [row[0] for row in rows(staff)] == [
        Option.MODEL_IN_FORCE, Option.MODEL_IN_FORCE, Option.MODEL_WITHDRAWN, Option.MODEL_IN_FORCE,
    ]  # fmt: skip


def test_a_graph_that_cannot_score_is_refused_by_the_lane_and_nothing_changes(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        good = await stored(api)
        await published(api, good)
        answer = await api.post("/v1/models", upload_of(b"no graph", name="broken"), "mina")
        refused = await published(api, answer.json()["model"]["model"])
        assert (refused["status"], refused["outcome"]["reason"]) == ("refused", "model_refused")
        now = await in_force(api)
        assert (now["model"], now["version"]) == (good, 1)

    staff.run(journey)
    assert [row[2] for row in rows(staff)] == [0, Reason.MODEL_REFUSED]


def test_who_may_ask_and_for_what(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        sha256 = await stored(api)
        for caller in ("shop", "bo", "rita"):
            assert kind(await ask(api, sha256, caller)) == "scope_missing"
        assert kind(await ask(api, "0" * 64)) == "not_found"
        assert (await ask(api, "latest")).json()["errors"][0]["field"] == "model"
        asked = await ask(api, sha256, "eve")  # control may too
        assert asked.status_code == 202
        own = await ask(api, sha256, "anna")
        answer = await api.post(f"/v1/approvals/{own.json()['request']}/approve", {}, "anna, at home")
        assert kind(answer) == "approval_own"

    staff.run(journey)
    assert rows(staff) == []


def test_where_nobody_else_is_needed_it_happens_at_once(staff: Staff) -> None:
    async def lower(api: Api) -> None:
        rule = {"id": new_id(), "operation": "publish", "approvers": 0, "reason": "a sandbox"}
        asked = await api.post("/v1/approval-rules", rule, "anna")
        await approved(api, asked)
        assert (await approved(api, asked, "chen"))["status"] == "done"

    async def publish(api: Api) -> None:
        answer = await ask(api, await stored(api))
        assert (answer.status_code, answer.json()["command"], answer.json()["state"]) == (201, "publish_model", "done")
        now = await in_force(api)
        assert (now["version"], now["asked_by"], now["approved_by"]) == (1, "mina", [])

    staff.run(lower)
    staff.run(publish)  # at an edge that has not heard of the number of before
