"""What the recovery queue looks like to a caller."""

from __future__ import annotations

import msgspec

from penstock.office.approvals.views import RequestView


class Words(msgspec.Struct, frozen=True):
    """A sentence in English and in Chinese."""

    en: str
    zh: str


class ProposalView(msgspec.Struct, frozen=True):
    """The correction that is ready: the command ``recover`` that POST …/propose asks for.

    ``amount_minor``: what it is about; of a payment, all that is left is given back.
    """

    correction: str
    amount_minor: int
    currency: str
    payment: str | None = None
    account: str | None = None


class BankView(msgspec.Struct, frozen=True):
    """What is known of the credit transfer: its state here, how often the bank was asked, and whether a statement has it."""

    state: str
    reason: str
    asked: int
    bank_reference: str
    on_statement: bool


class RecoveryView(msgspec.Struct, frozen=True):
    """A case with its evidence.

    ``proposed`` is null where a person has to choose one of ``choices``, or the account. ``confidence``: ``low`` for
    payments that are alike but have no reference. ``request``: the newest approval request made of the case.
    """

    recovery: str
    kind: str
    title: Words
    explanation: Words
    confidence: str
    state: str
    client: str
    payment: str
    type: str
    amount_minor: int
    currency: str
    payer: str
    payee: str
    since: str
    choices: list[str]
    proposed: ProposalView | None
    repeats: str | None = None
    gap_s: float | None = None
    reference: str | None = None
    bank: BankView | None = None
    request: str | None = None
    outcome: str | None = None
    outcome_words: Words | None = None
    closed: str | None = None
    closed_by: str | None = None
    note: str | None = None
    approvals: list[RequestView] = []


class RecoveryPage(msgspec.Struct, frozen=True):
    """A page of cases, newest first; ``next_cursor`` is null at the end. ``as_of_seq``: the search has come so far."""

    recoveries: list[RecoveryView]
    next_cursor: str | None
    as_of_seq: int
