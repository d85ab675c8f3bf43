"""The bodies of the commands with which people control: reviews, freezes, tiers, limits, corrections, approvals.

Like those of payments they refuse unknown fields. None of them goes into a batch: each is one person's deed. The
``…Item`` classes add what the path names.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from penstock.contracts.commands import MOST_APPROVERS
from penstock.contracts.money import MAX_AMOUNT_MINOR
from penstock.process.commands.bodies import (
    AccountId,
    AmountMinor,
    Body,
    CurrencyCode,
    CustomerId,
    GiveBack,
    PaymentId,
)  # fmt: skip

Why = Annotated[
    str, Meta(min_length=1, max_length=500, description="Why, for the journal. Only operators can read it.")
]
Time = Annotated[datetime, Meta(tz=True)]
LimitField = Literal[
    "single", "day_amount", "day_count", "month_amount", "month_count", "year_amount", "year_count"
]  # fmt: skip
LimitValue = Annotated[
    int, Meta(ge=1, le=MAX_AMOUNT_MINOR, description="Minor units, or a number of payments; absent with `remove`.")
]
#: More than may be asked for, so that the lane can say with a row that it is too many.
_MANY_APPROVERS = 100


class Explained(Body, frozen=True, kw_only=True):
    """A command that says why it is given."""

    reason: Why


class Decide(Body, frozen=True, kw_only=True):
    """Decide about a payment in review: approve checks accounts and limits again, reject gives everything back."""

    decision: Literal["approve", "reject"]
    reason: Why | None = None


class Freeze(Explained, frozen=True, kw_only=True):
    """Freeze what leaves an account, what comes in, both, or an amount of its balance; it ends by itself at `until`."""

    side: Literal["debit", "credit", "all", "amount"]
    amount_minor: Annotated[AmountMinor | None, Meta(description="With the side `amount`: so much may not leave.")] = None
    from_: Annotated[Time | None, Meta(description="When it begins, ISO 8601; absent = now.")] = msgspec.field(
        default=None, name="from"
    )
    until: Annotated[Time | None, Meta(description="When it ends, ISO 8601; absent = only by `unfreeze`.")] = None


class Unfreeze(Explained, frozen=True, kw_only=True):
    """End a freeze before its time. Needs approvals."""

    side: Literal["debit", "credit", "all", "amount"]


class Close(Body, frozen=True, kw_only=True):
    """Close an empty account for good; what is sent to it afterwards goes to suspense."""

    reason: Why | None = None


class SetTier(Explained, frozen=True, kw_only=True):
    """Give a customer another of the policy's tiers. Needs approvals."""

    tier: Annotated[str, Meta(max_length=100, description="A tier that the policy names.", examples=["verified"])]


class SetLimit(Explained, frozen=True, kw_only=True):
    """Set a limit of one customer alone, which stands in for the tier's, or remove it. Needs approvals."""

    type: Literal["any", "transfer", "purchase", "bill", "withdrawal"]
    currency: CurrencyCode
    limit: LimitField
    value: LimitValue | None = None
    until: Annotated[Time | None, Meta(description="When it ends by itself, ISO 8601; absent = never.")] = None
    remove: bool = False


class Recover(GiveBack, frozen=True, kw_only=True):
    """Correct a payment: reverse a duplicate, or finish one without the bank's answer. Needs approvals."""

    correction: Annotated[
        Literal["reverse", "finish_paid", "finish_unpaid"],
        Meta(description="`finish_paid`: the money has left through the bank; `finish_unpaid`: it has not."),
    ]
    from_suspense: Annotated[bool, Meta(description="With `reverse`: the operator pays, out of suspense.")] = False
    reason: Why


class MoveSuspense(Explained, frozen=True, kw_only=True):
    """Move money from suspense to the account that it belongs to. Needs approvals."""

    account: AccountId
    amount_minor: AmountMinor
    currency: CurrencyCode


class SetApprovals(Explained, frozen=True, kw_only=True):
    """Say how many approvers an operation needs. Fewer than now needs approvals itself."""

    operation: Literal["limits", "unfreeze", "review", "recover", "approvals", "publish"]
    approvers: Annotated[int, Meta(ge=0, le=_MANY_APPROVERS, description=f"From 0 to {MOST_APPROVERS}.")]


class PublishModel(Explained, frozen=True, kw_only=True):
    """Put an uploaded model in force: from the next batch on it scores payments. Needs approvals."""


class WithdrawModel(Explained, frozen=True, kw_only=True):
    """Take the model in force away: payments are not scored any more. Needs approvals."""


class DecideItem(Decide, frozen=True, kw_only=True):
    """With its payment."""

    payment: PaymentId


class FreezeItem(Freeze, frozen=True, kw_only=True):
    """With its account."""

    account: AccountId


class UnfreezeItem(Unfreeze, frozen=True, kw_only=True):
    """With its account."""

    account: AccountId


class CloseItem(Close, frozen=True, kw_only=True):
    """With its account."""

    account: AccountId


class SetTierItem(SetTier, frozen=True, kw_only=True):
    """With its customer."""

    customer: CustomerId


class SetLimitItem(SetLimit, frozen=True, kw_only=True):
    """With its customer."""

    customer: CustomerId


class RecoverItem(Recover, frozen=True, kw_only=True):
    """With its payment."""

    payment: PaymentId


class PublishModelItem(PublishModel, frozen=True, kw_only=True):
    """With its model, and the name under which it was uploaded, which is looked up."""

    sha256: Annotated[str, Meta(description="The SHA-256 of the model's ONNX file, 64 hexadecimal digits.")]
    name: str | None = None
