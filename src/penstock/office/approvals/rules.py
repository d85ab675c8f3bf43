"""When a request may be changed, by whom, and what goes to the lane. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import numpy as np

from penstock.contracts.commands import COMMAND, MOST_APPROVERS
from penstock.contracts.ids import derived_command_id, split_uuid, uuid7_time_ms
from penstock.contracts.reasons import EXPLANATIONS, Reason
from penstock.kit.http.problem import Problem, too_many
from penstock.office.approvals.store import Request, Step

#: The lane may say so often that approvers are missing; then the request ends as refused.
MOST_ATTEMPTS: Final = 5
#: Set when the command is sent, so no part of what was asked for.
_NOT_ASKED: Final = frozenset({"token", "id_hi", "id_lo", "client", "payload_bytes", "maker", *(
    f"approval_{place}" for place in range(1, MOST_APPROVERS + 1)
)})  # fmt: skip
_APPROVALS: Final = tuple(f"approval_{place}" for place in range(1, MOST_APPROVERS + 1))


class Status(StrEnum):
    """Where a request stands."""

    PENDING = "pending"  # waits for approvers
    APPROVED = "approved"  # enough have approved; the command is on its way
    DONE = "done"  # the command took effect
    REFUSED = "refused"  # the lane refused it
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


def content(record: bytes) -> dict[str, int]:
    """What a ``COMMAND`` record asks for, by the names of its fields, without those that are 0."""
    command = np.frombuffer(record, dtype=COMMAND)[0]
    names = [name for name in COMMAND.names or () if name not in _NOT_ASKED]
    return {name: int(command[name]) for name in names if command[name]}


def sealed(request: Request, approvers: Sequence[int]) -> bytes:
    """The ``COMMAND`` record of an approved request, with its maker and those who approved, in their order."""
    assert len(approvers) <= MOST_APPROVERS
    record: Any = np.zeros(1, dtype=COMMAND)
    for name, value in request.command.items():
        record[name] = value
    record["id_hi"], record["id_lo"] = split_uuid(request.sent_id)
    record["client"], record["maker"] = request.client, request.maker
    record["payload_bytes"] = len(request.payload)
    for name, person in zip(_APPROVALS, approvers, strict=False):  # fewer than three may have been needed
        record[name] = person
    return bytes(record.tobytes())


def approvers(steps: Sequence[Step]) -> list[int]:
    """The persons who approved, in order."""
    return [step.person for step in steps if step.action == "approved"]


def lapses_at(command_id: uuid.UUID, now: datetime, ttl_s: int) -> datetime:
    """When a request made now lapses: counted from its id's time, so that the id is still good when it is approved.

    :raises Problem: 422 when that is already past.
    """
    made = datetime.fromtimestamp(uuid7_time_ms(split_uuid(command_id)[0]) / 1000, UTC)
    end = min(made, now) + timedelta(seconds=ttl_s)
    if end <= now:
        detail = f"Ids of requests for approval may be {ttl_s} seconds old. Nothing was asked for; make a new UUIDv7."
        raise Problem(422, "approval_id_expired", "This id is too old to ask for approval", detail)
    return end


def renewed_id(request: Request, now: datetime) -> uuid.UUID:
    """The id for the next attempt; the one before is the journal's, with the refusal for want of approvers."""
    return derived_command_id(int(now.timestamp() * 1000), f"approval:{request.request}:{request.attempts + 1}")


def require_person(person: int) -> None:
    """Let only people ask and approve.

    :raises Problem: 403 when nobody is named as the key's owner.
    """
    if not person:
        detail = "Make a new key with `penstock key create --owner NAME`: approvals are between people."
        raise Problem(403, "person_unknown", "Nobody is known to be behind this key", detail)


def require_pending(request: Request) -> None:
    """Let only what still waits be changed.

    :raises Problem: 409, naming the status.
    """
    if request.status != Status.PENDING:
        detail = f"The request is {request.status}. Look at it; ask anew if it is still needed."
        extra = {"status_now": request.status}
        raise Problem(409, "approval_ended", "The request does not wait for approval any more", detail, extra=extra)


def require_other(request: Request, person: int) -> None:
    """Let only others than the maker decide.

    :raises Problem: 403.
    """
    require_person(person)
    if request.maker == person:
        words = EXPLANATIONS[Reason.APPROVAL_OWN]
        detail = "You asked for this yourself. Let another person approve it, or take it back with …/withdraw."
        raise Problem(403, "approval_own", words.en, detail)


def require_first(steps: Sequence[Step], person: int) -> None:
    """Let nobody approve twice.

    :raises Problem: 409.
    """
    if person in approvers(steps):
        detail = "You have approved this request before; another person has to approve it as well."
        raise Problem(409, "already_approved", "One person approves once", detail)


def require_maker(request: Request, person: int) -> None:
    """Let only the maker take a request back.

    :raises Problem: 403.
    """
    require_person(person)
    if request.maker != person:
        detail = "Only the one who asked can take a request back; with scope approve you can reject it."
        raise Problem(403, "not_the_maker", "This request is somebody else's", detail)


def other_content() -> Problem:
    """409: the command id stands for another request."""
    words = EXPLANATIONS[Reason.ID_CONFLICT]
    return Problem(words.http, "id_conflict", words.en, words.next_en)


def too_many_open(most: int) -> Problem:
    """429: more requests wait than may."""
    detail = f"At most {most} requests wait for approval at a time. Nothing was done; let some be decided first."
    return too_many("approvals_full", "Too many requests wait for approval", detail, retry_after_s=60)
