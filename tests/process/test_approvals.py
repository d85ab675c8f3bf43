"""No path executes a dangerous command without its approvers: any number of people, in any role, more than once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from support import life
from support.database import Database
from support.lanes import CNY
from support.town import OPERATOR, Town, town

from penstock.contracts.commands import APPROVERS, MOST_APPROVERS, Flag, Kind, Operation, Option
from penstock.contracts.lane_port import Reply
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.state import layout as at

_FAR_US = 365 * life.DAY
People = tuple[int, int, int, int]


def _limit(_t: Town, _n: int) -> dict[str, Any]:
    return {"kind": Kind.SET_CUSTOMER, "customer": 1, "option": Option.LIMIT_SINGLE, "currency": CNY, "amount_minor": 10**9}


def _tier(_t: Town, _n: int) -> dict[str, Any]:
    return {"kind": Kind.SET_CUSTOMER, "customer": 1, "option": Option.TIER, "tier": 1}


def _unfreeze(t: Town, _n: int) -> dict[str, Any]:
    return {"kind": Kind.SET_ACCOUNT, "payer_account": t.friend, "option": Option.UNFREEZE_ALL}


def _shorter_freeze(t: Town, n: int) -> dict[str, Any]:
    t.send(Kind.SET_ACCOUNT, payer_account=t.friend, option=Option.FREEZE_DEBIT, until_us=t.now_us + _FAR_US)
    until_us = t.now_us + _FAR_US - life.DAY - n
    return {"kind": Kind.SET_ACCOUNT, "payer_account": t.friend, "option": Option.FREEZE_DEBIT, "until_us": until_us}


def _review(option: Option) -> Callable[[Town, int], dict[str, Any]]:
    def about(t: Town, _n: int) -> dict[str, Any]:
        return {"kind": Kind.DECIDE_REVIEW, "ref_seq": t.pay(2_000).ref_seq, "option": option}

    return about


def _reverse(t: Town, _n: int) -> dict[str, Any]:
    return {"kind": Kind.RECOVER, "ref_seq": t.pay(10).ref_seq, "option": Option.REVERSE}


def _finish(t: Town, _n: int) -> dict[str, Any]:
    return {"kind": Kind.RECOVER, "ref_seq": t.withdraw(10).ref_seq, "option": Option.FINISH_UNPAID}


def _move(t: Town, _n: int) -> dict[str, Any]:
    t.deposit(10, payee_account=0, **(OPERATOR | {"flags": Flag.OPERATES | Flag.TO_SUSPENSE}))
    fields = {"payee_account": t.payer, "currency": CNY, "amount_minor": 10}
    return {"kind": Kind.RECOVER, "option": Option.MOVE_SUSPENSE, **fields}


#: Every dangerous path, and the operation whose approvers it needs.
PATHS: dict[str, tuple[Operation, Callable[[Town, int], dict[str, Any]]]] = {
    "own limit": (Operation.LIMITS, _limit),
    "tier": (Operation.LIMITS, _tier),
    "unfreeze": (Operation.UNFREEZE, _unfreeze),
    "freeze that is shorter": (Operation.UNFREEZE, _shorter_freeze),
    "approved review": (Operation.REVIEW, _review(Option.APPROVE)),
    "rejected review": (Operation.REVIEW, _review(Option.REJECT)),
    "reversal": (Operation.RECOVER, _reverse),
    "finished by hand": (Operation.RECOVER, _finish),
    "moved out of suspense": (Operation.RECOVER, _move),
}


@pytest.fixture
def place(database: Database, home: Path) -> Iterator[Town]:
    with town(database, home, holds_max=600, holds_per_account=500) as made:
        yield made


def _verdict(people: People, needed: int) -> Reason:
    """The spec: enough approvers and a known maker, all of them different people."""
    maker, given_by = people[0], [person for person in people[1:] if person]
    if len(given_by) < needed or (needed and not maker):
        return Reason.APPROVALS_MISSING
    known = [person for person in (maker, *given_by) if person]
    return Reason.OK if len(set(known)) == len(known) else Reason.APPROVAL_OWN


def _as_fields(people: People) -> dict[str, int]:
    return dict(zip(("maker", "approval_1", "approval_2", "approval_3"), people, strict=True))


def _need(t: Town, operation: Operation, number: int) -> Reply:
    """Set how many approvers an operation needs, with as many people as there can be."""
    fields = {"option": Option.APPROVALS + operation, "amount_minor": number}
    return t.send(Kind.SET_APPROVALS, **OPERATOR, **fields, **_as_fields((11, 12, 13, 14)))


_person = st.sampled_from([0, 1, 2, 3, 4])


@pytest.mark.parametrize("path", PATHS)
@settings(
    phases=[Phase.explicit, Phase.generate], max_examples=12, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(people=st.tuples(_person, _person, _person, _person), needed=st.integers(0, MOST_APPROVERS))
def test_no_path_executes_a_dangerous_command_without_its_approvers(
    place: Town, path: str, people: People, needed: int
) -> None:
    operation, about = PATHS[path]
    assert _need(place, operation, needed).reason == Reason.OK
    fields = about(place, place.lane.last_seq)
    reply = place.send(fields.pop("kind"), **OPERATOR, **fields, **_as_fields(people))
    assert reply.reason == _verdict(people, needed)
    assert (reply.state == State.DECLINED) == (reply.reason != Reason.OK)
    if reply.reason != Reason.OK:
        assert (reply.moved_minor, reply.held_minor, reply.fee_minor) == (0, 0, 0)


@settings(
    phases=[Phase.explicit, Phase.generate], max_examples=25, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(
    people=st.tuples(_person, _person, _person, _person), before=st.integers(0, MOST_APPROVERS),
    wanted=st.integers(0, MOST_APPROVERS), operation=st.sampled_from(Operation), needed=st.integers(0, MOST_APPROVERS),
)  # fmt: skip
def test_fewer_approvers_need_the_approvers_of_that_operation(
    place: Town, people: People, before: int, wanted: int, operation: Operation, needed: int
) -> None:
    _need(place, operation, before)
    _need(place, Operation.APPROVALS, needed)
    before = needed if operation == Operation.APPROVALS else before
    fields = {"option": Option.APPROVALS + operation, "amount_minor": wanted}
    reply = place.send(Kind.SET_APPROVALS, **OPERATOR, **fields, **_as_fields(people))
    assert reply.reason == (_verdict(people, needed) if wanted < before else Reason.OK)


@pytest.mark.parametrize("path", PATHS)
def test_who_does_not_run_the_system_executes_nothing_dangerous_however_approved(place: Town, path: str) -> None:
    fields = PATHS[path][1](place, 1)
    assert place.send(fields.pop("kind"), **fields, **_as_fields((1, 2, 3, 4))).state == State.DECLINED


@pytest.mark.parametrize("path", PATHS)
def test_the_numbers_of_contracts_hold_until_they_are_changed(place: Town, path: str) -> None:
    operation, about = PATHS[path]
    enough = tuple(range(2, 2 + APPROVERS[operation]))
    for approvers in (enough[:-1], (*enough[:-1], 1), enough):
        fields = about(place, len(approvers))
        people = (1, *approvers, *(0,) * (3 - len(approvers)))
        reply = place.send(fields.pop("kind"), **OPERATOR, **fields, **_as_fields(people))
        expected = {enough[:-1]: Reason.APPROVALS_MISSING, enough: Reason.OK}.get(approvers, Reason.APPROVAL_OWN)
        assert reply.reason == expected


def test_the_numbers_survive_a_restart_and_the_row_says_who(place: Town) -> None:
    _need(place, Operation.RECOVER, 3)
    place.restart()
    fields = _reverse(place, 0)
    reply = place.send(fields.pop("kind"), **OPERATOR, **fields, **_as_fields((1, 2, 3, 0)))
    assert reply.reason == Reason.APPROVALS_MISSING
    assert place.lane.state.scalars[0, at.APPROVERS_NEEDED + Operation.RECOVER] == 3 + 1
    done = place.send(Kind.RECOVER, **OPERATOR, **fields, **_as_fields((1, 2, 3, 4)))
    with place.database.connect() as connection:
        row = connection.execute(
            "SELECT maker, approval_1, approval_2, approval_3 FROM journal WHERE lane = %s AND seq = %s",
            [place.settings.lane, done.seq],
        ).fetchone()
    assert row == (1, 2, 3, 4)
