"""Judging a payment's risk: its attempt and score, the verdict, labels, and the model in force."""

from __future__ import annotations

import numpy as np

from penstock.contracts.commands import Operation, Option, PaymentType, Status
from penstock.contracts.policy import RiskRule
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from support.oracle import checks
from support.oracle.book import Attempt, Book, Command, Labelled, Outcome, operates, require

_DONE = Outcome(Status.DONE, State.DONE)
#: The score of a payment that the model in force cannot score.
FAILED = -1.0


def note_attempt(book: Book, c: Command, now_us: int) -> None:
    """Remember an attempt, whatever becomes of it."""
    payer, payee = c.payer_account, c.payee_account if book.is_customers(c.payee_account) else 0
    score = 0.0
    if book.model is not None:
        told = book.model.score(c)
        score = FAILED if told is None else told
    book.attempts[book.seq] = Attempt(
        c.client, payer, payee, now_us, c, book.model_version, score, book.seen["payer", payer], book.seen["payee", payee]
    )
    book.seen["payer", payer] += 1
    book.seen["payee", payee] += 1


def verdict(book: Book, c: Command) -> str:
    """What the attempt's score asks for: ``allow``, ``challenge``, ``review`` or ``block``."""
    attempt = book.attempts[book.seq]
    if attempt.model == 0:
        return "allow"
    if attempt.score == FAILED:
        return book.policy.without_score
    rule = _rule(book, PaymentType(c.payment_type).name.lower())
    for name in ("block", "review", "challenge"):
        least = getattr(rule, name)
        if least is not None and np.float32(attempt.score) >= np.float32(least):
            passed = name == "challenge" and c.verification >= book.policy.challenge_factors
            return "allow" if passed else name
    return "allow"


def _rule(book: Book, kind: str) -> RiskRule:
    rules = {rule.type: rule for rule in book.policy.risk}
    return rules.get(kind) or rules.get("any") or RiskRule("any")


def label(book: Book, c: Command, _now_us: int) -> Outcome:
    payment = book.payments.get(c.ref_seq)
    require(payment is not None, Reason.PAYMENT_UNKNOWN)
    assert payment is not None
    require(payment.client == c.client or operates(c), Reason.PAYMENT_UNKNOWN)
    require(c.ref_seq in book.attempts, Reason.NOT_LABELLABLE)
    was = book.labels.get(c.ref_seq, 0)
    require(was != c.option and (was or c.option != Option.LABEL_NONE), Reason.LABEL_UNCHANGED)
    require(was or len(book.labels) < book.labels_max, Reason.LABELS_FULL)
    book.labels[c.ref_seq] = c.option
    book.labelled[book.seq] = Labelled(c.ref_seq, c.option, was)
    return _DONE


def publish_model(book: Book, c: Command, payload: bytes) -> Outcome:
    require(operates(c), Reason.APPROVALS_MISSING)
    found = book.models.get(payload)
    withdrawn = c.option == Option.MODEL_WITHDRAWN
    require(withdrawn or found is not None, Reason.MODEL_UNKNOWN)
    checks.check_approvals(book, c, Operation.PUBLISH)
    require(withdrawn or (found is not None and found.fits), Reason.MODEL_REFUSED)
    book.model = None if withdrawn else found
    book.versions += not withdrawn
    book.model_version = 0 if withdrawn else book.versions
    book.published[book.seq] = book.model_version
    return _DONE
