"""Dangerous commands from the first request to the journal: nothing happens without its approvers, whichever way."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.edge import Api, new_id
from support.people import Staff, decide, kind

from penstock.contracts.commands import Kind, Operation
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State

DONE, DECLINED, MISSING = int(State.DONE), int(State.DECLINED), int(Reason.APPROVALS_MISSING)
REASON = {"reason": "as the customer asked"}


def journal(staff: Staff, command: Kind) -> list[tuple[Any, ...]]:
    """(state, reason, maker, approvals) of the rows of a kind."""
    with staff.database.connect("penstock_office") as connection:
        return connection.execute(
            "SELECT state, reason, maker, ARRAY[approval_1, approval_2, approval_3] FROM journal "
            "WHERE lane = %s AND kind = %s ORDER BY seq",
            [staff.world.settings.lane, int(command)],
        ).fetchall()


def test_a_tier_change_waits_for_two_others(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        customer = api.made[await api.account(tier="small")]
        body = {"id": new_id(), "tier": "large", **REASON}
        asked = await api.post(f"/v1/customers/{customer}/tier", body, "anna")
        assert (asked.status_code, asked.json()["status"], asked.json()["needed"]) == (202, "pending", 2)
        assert asked.json()["object"] == {"kind": "customer", "id": customer}
        path = f"/v1/approvals/{asked.json()['request']}/approve"
        assert (await api.post(path, {}, "bo")).json()["status"] == "pending"
        assert (await api.get(f"/v1/customers/{customer}")).json()["tier"] == "small"
        assert (await api.post(path, {}, "chen")).json()["outcome"]["reason"] == "ok"
        assert (await api.get(f"/v1/customers/{customer}")).json()["tier"] == "large"
        again = await api.post(f"/v1/customers/{customer}/tier", body, "anna")
        assert (again.status_code, again.json()["status"]) == (200, "done")

    staff.run(journey)
    persons = staff.persons
    assert journal(staff, Kind.SET_CUSTOMER) == [(DONE, 0, persons["anna"], [persons["bo"], persons["chen"], 0])]


def test_a_number_that_is_raised_meanwhile_counts(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        lower = {"id": new_id(), "operation": "unfreeze", "approvers": 0, **REASON}
        asked = (await api.post("/v1/approval-rules", lower, "anna")).json()
        path = f"/v1/approvals/{asked['request']}/approve"
        await api.post(path, {}, "bo")
        more = {"id": new_id(), "operation": "approvals", "approvers": 3, **REASON}
        assert (await api.post("/v1/approval-rules", more, "eve")).status_code == 201
        back = (await api.post(path, {}, "chen")).json()
        assert (back["status"], back["needed"], back["approved"]) == ("pending", 3, 2)
        assert back["steps"][-1]["action"] == "raised"
        done = (await api.post(path, {}, "dora")).json()
        assert (done["status"], done["outcome"]["reason"]) == ("done", "ok")

    staff.run(journey)
    anna, bo, chen, dora, eve = (staff.persons[name] for name in ("anna", "bo", "chen", "dora", "eve"))
    assert journal(staff, Kind.SET_APPROVALS) == [
        (DONE, 0, eve, [0, 0, 0]),
        (DECLINED, MISSING, anna, [bo, chen, 0]),
        (DONE, 0, anna, [bo, chen, dora]),
    ]


def test_lowering_the_number_of_approvers_needs_approvers(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        for operation in Operation:
            body = {"id": new_id(), "operation": operation.name.lower(), "approvers": 0, **REASON}
            asked = await api.post("/v1/approval-rules", body, "anna")
            assert (asked.status_code, asked.json()["operation"], asked.json()["needed"]) == (202, "approvals", 2)

    staff.run(journey)
    assert journal(staff, Kind.SET_APPROVALS) == []


def test_an_idempotency_key_asks_once(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        body = {"operation": "unfreeze", "approvers": 0, **REASON}
        answers = await asyncio.gather(
            *(api.post("/v1/approval-rules", body, "anna", **{"idempotency-key": '"lower"'}) for _ in range(5))
        )
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["request"] for answer in answers}) == 1

    staff.run(journey)


PEOPLE = ("anna", "bo", "chen", "dora")
MOVES = st.tuples(st.sampled_from(["approve", "approve", "approve", "reject", "withdraw"]), st.sampled_from(PEOPLE))
STORIES = st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.lists(MOVES, max_size=8)), min_size=3, max_size=8)


class Model:
    """What should become of a request, in plain words."""

    def __init__(self, needed: int) -> None:
        self.needed = needed
        self.status = "pending"
        self.approved: list[str] = []

    def move(self, what: str, who: str) -> int:
        """The HTTP status that the move deserves."""
        if (what == "withdraw") != (who == "anna"):
            return 403
        if self.status != "pending" or (what == "approve" and who in self.approved):
            return 409
        if what != "approve":
            self.status = {"reject": "rejected", "withdraw": "withdrawn"}[what]
            return 200
        self.approved.append(who)
        if len(self.approved) == self.needed:
            self.status = "done"
        return 200


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORIES)
def test_no_path_executes_a_command_without_its_approvers(
    staff: Staff, stories: list[tuple[int, list[tuple[str, str]]]]
) -> None:
    async def journey(api: Api) -> None:
        for needed, moves in stories:
            model, wish = Model(needed), staff.wish("anna", needed)
            asked = await staff.ask(wish)
            for what, who in moves:
                answer = await decide(api, asked, what, who)
                assert answer.status_code == model.move(what, who), (moves, what, who, answer.text)
                if answer.status_code == 403:
                    assert kind(answer) in {"approval_own", "not_the_maker"}
            shown = (await api.get(f"/v1/approvals/{asked.request}", "bo")).json()
            assert (shown["status"], shown["approved"]) == (model.status, len(model.approved))
            numbers = [staff.persons[name] for name in model.approved] + [0, 0, 0]
            expected = [(DONE, 0, staff.persons["anna"], *numbers[:3])] if model.status == "done" else []
            assert staff.rows([wish.command_id]) == expected

    staff.run(journey)
