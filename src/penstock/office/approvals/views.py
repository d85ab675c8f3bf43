"""What an approval request looks like to a caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from penstock.contracts import ids as public
from penstock.contracts.commands import Operation
from penstock.contracts.ids import PublicIds
from penstock.contracts.reasons import EXPLANATIONS, Reason
from penstock.contracts.words import REASONS, STATES, time_text
from penstock.office.approvals.store import Request, Step


class Words(msgspec.Struct, frozen=True):
    """A sentence for people, in both languages."""

    en: str
    zh: str


class StepView(msgspec.Struct, frozen=True):
    """What somebody did to the request; the system's own steps have no person."""

    action: str
    time: str
    person: str | None
    note: str


class OutcomeView(msgspec.Struct, frozen=True):
    """The lane's answer to the approved command; ``seq`` is null when it left no row."""

    state: str
    reason: str
    reason_code: int
    seq: int | None
    message: Words
    next_step: Words


class ObjectView(msgspec.Struct, frozen=True):
    """What the request is about."""

    kind: str
    id: str


class RequestView(msgspec.Struct, frozen=True):
    """A request, what has been done to it, and what came of it."""

    request: str
    status: str
    status_text: Words
    operation: str
    object: ObjectView
    command_id: str
    summary: dict[str, Any]
    maker: str
    needed: int
    approved: int
    made: str
    lapses: str
    ended: str | None
    steps: list[StepView]
    outcome: OutcomeView | None


class RequestPage(msgspec.Struct, frozen=True):
    """Requests, newest first; ``next_cursor`` is null at the end."""

    requests: list[RequestView]
    next_cursor: str | None


_STATUS_TEXTS: Final = {
    "pending": Words("Waits for approval.", "等待审批。"),
    "approved": Words("Approved; it is being carried out.", "已批准，正在执行。"),
    "done": Words("Approved and carried out.", "已批准并执行。"),
    "refused": Words("Approved, but it could not be carried out; see the outcome.", "已批准，但未能执行，请查看结果。"),
    "rejected": Words("Rejected; nothing was done.", "审批未通过，未执行任何操作。"),
    "withdrawn": Words("Withdrawn by the one who asked; nothing was done.", "申请人已撤回，未执行任何操作。"),
    "lapsed": Words("Not approved in time; nothing was done.", "审批超时失效，未执行任何操作。"),
}


def view(request: Request, steps: Sequence[Step], ids: PublicIds) -> RequestView:
    """Show a request with its steps."""
    return RequestView(
        request=ids.encode(public.Kind.APPROVAL, request.request),
        status=request.status,
        status_text=_STATUS_TEXTS[request.status],
        operation=Operation(request.operation).name.lower(),
        object=ObjectView(request.object_kind, request.object_id),
        command_id=str(request.command_id),
        summary=request.summary,
        maker=steps[0].name,
        needed=request.needed,
        approved=sum(step.action == "approved" for step in steps),
        made=_text(request.made_at),
        lapses=_text(request.lapses_at),
        ended=_text(request.ended_at) if request.ended_at else None,
        steps=[StepView(step.action, _text(step.time), step.name or None, step.note) for step in steps],
        outcome=_outcome(request),
    )


def _outcome(request: Request) -> OutcomeView | None:
    if request.outcome_reason is None or request.outcome_state is None:
        return None
    reason = Reason(request.outcome_reason)
    words = EXPLANATIONS[reason]
    return OutcomeView(
        STATES[request.outcome_state],
        REASONS[reason],
        int(reason),
        request.outcome_seq or None,
        Words(words.en, words.zh),
        Words(words.next_en, words.next_zh),
    )


def _text(time: datetime) -> str:
    return time_text(round(time.timestamp() * 1_000_000))
