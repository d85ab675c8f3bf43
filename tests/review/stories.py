"""Two whole journals: the river of payments, and every way in which a payment lives on."""

from __future__ import annotations

from review.journal_maker import DAY_US, JournalMaker
from review.life_maker import MINUTE_US, LifeMaker

from penstock.contracts.commands import Flag, Kind, Operation, Option, PaymentType
from penstock.contracts.reasons import Reason

BATCHES = 5


def river() -> JournalMaker:
    """A journal in which payments are made, held and settled, over two days, in five batches."""
    journal = JournalMaker()
    a, b = journal.fund(), journal.fund()
    merchant = journal.fund(tier=1, code="USD")
    other = journal.open_account(journal.open_customer(tier=1), "USD")
    journal.open_account(1, "CNY")
    journal.commit()
    journal.pay(a, b, 1000, side=b"reference 1")
    journal.pay(b, a, 5000, PaymentType.PURCHASE, side=b"reference 2")
    journal.withdraw(a, 3333)
    journal.pay(merchant, other, 777)
    journal.decline(a, b, 9_999_999)
    first = journal.hold(a, b, 10_000, PaymentType.PURCHASE)
    second = journal.hold(b, a, 7777)
    journal.commit()
    journal.clear(first, 3333)
    journal.release(first, 1000)
    journal.cancel(second)
    journal.refuse(Kind.CLEAR, second, Reason.PAYMENT_CANCELLED)
    third = journal.hold(a, b, 555, PaymentType.PURCHASE)
    fourth = journal.hold(a, b, 900)
    fifth = journal.hold(b, a, 4444, PaymentType.PURCHASE, lifetime_us=2 * DAY_US)
    journal.commit()
    journal.clear(first, 100, release_rest=True)
    journal.clear(fourth)
    journal.refuse(Kind.RELEASE, fifth, Reason.AMOUNT_ABOVE_HOLD, amount=99_999)
    journal.expire(third)
    journal.refuse(Kind.CANCEL, 0, Reason.PAYMENT_UNKNOWN)
    journal.clear(fifth, 1111)
    journal.commit()
    journal.wait(DAY_US)
    journal.release(fifth, 2222)
    journal.pay(a, b, 12)
    journal.hold(a, b, 3000, PaymentType.PURCHASE)
    journal.withdraw(b, 1)
    journal.commit()
    assert len(journal.batches) == BATCHES
    return journal


def life() -> LifeMaker:
    """A journal with every command and every state, in batches of a few rows."""
    journal = LifeMaker()
    a, b, c = journal.fund(), journal.fund(), journal.fund(amount=400)
    _reviews(journal, a, b)
    _delays(journal, a, b)
    _give_backs(journal, a, b)
    _bank(journal, a)
    _freezes(journal, a, b, c)
    _limits(journal, a, b)
    _risks(journal, a, b)
    _labels(journal, a, b)
    _open_ends(journal, a, b)
    return journal


def _reviews(journal: LifeMaker, a: int, b: int) -> None:
    journal.approve(journal.review(a, b, 60_000))
    journal.reject(journal.review(a, b, 70_000))
    held = journal.review(a, b, 90_000, flags=int(Flag.HOLD_ONLY))
    journal.approve(held)
    journal.clear(held, 30_000)
    journal.commit()
    journal.expire(held)
    journal.fall_due(journal.review(b, a, 61_000, PaymentType.TRANSFER))
    journal.decline(a, b, 61_000, Reason.INSUFFICIENT_FUNDS)
    journal.wait(60 * MINUTE_US)
    journal.fall_due(journal.review(b, a, 55_000))
    delayed = journal.review(a, b, 51_000, flags=int(Flag.ORDINARY))
    journal.approve(delayed)
    journal.fall_due(delayed)
    journal.cancel(journal.review(a, b, 51_000))
    journal.commit()


def _delays(journal: LifeMaker, a: int, b: int) -> None:
    journal.fall_due(journal.delay(a, b, 700))
    journal.cancel(journal.delay(a, b, 800, next_day=True))
    stopped = journal.delay(a, b, 900)
    journal.set_account(b, Option.FREEZE_CREDIT)
    journal.fall_due(stopped, Reason.PAYEE_FROZEN)
    journal.set_account(b, Option.UNFREEZE_CREDIT)
    journal.commit()


def _give_backs(journal: LifeMaker, a: int, b: int) -> None:
    paid = journal.pay(a, b, 1000)
    journal.give_back(Kind.REFUND, paid, 300, client=1, flags=0)
    journal.commit()
    journal.give_back(Kind.REFUND, paid, 200)
    journal.give_back(Kind.RETURN, paid)
    journal.refuse(Kind.REFUND, paid, Reason.PAYMENT_RETURNED)
    cleared = journal.hold(a, b, 5000, PaymentType.PURCHASE)
    journal.clear(cleared, 4000, release_rest=True)
    journal.commit()
    journal.refuse(Kind.REFUND, cleared, Reason.AMOUNT_ABOVE_LEFT, amount=4001)
    journal.give_back(Kind.CHARGEBACK, cleared, 1000)
    journal.give_back(Kind.RECOVER, cleared, 500)
    journal.give_back(Kind.CHARGEBACK, cleared, flags=int(Flag.OPERATES | Flag.FROM_SUSPENSE))
    journal.give_back(Kind.RETURN, journal.withdraw(a, 2000), 500)
    journal.give_back(Kind.REFUND, journal.pay(a, b, 77))
    journal.commit()


