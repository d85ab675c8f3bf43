"""What the review queue looks like to a caller."""

from __future__ import annotations

import msgspec

from penstock.office.approvals.views import RequestView


class ReviewView(msgspec.Struct, frozen=True):
    """A payment that waits, or waited, for a person.

    ``expected_loss_basis``: ``score`` = the model's score x amount; ``prior`` = the setting ``review_prior_basis_points``
    x amount, for what no model has scored. ``default``: what happens at the deadline when nobody decides.
    ``decided_how``: ``person``, ``deadline`` or ``payer`` (who cancelled). ``approvals``: requests about it that wait.
    """

    payment: str
    command: str
    client: str
    type: str
    amount_minor: int
    currency: str
    payer: str
    payee: str
    state: str  # open or decided
    urgent: bool
    opened: str
    deadline: str
    default: str
    expected_loss_minor: int
    expected_loss_basis: str
    score: float | None = None
    reference: str | None = None
    claimed_by: str | None = None
    claimed_until: str | None = None
    mine: bool = False
    outcome: str | None = None
    decided_by: str | None = None
    decided_how: str | None = None
    decided: str | None = None
    reviewed_s: float | None = None
    approvals: list[RequestView] = []


class ReviewPage(msgspec.Struct, frozen=True):
    """A page of reviews; ``next_cursor`` is null at the end. ``as_of_seq``: the queue has seen the journal so far."""

    reviews: list[ReviewView]
    next_cursor: str | None
    as_of_seq: int


class NextView(msgspec.Struct, frozen=True):
    """The review that was claimed; null when none waits."""

    review: ReviewView | None


class SummaryView(msgspec.Struct, frozen=True):
    """The queue in numbers.

    ``this_hour``: reviews that began in this hour, against ``reviews_per_hour`` of the policy, beyond which
    ``review_overflow`` holds. ``decided_last_day`` and ``median_reviewed_s``: of what began within a day.
    """

    open: int
    due_soon: int
    claimed: int
    mine: int
    oldest_opened: str | None
    expected_loss_minor: dict[str, int]
    this_hour: int
    reviews_per_hour: int
    review_overflow: str
    decided_last_day: int
    median_reviewed_s: float | None
    as_of_seq: int
