"""`penstock verify` finds what must not happen in a payment's whole life: each fault is planted alone, and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from review.life_maker import MINUTE_US, LifeMaker
from review.verifying import Verify, checks, store
from support.database import Database

from penstock.contracts.commands import Flag, Kind, Operation, Option, PaymentType
from penstock.contracts.reasons import Reason
from penstock.review.verify.report import as_words

#: A fault: given a journal and two funded accounts, the row at which it must be found.
Plan = Callable[[LifeMaker, int, int], int]
_NOBODY: Final = {"approval_1": 0, "approval_2": 0}
_OPERATES: Final = int(Flag.OPERATES)


def _concurrent_refunds(j: LifeMaker, a: int, b: int) -> int:
    """Two refunds that did not see each other."""
    paid = j.pay(a, b, 1000)
    j.give_back(Kind.REFUND, paid, 600)
    j.payments[paid] |= {"left": 1000, "last": paid}
    return j.give_back(Kind.REFUND, paid, 600)


def _refund_after_the_last(j: LifeMaker, a: int, b: int) -> int:
    paid = j.pay(a, b, 1000)
    j.give_back(Kind.REFUND, paid)
    j.payments[paid] |= {"left": 1000, "last": paid}
    for _ in range(20):  # so that the payment is not in memory any more
        j.pay(a, b, 1)
    return j.give_back(Kind.REFUND, paid)


def _refund_of_a_hold(j: LifeMaker, a: int, b: int) -> int:
    held = j.hold(a, b, 1000)
    j.payments[held]["left"] = 1000
    return j.give_back(Kind.REFUND, held)


def _above_a_partial_clear(j: LifeMaker, a: int, b: int) -> int:
    held = j.hold(a, b, 1000)
    j.clear(held, 400, release_rest=True)
    return j.give_back(Kind.REFUND, held, 401)


def _chained_past_the_clearing(j: LifeMaker, a: int, b: int) -> int:
    held = j.hold(a, b, 1000)
    j.clear(held, 400, release_rest=True)
    for _ in range(20):
        j.pay(a, b, 1)
    j.payments[held] |= {"last": held, "left": 1000}
    return j.give_back(Kind.REFUND, held, 900)


GIVEN_BACK: list[tuple[str, Plan, str]] = [
    ("a refund above what was cleared", lambda j, a, b: j.give_back(Kind.REFUND, j.pay(a, b, 1000), 1001), "left"),
    ("a refund above a partial clear", _above_a_partial_clear, "left"),
    ("concurrent refunds above what was cleared", _concurrent_refunds, "left"),
    ("a refund after the last one", _refund_after_the_last, "payments"),
    ("a refund of what is held", _refund_of_a_hold, "payments"),
    ("a refund that passes over the clearing", _chained_past_the_clearing, "links"),
    ("a wrong left_minor", lambda j, a, b: j.give_back(Kind.RETURN, j.pay(a, b, 1000), 300, left_minor=701), "left"),
    ("a refund of a withdrawal", lambda j, a, _: j.give_back(Kind.REFUND, j.withdraw(a, 100)), "payments"),
    ("a return of a deposit", lambda j, a, _: j.give_back(Kind.RETURN, j.deposit(a, 100)), "payments"),
    ("a chargeback without its fee", lambda j, a, b: j.give_back(Kind.CHARGEBACK, j.pay(a, b, 9000), fee_minor=0), "fees"),
    (
        "a refund by a stranger",
        lambda j, a, b: j.give_back(Kind.REFUND, j.pay(a, b, 1000), client=5, flags=0),
        "ownership",
    ),
    (
        "a chargeback by the client",
        lambda j, a, b: j.give_back(Kind.CHARGEBACK, j.pay(a, b, 9000), client=1, flags=0),
        "ownership",
    ),
    (
        "a refund to somebody else",
        lambda j, a, b: j.give_back(Kind.REFUND, j.pay(a, b, 1000), payee_account=b),
        "suspense",
    ),
]


def _part_by_the_bank(j: LifeMaker, a: int, _: int) -> int:
    money = j.deposit(a, 1000)
    j.refund_by_bank(money, 800)
    j.payments[money]["sent"] = 500
    return j.bank_answers(money, paid=True)


def _not_by_the_bank(j: LifeMaker, a: int, _: int) -> int:
    money = j.deposit(a, 1000)
    j.refund_by_bank(money, 800)
    return j.bank_answers(money, paid=False, client=1, flags=0)


def _lost_at_the_bank(j: LifeMaker, a: int, _: int) -> int:
    money = j.deposit(a, 1000)
    j.refund_by_bank(money, 800)
    return j.bank_answers(money, paid=True, left_minor=1000)


def _sent_twice(j: LifeMaker, a: int, _: int) -> int:
    money = j.deposit(a, 1000)
    j.refund_by_bank(money, 500)
    return j.refund_by_bank(money, 500)


BANK: list[tuple[str, Plan, str]] = [
    ("a refund finished in part", _part_by_the_bank, "payments"),
    ("a refund finished by its client", _not_by_the_bank, "ownership"),
    ("a refund that paid, but left the same", _lost_at_the_bank, "left"),
    ("a second refund while one is at the bank", _sent_twice, "payments"),
    ("a withdrawal paid out in part", lambda j, a, _: j.clear(j.withdraw_by_bank(a, 500), 100), "payments"),
    ("a withdrawal given back by its client", lambda j, a, _: j.cancel(j.withdraw_by_bank(a, 500)), "ownership"),
    ("a hold finished like one at the bank", lambda j, a, b: j.finish(j.hold(a, b, 500), paid=True), "payments"),
]


def _late_decision(j: LifeMaker, a: int, b: int) -> int:
    waiting = j.review(a, b, 60_000)
    j.wait(900_000_001)
    return j.approve(waiting)


def _early_arrival(j: LifeMaker, a: int, b: int) -> int:
    delayed = j.delay(a, b, 700)
    j.payments[delayed]["expires"] = j.now_us
    return j.fall_due(delayed)


def _frozen_arrival(j: LifeMaker, a: int, b: int) -> int:
    delayed = j.delay(a, b, 700)
    j.set_account(b, Option.FREEZE_CREDIT)
    return j.fall_due(delayed)


def _forgotten_arrival(j: LifeMaker, a: int, b: int) -> int:
    delayed = j.delay(a, b, 700)
    j.wait(20 * MINUTE_US)
    j.pay(a, b, 1)
    return delayed


def _crowd(j: LifeMaker, a: int, b: int) -> int:
    for _ in range(4):
        j.review(a, b, 51_000)
    return j.review(a, b, 51_000)


def _other_default(j: LifeMaker, a: int, b: int) -> int:
    waiting = j.review(a, b, 61_000, PaymentType.TRANSFER)  # by default it is rejected
    j.now_us = j.payments[waiting]["expires"]
    return j._follow(Kind.EXPIRE, waiting, 0, 61_000, 0, client=0)


def _smaller_limit(j: LifeMaker, a: int, b: int) -> int:
    waiting = j.review(a, b, 60_000)
    j.set_limit(a, Option.LIMIT_SINGLE, 59_999, PaymentType.PURCHASE)
    return j.approve(waiting)


def _frozen_meanwhile(j: LifeMaker, a: int, b: int) -> int:
    waiting = j.review(a, b, 60_000)
    j.set_account(a, Option.FREEZE_DEBIT)
    return j.approve(waiting)


REVIEWS: list[tuple[str, Plan, str]] = [
    ("a review decided after its deadline", _late_decision, "expiry"),
    ("a review decided by who does not operate", lambda j, a, b: j.approve(j.review(a, b, 60_000), flags=0), "ownership"),
    ("a review that ends against its default", _other_default, "payments"),
    ("a review approved above a limit of now", _smaller_limit, "limits"),
    ("a review approved for a frozen payer", _frozen_meanwhile, "freezes"),
    ("a payment that needed a review", lambda j, a, b: j.pay(a, b, 60_001), "state"),
    ("a review that nobody asked for", lambda j, a, b: j.review(a, b, 50_000), "state"),
    ("more reviews than an hour can take", _crowd, "reviews"),
    ("no more reviews, but there were", lambda j, a, b: j.decline(a, b, 61_000, Reason.REVIEWS_FULL), "reviews"),
    ("a delayed payment cleared early", _early_arrival, "expiry"),
    ("a delayed payment cleared to a frozen account", _frozen_arrival, "payments"),
    ("a delayed payment forgotten", _forgotten_arrival, "expiry"),
    (
        "a delayed payment sent back without cause",
        lambda j, a, b: j.fall_due(j.delay(a, b, 700), Reason.PAYEE_FROZEN),
        "payments",
    ),
]


def _after(account: str, option: Option, then: Plan, amount: int = 0) -> Plan:
    """Do something after a freeze of one of the accounts."""

    def plan(j: LifeMaker, a: int, b: int) -> int:
        j.set_account(a if account == "a" else b, option, amount=amount)
        j.commit()
        return then(j, a, b)

    return plan


def _pay(j: LifeMaker, a: int, b: int) -> int:
    return j.pay(a, b, 60_000)


def _cleared_after_a_freeze(j: LifeMaker, a: int, b: int) -> int:
    held = j.hold(a, b, 700)
    j.set_account(a, Option.FREEZE_ALL)
    return j.clear(held)


def _refund_to_frozen(*, flag: bool) -> Plan:
    def plan(j: LifeMaker, a: int, b: int) -> int:
        paid = j.pay(a, b, 700)
        j.set_account(a, Option.FREEZE_CREDIT)
        # to the frozen account as if nothing were, or to suspense without saying so
        return j.give_back(Kind.REFUND, paid, **({} if not flag else {"payee_account": 3}))

    return plan


def _into_closed(j: LifeMaker, *_: int) -> int:
    other = j.open_account(j.open_customer())
    j.set_account(other, Option.CLOSE)
    return j.deposit(other, 5)


FREEZES: list[tuple[str, Plan, str]] = [
    ("a payment out of a frozen account", _after("a", Option.FREEZE_DEBIT, _pay), "freezes"),
    ("a payment into a frozen account", _after("b", Option.FREEZE_CREDIT, _pay), "freezes"),
    ("a payment out of a wholly frozen account", _after("a", Option.FREEZE_ALL, _pay), "freezes"),
    ("a withdrawal of a frozen amount", _after("a", Option.FREEZE_AMOUNT, _pay, 240_001), "freezes"),
    ("a hold cleared out of a frozen account", _cleared_after_a_freeze, "freezes"),
    ("a deposit into a closed account", _into_closed, "freezes"),
    ("an account closed with money in it", lambda j, a, _: j.set_account(a, Option.CLOSE), "freezes"),
    ("a freeze that begins before it was asked for", lambda j, a, _: j.set_account(a, Option.FREEZE_ALL, from_us=5), "freezes"),
    ("a freeze by a stranger", lambda j, a, _: j.set_account(a, Option.FREEZE_DEBIT, client=5, flags=0), "ownership"),
    ("a refund to a frozen account", _refund_to_frozen(flag=False), "suspense"),
    ("a credit of suspense without the flag", _refund_to_frozen(flag=True), "suspense"),
    ("a deposit into suspense without the flag", lambda j, *_: j.deposit_for_nobody(5, flags=_OPERATES), "suspense"),
    ("more out of suspense than there is", lambda j, a, _: j.move_suspense(a, 5), "suspense"),
    ("the flag of suspense on another account", lambda j, a, _: j.deposit(a, 5, flags=int(Flag.TO_SUSPENSE)), "suspense"),
]


def _shorter(j: LifeMaker, a: int, _: int) -> int:
    j.set_account(a, Option.FREEZE_DEBIT, until_us=j.now_us + 20 * MINUTE_US)
    return j.set_account(a, Option.FREEZE_DEBIT, until_us=j.now_us + 10 * MINUTE_US, **_NOBODY)


def _smaller(j: LifeMaker, a: int, _: int) -> int:
    j.set_account(a, Option.FREEZE_AMOUNT, amount=100)
    return j.set_account(a, Option.FREEZE_AMOUNT, amount=99, **_NOBODY)


def _raised_before(j: LifeMaker, *_: int) -> int:
    j.set_approvals(Operation.LIMITS, 3, **_NOBODY)
    return j.set_tier(1, 1)


def _old_tier(j: LifeMaker, a: int, b: int) -> int:
    j.set_tier(1, 1)
    j.customers[0]["tier"] = 0
    return j.pay(a, b, 5)


def _own_limit_over(j: LifeMaker, a: int, _: int) -> int:
    j.deposit(a, 900_000)
    until_us = j.now_us + 10 * MINUTE_US
    for option in (Option.LIMIT_SINGLE, Option.LIMIT_DAY_AMOUNT):
        j.set_limit(a, option, 2_000_000, PaymentType.ANY, expires_us=until_us)
    j.withdraw(a, 500_001)
    j.wait(10 * MINUTE_US)
    return j.withdraw(a, 500_001)


def _own_limit(j: LifeMaker, a: int, b: int) -> int:
    j.set_limit(a, Option.LIMIT_DAY_COUNT, 2)
    j.pay(a, b, 1)
    j.pay(a, b, 1)
    return j.pay(a, b, 1)


APPROVALS: list[tuple[str, Plan, str]] = [
    ("an approval by the maker", lambda j, *_: j.set_tier(1, 1, approval_1=1), "approvals"),
    ("an approval by the same person twice", lambda j, *_: j.set_tier(1, 1, approval_1=3), "approvals"),
    ("approvals for nobody's wish", lambda j, *_: j.set_tier(1, 1, maker=0), "approvals"),
    ("a tier changed without approvals", lambda j, *_: j.set_tier(1, 1, **_NOBODY), "approvals"),
    ("a limit raised without approvals", lambda j, a, _: j.set_limit(a, Option.LIMIT_SINGLE, 5, **_NOBODY), "approvals"),
    ("an unfreeze without approvals", lambda j, a, _: j.set_account(a, Option.UNFREEZE_ALL, **_NOBODY), "approvals"),
    ("a freeze shortened without approvals", _shorter, "approvals"),
    ("a frozen amount lessened without approvals", _smaller, "approvals"),
    ("a large review decided alone", lambda j, a, b: j.reject(j.review(a, b, 80_001), **_NOBODY), "approvals"),
    ("a reversal without approvals", lambda j, a, b: j.give_back(Kind.RECOVER, j.pay(a, b, 5), **_NOBODY), "approvals"),
    ("suspense moved without approvals", lambda j, a, _: j.move_suspense(a, 0, **_NOBODY), "approvals"),
    ("fewer approvers without approvals", lambda j, *_: j.set_approvals(Operation.LIMITS, 0, approval_2=0), "approvals"),
    ("approvers out of bounds", lambda j, *_: j.set_approvals(Operation.LIMITS, 4), "approvals"),
    ("fewer approvers than were set", _raised_before, "approvals"),
    ("a tier that the policy has not", lambda j, *_: j.set_tier(1, 2), "numbering"),
    ("a payment by the tier of before", _old_tier, "ownership"),
    ("a payment above a limit of one's own", _own_limit, "limits"),
    ("a payment by an own limit that has ended", _own_limit_over, "limits"),
]
FAULTS: Final = [*GIVEN_BACK, *BANK, *REVIEWS, *FREEZES, *APPROVALS]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(("name", "plan", "check"), FAULTS, ids=[name for name, _, _ in FAULTS])
def test_a_planted_fault_is_found(emptied: Database, verified: Verify, name: str, plan: Plan, check: str) -> None:
    journal = LifeMaker()
    a, b = journal.fund(amount=300_000), journal.fund(amount=300_000)
    seq = plan(journal, a, b)
    journal.commit()
    store(emptied, journal)
    report = verified()
    words = "\n".join(as_words(report, 1.0))
    assert report.findings, name
    assert report.findings[0].seq == seq, words
    assert (check, seq) in {(finding.check, finding.seq) for finding in report.findings}, words
    assert "digest" not in checks(report)
