"""Names, pauses and what an answer of bank or lane means. Pure."""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

from penstock.contracts import ids as public
from penstock.contracts.commands import Kind, Status
from penstock.contracts.ids import PublicIds
from penstock.contracts.reasons import Reason
from penstock.process.rails.bank import Outcome

#: The tail that sees what has to leave and what was booked.
TAIL: Final = "rails"
#: Answers of the lane about a payment that is on its way: the same command may take effect later.
NOT_YET: Final = frozenset({Reason.PAYMENT_OPEN, Reason.PAYMENT_DELAYED, Reason.PAYMENT_IN_REVIEW})


def end_to_end_id(ids: PublicIds, lane: int, seq: int) -> str:
    """The bank's name for the credit transfer that a row asks for: always the same, different in each installation."""
    return f"{lane}-{ids.encode(public.Kind.PAYMENT, seq)}"


def uetr(end_to_end: str) -> str:
    """The unique end-to-end transaction reference: a UUIDv4 in form, made of the end-to-end id."""
    number = int.from_bytes(hashlib.sha256(f"uetr {end_to_end}".encode()).digest()[:16], "big")
    return str(uuid.UUID(int=number, version=4))


def out_workflow(lane: int, seq: int) -> str:
    """The id of the workflow of a credit transfer."""
    return f"rail-out-{lane}-{seq}"


def in_workflow(lane: int, number: int) -> str:
    """The id of the workflow of an entry of the bank."""
    return f"rail-in-{lane}-{number}"


def pause_s(attempt: int, first_s: float, longest_s: float, chance: float) -> float:
    """How long to wait before asking again: doubling up to the longest, between half and all of it.

    :param attempt: from 0.
    :param chance: 0 to 1, so that those that wait for the same bank do not come back together.
    """
    return float(min(first_s * 2.0 ** min(attempt, 30), longest_s) * (0.5 + chance / 2))


def follow_up(outcome: Outcome) -> Kind:
    """What the lane is told when the bank's answer is certain."""
    assert outcome is not Outcome.UNKNOWN
    return Kind.CLEAR if outcome is Outcome.PAID else Kind.RELEASE


def took_effect(status: int, reason: int) -> bool:
    """Whether the lane did what it was told, now or when it was told before."""
    return status in (Status.DONE, Status.REPLAYED) and reason == Reason.OK