def _bank(journal: LifeMaker, a: int) -> None:
    money = journal.deposit(a, 9000)
    journal.refund_by_bank(money, 4000, client=1)
    journal.commit()
    journal.bank_answers(money, paid=True)
    journal.refund_by_bank(money, 5000)
    journal.bank_answers(money, paid=False)
    journal.refund_by_bank(money)
    journal.bank_answers(money, paid=True, kind=Kind.RECOVER, option=int(Option.FINISH_PAID))
    journal.commit()
    journal.clear_by_bank(journal.withdraw_by_bank(a, 600))
    journal.finish(journal.withdraw_by_bank(a, 500), paid=False)
    journal.finish(journal.withdraw_by_bank(a, 400), paid=True)
    journal.commit()


def _freezes(journal: LifeMaker, a: int, b: int, c: int) -> None:
    paid, arrived = journal.pay(c, b, 400), journal.pay(a, b, 30)
    journal.set_account(a, Option.FREEZE_DEBIT, until_us=journal.now_us + 10 * MINUTE_US)
    journal.pay(b, a, 5)
    journal.set_account(a, Option.FREEZE_DEBIT, until_us=journal.now_us + 20 * MINUTE_US, approval_1=0, approval_2=0)
    journal.decline(a, b, 5, Reason.PAYER_FROZEN)
    journal.wait(20 * MINUTE_US)
    journal.pay(a, b, 5)
    journal.commit()
    journal.set_account(c, Option.CLOSE)
    journal.give_back(Kind.REFUND, paid, to_suspense=True)
    journal.set_account(a, Option.FREEZE_ALL)
    journal.give_back(Kind.REFUND, arrived, to_suspense=True)
    journal.commit()
    journal.set_account(a, Option.UNFREEZE_ALL)
    journal.set_account(b, Option.FREEZE_AMOUNT, amount=100_000)
    journal.pay(b, a, 50)
    journal.set_account(b, Option.UNFREEZE_AMOUNT)
    journal.deposit_for_nobody(5_000)
    journal.move_suspense(a, 600)
    journal.commit()


def _limits(journal: LifeMaker, a: int, b: int) -> None:
    journal.set_limit(a, Option.LIMIT_SINGLE, 100)
    journal.set_limit(a, Option.LIMIT_DAY_AMOUNT, 3_000_000, PaymentType.ANY)
    journal.pay(a, b, 100)
    journal.set_limit(a, Option.LIMIT_SINGLE, 0, flags=int(Flag.OPERATES | Flag.REMOVE), expires_us=journal.now_us + 1000)
    journal.pay(a, b, 101)
    journal.commit()
    journal.set_tier(2, 1)
    journal.set_tier(2, 0)
    journal.set_approvals(Operation.LIMITS, 1)
    journal.set_limit(b, Option.LIMIT_DAY_COUNT, 1_000, approval_2=0)
    journal.set_approvals(Operation.REVIEW, 3, approval_1=0, approval_2=0)
    journal.pay(b, a, 9)
    journal.commit()


def _risks(journal: LifeMaker, a: int, b: int) -> None:
    """Two models one after the other, every verdict, and a model that fails."""
    journal.wait(60 * MINUTE_US)
    journal.publish_model()
    journal.commit()
    way = {"device": 7, "network": 2**62, "place": 5, "latitude_e4": -900_000, "channel": 2, "flags": int(Flag.LOCATED)}
    journal.pay(a, b, 40, score=0.25, **way)
    journal.pay(a, b, 41, PaymentType.PURCHASE, score=0.5, factors=1 | 4, verification=2)
    journal.pay(a, b, 42, score=0.375, factors=2 | 64, verification=2)
    journal.challenge(a, b, 43, 0.375, factors=1 | 2, verification=1)
    journal.cancel(journal.review(a, b, 44, PaymentType.TRANSFER, score=0.5))
    journal.decline(a, b, 45, Reason.RISK_BLOCKED, score=0.75)
    journal.decline(a, b, 10**9, Reason.INSUFFICIENT_FUNDS, score=1.0)
    journal.pay(a, b, 46, score=-1.0)
    journal.commit()
    journal.publish_model(Option.MODEL_WITHDRAWN)
    journal.pay(a, b, 47)
    journal.commit()
    journal.publish_model()
    journal.pay(a, b, 48, score=0.125)
    journal.commit()


def _labels(journal: LifeMaker, a: int, b: int) -> None:
    first, second = journal.pay(a, b, 50, device=9), journal.pay(b, a, 51, category=3)
    journal.label(first, Option.LABEL_FRAUD)
    journal.label(second, Option.LABEL_GENUINE, client=9, flags=int(Flag.OPERATES))
    journal.commit()
    journal.refuse_label(first, Option.LABEL_FRAUD, Reason.LABEL_UNCHANGED)
    journal.label(first, Option.LABEL_NONE)
    journal.label(first, Option.LABEL_GENUINE)
    journal.refuse_label(journal.deposit(a, 5), Option.LABEL_FRAUD, Reason.NOT_LABELLABLE)
    journal.refuse(Kind.LABEL, 0, Reason.PAYMENT_UNKNOWN)
    journal.pay(a, b, 52)
    journal.commit()


def _open_ends(journal: LifeMaker, a: int, b: int) -> None:
    """What is still open at the end, for a checkpoint to hold."""
    journal.wait(60 * MINUTE_US)
    journal.review(a, b, 60_000)
    journal.delay(a, b, 70, next_day=True)
    journal.withdraw_by_bank(a, 80)
    money = journal.deposit(b, 5_000)
    journal.refund_by_bank(money, 1_000)
    journal.give_back(Kind.REFUND, journal.pay(a, b, 10), 4)
    journal.hold(b, a, 20, PaymentType.PURCHASE)
    journal.commit()
