"""Approvals on a real lane: who may, how often, and that the command happens exactly once."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from support.edge import Api, new_id, until
from support.people import IDS, Staff, decide, kind, record

from penstock.app.edge.lane_link import LaneLink
from penstock.contracts.commands import Kind
from penstock.contracts.states import State
from penstock.kit.http.problem import Problem
from penstock.office.approvals import actions

DONE = int(State.DONE)


def test_two_others_approve_and_the_lane_gets_the_command_with_their_numbers(staff: Staff) -> None:
    wish = staff.wish(needed=2)

    async def journey(api: Api) -> None:
        asked = await staff.ask(wish)
        assert (asked.status, asked.needed, asked.approved, asked.maker) == ("pending", 2, 0, "anna")
        first = await decide(api, asked, "approve", "bo", "looks right")
        assert (first.status_code, first.json()["status"], first.json()["approved"]) == (200, "pending", 1)
        assert staff.rows([wish.command_id]) == []
        second = (await decide(api, asked, "approve", "chen")).json()
        assert (second["status"], second["outcome"]["reason"], second["outcome"]["state"]) == ("done", "ok", "done")
        assert [(step["action"], step["person"], step["note"]) for step in second["steps"]] == [
            ("asked", "anna", ""), ("approved", "bo", "looks right"), ("approved", "chen", ""), ("done", None, ""),
        ]  # fmt: skip
        assert (await api.get(f"/v1/approvals/{asked.request}", "dora")).json() == second

    staff.run(journey)
    persons = staff.persons
    assert staff.rows([wish.command_id]) == [(DONE, 0, persons["anna"], persons["bo"], persons["chen"], 0)]


def test_submitter_approves_own_record(staff: Staff) -> None:
    """Known from others: whoever asks also approves, with the same or another key of theirs."""
    wish = staff.wish()

    async def journey(api: Api) -> None:
        asked = await staff.ask(wish)
        for key in ("anna", "anna, at home"):
            for what in ("approve", "reject"):
                refused = await decide(api, asked, what, key)
                assert (refused.status_code, kind(refused)) == (403, "approval_own")
        assert (await api.get(f"/v1/approvals/{asked.request}", "bo")).json()["status"] == "pending"

    staff.run(journey)
    assert staff.rows([wish.command_id]) == []


def test_one_person_approves_once(staff: Staff) -> None:
    wish = staff.wish(needed=2)

    async def journey(api: Api) -> None:
        asked = await staff.ask(wish)
        answers = await asyncio.gather(*(decide(api, asked, "approve", "bo") for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        assert {kind(answer) for answer in answers if answer.status_code == 409} == {"already_approved"}

    staff.run(journey)
    assert staff.rows([wish.command_id]) == []


def test_approve_needs_its_scope_and_a_request_that_is_there(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        asked = await staff.ask(staff.wish())
        refused = await decide(api, asked, "approve", "eve")
        assert (refused.status_code, kind(refused)) == (403, "scope_missing")
        unknown = asked.request[:-1] + ("0" if asked.request[-1] != "0" else "1")
        assert (await api.post(f"/v1/approvals/{unknown}/approve", {}, "bo")).status_code == 422
        nothing = await api.http.post(
            f"/v1/approvals/{asked.request}/approve", headers={"authorization": f"Bearer {api.keys['bo']}"}
        )
        assert (nothing.status_code, nothing.json()["status"]) == (200, "done")
        wrong = await api.post(f"/v1/approvals/{asked.request}/approve", {"nota": "x"}, "bo")
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "nota")

    staff.run(journey)


@pytest.mark.parametrize("ending", ["approve", "reject", "withdraw"])
def test_what_has_ended_stays_as_it_is(staff: Staff, ending: str) -> None:
    wish = staff.wish()
    stands = {"approve": "done", "reject": "rejected", "withdraw": "withdrawn"}

    async def journey(api: Api) -> None:
        asked = await staff.ask(wish)
        ended = await decide(api, asked, ending, "anna" if ending == "withdraw" else "bo")
        assert (ended.status_code, ended.json()["status"]) == (200, stands[ending])
        for what, who in (("approve", "chen"), ("reject", "chen"), ("withdraw", "anna"), ("approve", "bo")):
            refused = await decide(api, asked, what, who)
            assert (refused.status_code, kind(refused)) == (409, "approval_ended")
            assert refused.json()["status_now"] == stands[ending]
        assert (await staff.ask(wish)).status == stands[ending]

    staff.run(journey)
    assert len(staff.rows([wish.command_id])) == (ending == "approve")


def test_only_the_maker_takes_a_request_back(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        asked = await staff.ask(staff.wish())
        refused = await decide(api, asked, "withdraw", "bo")
        assert (refused.status_code, kind(refused)) == (403, "not_the_maker")

    staff.run(journey)


def test_a_request_lapses_and_is_not_carried_out_afterwards(staff: Staff) -> None:
    wish = staff.wish()
    later = datetime.now(UTC) + timedelta(seconds=staff.world.settings.approval_ttl_s + 600)

    async def journey(api: Api) -> None:
        asked = await staff.ask(wish)
        other = await staff.ask(staff.wish())
        async with staff.connection() as connection:
            number = (await actions.store.pending_of(connection, "customer", "cus_1"))[0].request
            with pytest.raises(Problem) as refused:
                await actions.approve(connection, NoLane(), number, staff.persons["bo"], later)
            assert (refused.value.status, refused.value.extra["status_now"]) == (409, "lapsed")
            await actions.finish_approved(connection, NoLane(), later, staff.world.settings.lane)
        for request in (asked, other):
            shown = (await api.get(f"/v1/approvals/{request.request}", "bo")).json()
            assert (shown["status"], shown["steps"][-1]["action"]) == ("lapsed", "lapsed")

    staff.run(journey)
    assert staff.rows([wish.command_id]) == []


class NoLane:
    """A lane that must not be asked."""

    async def ask(self, command: bytes, payload: bytes = b"") -> tuple[actions.Any, bytes]:
        raise AssertionError(f"{len(command) + len(payload)} bytes were sent")

    ask_many = ask  # type: ignore[assignment]


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_many_approvers_at_once_are_counted_exactly(staff: Staff, needed: int) -> None:
    wish = staff.wish("eve", needed)

    async def journey(api: Api) -> None:
        asked = await staff.ask(wish)
        answers = await asyncio.gather(*(decide(api, asked, "approve", who) for who in ("anna", "bo", "chen", "dora")))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] * needed + [409] * (4 - needed)
        shown = (await api.get(f"/v1/approvals/{asked.request}", "bo")).json()
        assert (shown["status"], shown["approved"]) == ("done", needed)
        assert [step["action"] for step in shown["steps"]] == ["asked", *["approved"] * needed, "done"]

    staff.run(journey)
    ((state, reason, maker, *approvals),) = staff.rows([wish.command_id])
    assert (state, reason, maker) == (DONE, 0, staff.persons["eve"])
    assert len(set(approvals) - {0}) == needed


@pytest.mark.parametrize("by", ["approver", "sweep", "both"])
def test_what_was_approved_while_the_lane_was_away_is_carried_out_once(staff: Staff, by: str) -> None:
    wish = staff.wish()

    async def journey(api: Api) -> None:
        asked = await staff.ask(wish)
        await asyncio.to_thread(staff.world.stop_lane)
        kept = await decide(api, asked, "approve", "bo")
        assert (kept.status_code, kept.json()["status"], kept.json()["outcome"]) == (200, "approved", None)
        refused = await decide(api, asked, "reject", "chen")
        assert (refused.status_code, refused.json()["status_now"]) == (409, "approved")
        await asyncio.to_thread(staff.world.start_lane_again, staff.database)
        await until(api.is_ready)
        await asyncio.gather(*(again() for again in ways(api, asked)))
        shown = (await api.get(f"/v1/approvals/{asked.request}", "bo")).json()
        assert (shown["status"], [step["action"] for step in shown["steps"]]) == ("done", ["asked", "approved", "done"])

    def ways(api: Api, asked: actions.RequestView) -> list[actions.Any]:
        async def retry() -> None:
            assert (await decide(api, asked, "approve", "bo")).status_code in {200, 409}

        async def sweep() -> None:
            link = LaneLink(staff.world.settings, staff.world.around.lane_socket)
            job = asyncio.create_task(link.keep_connected())
            async with staff.connection() as connection:
                while not link.connected:  # noqa: ASYNC110 - it has no event for this
                    await asyncio.sleep(0.01)
                await actions.finish_approved(connection, link, datetime.now(UTC), staff.world.settings.lane)
            job.cancel()
            link.close()

        return {"approver": [retry], "sweep": [sweep], "both": [retry, sweep, retry]}[by]

    staff.run(journey)
    assert len(staff.rows([wish.command_id])) == 1


def test_what_the_lane_refuses_is_told_in_both_languages(staff: Staff) -> None:
    wish = staff.wish(record=record(Kind.OPEN_CUSTOMER, tier=77))

    async def journey(api: Api) -> None:
        asked = await staff.ask(wish)
        ended = (await decide(api, asked, "approve", "bo")).json()
        assert (ended["status"], ended["outcome"]["reason"]) == ("refused", "tier_unknown")
        assert set(ended["outcome"]["message"]) == {"en", "zh"}
        assert ended["steps"][-1] == {**ended["steps"][-1], "action": "refused", "note": "tier_unknown"}

    staff.run(journey)


def test_the_same_command_id_is_the_same_request(staff: Staff) -> None:
    wish = staff.wish()

    async def journey(_: Api) -> None:
        asked = await asyncio.gather(*(staff.ask(wish) for _ in range(5)))
        assert len({view.request for view in asked}) == 1
        others = [
            replace(wish, record=record(Kind.OPEN_CUSTOMER, tier=0)),
            replace(wish, payload=b"{}"),
            replace(wish, object_id="cus_2"),
            replace(wish, person=staff.persons["eve"]),
        ]
        for other in others:
            with pytest.raises(Problem) as refused:
                await staff.ask(other)
            assert (refused.value.status, refused.value.kind) == (409, "id_conflict")
        elsewhere = await staff.ask(replace(wish, client=staff.clients["eve"]))
        assert elsewhere.request != asked[0].request

    staff.run(journey)


def test_what_cannot_be_asked_for(staff: Staff) -> None:
    async def journey(_: Api) -> None:
        for wish, status, problem in (
            (staff.wish(person=0), 403, "person_unknown"),
            (staff.wish(command_id=uuid.UUID(new_id(72_001))), 422, "approval_id_expired"),
        ):
            with pytest.raises(Problem) as refused:
                await staff.ask(wish)
            assert (refused.value.status, refused.value.kind) == (status, problem)
        staff.world.settings = replace(staff.world.settings, approvals_open_max=2)
        for _ in range(2):
            await staff.ask(staff.wish())
        with pytest.raises(Problem) as refused:
            await staff.ask(staff.wish())
        assert (refused.value.status, refused.value.kind) == (429, "approvals_full")

    staff.run(journey)


def test_requests_are_listed_on_their_object_and_in_pages(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        made = [(await staff.ask(staff.wish("eve" if number % 2 else "anna", object_id=f"cus_{number % 3}"))).request for number in range(7)]
        async with staff.connection() as connection:
            of_object = await actions.pending_views(connection, "customer", "cus_1", IDS)
        assert [view.request for view in of_object] == [made[1], made[4]]
        await api.post(f"/v1/approvals/{made[0]}/reject", {}, "bo")
        seen, path = [], "/v1/approvals?status=pending&limit=2"
        while path:
            answer = (await api.get(path, "bo")).json()
            seen += [request["request"] for request in answer["requests"]]
            cursor = answer["next_cursor"]
            path = f"/v1/approvals?status=pending&limit=2&cursor={cursor}" if cursor else ""
        assert seen == made[:0:-1]
        assert [request["request"] for request in (await api.get("/v1/approvals?status=rejected", "bo")).json()["requests"]] == made[:1]
        assert (await api.get("/v1/approvals", "reader")).json() == {"requests": [], "next_cursor": None}
        assert (await api.get(f"/v1/approvals/{made[0]}", "reader")).status_code == 404
        for wrong in ("status=odd", "limit=0", "cursor=cur_0"):
            assert (await api.get(f"/v1/approvals?{wrong}", "bo")).status_code == 422

    staff.run(journey)


def test_the_evidence_cannot_be_changed(staff: Staff) -> None:
    for role in ("penstock_edge", "penstock_office"):
        for statement in (
            "UPDATE approval_step SET note = ''", "DELETE FROM approval_step", "DELETE FROM approval_request",
            "UPDATE approval_request SET maker = 1", "UPDATE approval_request SET command = '{}'",
        ):  # fmt: skip
            with staff.database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
