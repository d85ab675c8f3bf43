"""A small world in which everything can happen to a payment, and random commands that make it happen.

Amounts are small, limits narrow and times short; the time of a batch can be set to the very microsecond at
which something falls due, ends or begins.
"""

from __future__ import annotations

import random
from typing import Any

from numpy.typing import NDArray

from penstock.contracts.commands import FORCE_REASON, FORCE_STATE, Factor, Flag, Kind, Operation, Option, PaymentType
from penstock.contracts.policy import FeeRule, Policy, ReviewRule, RiskRule
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from support.judges import MATURITY_S, wishes
from support.lanes import CLIENT, CNY, POLICY, START_US, command
from support.oracle import Oracle

OTHER, OPERATOR = CLIENT + 1, CLIENT + 2
USD = 840
SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
#: The furniture's accounts: of two clients, one of them in dollars, the last two empty.
ACCOUNTS = range(16, 26)
#: Caps that a few commands reach.
CAPS = {"customers_max": 8, "accounts_max": 27, "holds_max": 9, "holds_per_account": 4, "own_limits_max": 6, "labels_max": 5}


def life_policy(overflow: str = "reject") -> Policy:
    """The policy of the lane's tests, with reviews and arrivals that take minutes."""
    return Policy(
        name=f"life-{overflow}",
        time_zone=POLICY.time_zone,
        tiers=POLICY.tiers,
        hold_lifetime_s=600,
        limits=POLICY.limits,
        fees=(*POLICY.fees, FeeRule("chargeback", "CNY", fixed=5, basis_points=100, most=25)),
        reviews=(
            ReviewRule("transfer", "CNY", deadline_s=300, default="approve", above=900),
            ReviewRule("purchase", "CNY", deadline_s=240, default="reject", above=900),
            ReviewRule("withdrawal", "CNY", deadline_s=300, default="approve", above=900),
        ),
        reviews_per_hour=3,
        review_overflow=overflow,
        review_approval_above=1_500,
        ordinary_s=120,
        next_day_s=400,
        risk=(RiskRule("any", challenge=0.25, review=0.5, block=0.75), RiskRule("purchase", review=0.375, block=0.9375)),
        without_score={"reject": "review", "allow": "block"}[overflow],
        label_maturity_s=MATURITY_S,
    )


def furnish(number: int = 500_000, judge: int | None = None) -> list[NDArray[Any]]:
    """Small and large customers of two clients with accounts and money, something in suspense, and a model in force."""
    clients = [CLIENT] * 4 + [OTHER] * 2
    tiers = [0, 0, 1, 1, 1, 1]
    commands = [
        command(Kind.OPEN_CUSTOMER, number + i, START_US, client=client, tier=tier)
        for i, (client, tier) in enumerate(zip(clients, tiers, strict=True))
    ]
    owners = [1, 2, 3, 4, 1, 4, 5, 6, 3, 5]
    currencies = [CNY, CNY, CNY, CNY, CNY, USD, CNY, CNY, CNY, CNY]
    for i, (owner, currency) in enumerate(zip(owners, currencies, strict=True)):
        fields = {"customer": owner, "currency": currency, "client": clients[owner - 1]}
        commands.append(command(Kind.OPEN_ACCOUNT, number + 10 + i, START_US, **fields))
    for i, (owner, currency) in enumerate(zip(owners[:8], currencies[:8], strict=True)):
        fields = {"payee_account": 16 + i, "currency": currency, "client": clients[owner - 1], "amount_minor": 9_000}
        commands.append(command(Kind.DEPOSIT, number + 20 + i, START_US, **fields))
    lost = {"client": OPERATOR, "flags": Flag.OPERATES | Flag.TO_SUSPENSE, "currency": CNY, "amount_minor": 500}
    commands.append(command(Kind.DEPOSIT, number + 40, START_US, **lost))
    if judge is not None:
        asked = {"client": OPERATOR, "flags": Flag.OPERATES, "maker": 1, "approval_1": 2}
        commands.append(command(Kind.PUBLISH_MODEL, number + 50, START_US, tier=judge, option=Option.MODEL_IN_FORCE, **asked))
    return commands


# --- random commands

_AMOUNTS = (1, 2, 7, 33, 100, 499, 901, 1_000, 1_501, 2_000, 2_001, 3_000, 8_000)
_PARTS = (0, 0, 0, 0, 1, 7, 33, 60, 100, 901, 5_000)
#: How long something lasts from now; 0 = the field says 0.
_SPANS = (0, 0, 30 * SECOND, 100 * SECOND, 5 * MINUTE, -SECOND)
_LIFETIMES = (0, 0, SECOND, 2 * MINUTE, 20 * MINUTE, DAY)
_FREEZES = (Option.FREEZE_DEBIT, Option.FREEZE_CREDIT, Option.FREEZE_ALL, Option.FREEZE_AMOUNT)
_UNFREEZES = (Option.UNFREEZE_DEBIT, Option.UNFREEZE_CREDIT, Option.UNFREEZE_ALL, Option.UNFREEZE_AMOUNT)
_JUNK = Flag.TO_SUSPENSE | Flag.FROM_SUSPENSE | Flag.REMOVE
_HOW_OFTEN = {
    Kind.PAY: 24, Kind.WITHDRAW: 8, Kind.DEPOSIT: 5, Kind.CLEAR: 8, Kind.RELEASE: 5, Kind.CANCEL: 4,
    Kind.DECIDE_REVIEW: 8, Kind.REFUND: 10, Kind.RETURN: 5, Kind.CHARGEBACK: 5, Kind.RECOVER: 8, Kind.SET_ACCOUNT: 10,
    Kind.SET_CUSTOMER: 6, Kind.SET_APPROVALS: 1, Kind.OPEN_CUSTOMER: 1, Kind.OPEN_ACCOUNT: 2, Kind.LABEL: 14,
    Kind.PUBLISH_MODEL: 4,
}  # fmt: skip
#: The states in which a command can take effect.
_FITTING = {
    Kind.CLEAR: (State.HELD, State.REFUNDING), Kind.RELEASE: (State.HELD, State.DELAYED, State.REFUNDING),
    Kind.CANCEL: (State.HELD, State.DELAYED, State.REVIEW), Kind.DECIDE_REVIEW: (State.REVIEW,),
    Kind.RECOVER: (State.CLEARED, State.REFUNDING, State.HELD),
}  # fmt: skip
#: Values that the sandbox takes, and some that it must ignore.
_FORCES = (
    *(FORCE_STATE + int(state) for state in (
        State.HELD, State.DELAYED, State.REVIEW, State.CHALLENGE, State.CLEARED, State.DECLINED, 99)),
    *(FORCE_REASON + int(reason) for reason in (
        Reason.PAYER_CLOSED, Reason.LIMIT_SINGLE, Reason.RISK_BLOCKED, Reason.VERIFICATION_NEEDED, Reason.ID_CONFLICT, 999)),
)
#: Factors, and how many kinds of factor they are.
_FACTORS = ((0, 0), (Factor.PASSWORD, 1), (Factor.PASSWORD | Factor.PIN, 1), (Factor.PIN | Factor.FACE, 2), (511, 3))
#: The first extra number that is challenged by a model that scores with it.
CHALLENGED = 20_480
#: Scores that the first extra number asks for, in 65536ths of what half precision holds exactly; the last is none.
_EXTRAS = tuple(int(score * 65_536) for score in (0.125, 0.25, 0.3125, 0.375, 0.5, 0.625, 0.75, 0.9375, 1.0, 1.5))


class Life:
    """Makes random commands that mostly fit what the oracle knows, and sometimes do not."""

    def __init__(self, seed: int, oracle: Oracle) -> None:
        self.chance = random.Random(seed)
        self.oracle = oracle
        self.number = 0

    def command(self, now_us: int, earlier: list[NDArray[Any]]) -> NDArray[Any]:
        """The next command (1,): a new one, a repeated one, or another one under an old id."""
        self.number += 1
        if earlier and self._now_and_then(0.05):
            return self.chance.choice(earlier).copy()
        (kind,) = self.chance.choices(list(_HOW_OFTEN), list(_HOW_OFTEN.values()))
        age_us = self._one(0, 3 * SECOND, 86_000 * SECOND, 86_500 * SECOND, -4 * SECOND, -6 * SECOND, often=0.95)
        fields = _MAKERS[kind](self, now_us) | ({"kind": kind})
        made = command(fields.pop("kind"), self.number, now_us - age_us, **{n: int(v) for n, v in fields.items()})
        if earlier and self._now_and_then(0.04):
            before = self.chance.choice(earlier)
            made["id_hi"], made["id_lo"], made["client"] = before["id_hi"], before["id_lo"], before["client"]
        return made

    def later(self, now_us: int) -> int:
        """The time of the next batch: soon, or an instant at which something happens, or a few microseconds before."""
        before, draw = self.chance.randrange(4), self.chance.random()
        if draw < 0.4:
            return now_us + self.chance.choice((1_000, 1_000, 500_000, 40 * SECOND, 100 * SECOND, 200 * SECOND))
        if draw < 0.9:
            instants = self.oracle.book.instants(now_us + before)
            return self.chance.choice(instants[:4]) - before if instants else now_us + SECOND
        step, shift = self.chance.choice(((DAY, 8 * HOUR), (HOUR, 0)))  # days begin at midnight in Shanghai
        return ((now_us + shift + before) // step + 1) * step - shift - before

    # --- what the commands are made of

    def _one(self, first: Any, *others: Any, often: float = 0.8) -> Any:
        """Mostly the first."""
        return first if self.chance.random() < often else self.chance.choice(others)

    def _now_and_then(self, share: float) -> bool:
        return self.chance.random() < share

    def _account(self) -> int:
        return int(self._one(self.chance.choice(ACCOUNTS), 0, 3, 15, 26, 27, often=0.96))

    def _currency(self, account: int) -> int:
        right = USD if account == 21 else CNY
        return int(self._one(right, CNY, USD, 978, 1, often=0.96))

    def _caller(self, client: int, operates: float = 0.15) -> dict[str, int]:
        """Mostly whom it concerns, or who runs the system."""
        draw = self.chance.random()
        if draw < operates:
            return {"client": OPERATOR, "flags": Flag.OPERATES}
        return {"client": client if client and draw < 0.92 else self.chance.choice((CLIENT, OTHER)), "flags": 0}

    def _owner(self, account: int, operates: float = 0.15) -> dict[str, int]:
        known = account < len(self.oracle.accounts)
        return self._caller(self.oracle.book.client_of(account) if known else 0, operates)

    def _operator(self) -> dict[str, int]:
        draw = self.chance.random()
        return self._caller(CLIENT) if draw < 0.06 else {"client": OPERATOR, "flags": Flag.OPERATES}

    def _people(self) -> dict[str, int]:
        """Maker and approvers: mostly enough of them, sometimes anything."""
        people = (1, 2, 3, 0)
        if self._now_and_then(0.3):
            people = tuple(self.chance.choice((0, 0, 1, 2, 3)) for _ in range(4))
        return dict(zip(("maker", "approval_1", "approval_2", "approval_3"), people, strict=True))

    def _force(self) -> int:
        return int(self._one(0, *_FORCES, often=0.85))

    def _span(self, now_us: int) -> int:
        span = self.chance.choice(_SPANS)
        return now_us + span if span else 0

    def _named(self, kind: Kind) -> dict[str, int]:
        """A payment, mostly one to which the command can do something, and mostly whom it belongs to."""
        payments = self.oracle.payments
        states = _FITTING.get(kind, (State.CLEARED,)) if self._now_and_then(0.8) else tuple(State)
        found = [payment for payment in payments.values() if payment.state in states]
        found = found or list(payments.values())
        if self._now_and_then(0.03):
            return {"ref_seq": self.chance.randrange(1, self.oracle.book.seq + 3)} | self._caller(CLIENT)
        payment = found[-1 - min(int(self.chance.expovariate(0.25)), len(found) - 1)]
        payees = self.oracle.book.client_of(payment.payee)
        caller = self._caller(payees if kind in (Kind.REFUND, Kind.RETURN) and self._now_and_then(0.5) else payment.client)
        if payment.at_bank and self._now_and_then(0.5):
            caller = self._operator()
        return {"ref_seq": payment.seq} | caller

    def _follow_up(self, kind: Kind) -> dict[str, int]:
        return self._named(kind) | {"amount_minor": self.chance.choice(_PARTS)}

    def _of_operator(self, kind: Kind) -> dict[str, int]:
        return self._follow_up(kind) | self._operator()

    # --- commands

    def pay(self, _now_us: int) -> dict[str, int]:
        payer, payee = self._account(), self._account()
        caller = self._owner(payer, 0.02)
        how = self.chance.choice((0, 0, 0, Flag.HOLD_ONLY, Flag.HOLD_ONLY, Flag.ORDINARY, Flag.NEXT_DAY, _JUNK | Flag.RAIL))
        kinds = (PaymentType.TRANSFER, PaymentType.PURCHASE, PaymentType.PURCHASE, PaymentType.BILL)
        return caller | {
            "payer_account": payer, "payee_account": payee, "amount_minor": self.chance.choice(_AMOUNTS),
            "currency": self._currency(payer), "payment_type": self._one(*kinds, often=0.5), "option": self._force(),
            "flags": caller["flags"] | how | self._one(0, Flag.LOCATED, often=0.6),
            "lifetime_us": self.chance.choice(_LIFETIMES),
        } | self._way()  # fmt: skip

    def _way(self) -> dict[str, int]:
        """By what a payment comes, from where, and how surely."""
        chance = self.chance
        marks = ("instrument", "device", "network", "place", "category")
        factors, kinds = chance.choice(_FACTORS)
        return {name: chance.choice((0, 0, 1, 2, 3, 4, 2**62 + 5)) for name in marks} | {
            "latitude_e4": chance.choice((0, 312_304, -900_000)), "longitude_e4": chance.choice((0, 1_214_737, -1_800_000)),
            "channel": chance.randrange(9), "factors": int(factors), "verification": kinds,
            "extras_given": chance.choice((0, 1, 1, 1, 15)), "extra_1": chance.choice(_EXTRAS), "extra_2": 70_000,
            "extra_4": -2_000_000,
        }  # fmt: skip

    def deposit(self, _now_us: int) -> dict[str, int]:
        payee = self._account()
        caller = self._owner(payee)
        if self._now_and_then(0.3):
            payee = self._one(0, payee)
            caller |= {"flags": caller["flags"] | Flag.TO_SUSPENSE}
        return caller | {
            "payee_account": payee, "amount_minor": self.chance.choice(_AMOUNTS), "currency": self._currency(payee),
            "option": self._force(),
        }  # fmt: skip

    def withdraw(self, _now_us: int) -> dict[str, int]:
        payer = self._account()
        caller = self._owner(payer, 0.02)
        return caller | {
            "payer_account": payer, "amount_minor": self.chance.choice(_AMOUNTS), "currency": self._currency(payer),
            "flags": caller["flags"] | self._one(Flag.RAIL, 0, _JUNK | Flag.HOLD_ONLY, often=0.6), "option": self._force(),
        }  # fmt: skip

    def clear(self, _now_us: int) -> dict[str, int]:
        fields = self._follow_up(Kind.CLEAR)
        return fields | {"flags": fields["flags"] | self._one(0, Flag.RELEASE_REST, _JUNK, often=0.5)}

    def release(self, _now_us: int) -> dict[str, int]:
        return self._follow_up(Kind.RELEASE)

    def cancel(self, _now_us: int) -> dict[str, int]:
        return self._follow_up(Kind.CANCEL)

    def decide_review(self, _now_us: int) -> dict[str, int]:
        option = self._one(Option.APPROVE, Option.REJECT, often=0.7)
        return self._of_operator(Kind.DECIDE_REVIEW) | self._people() | {"option": option}

    def refund(self, _now_us: int) -> dict[str, int]:
        fields = self._follow_up(Kind.REFUND)
        return fields | {"option": self._force(), "flags": fields["flags"] | self._one(0, _JUNK, Flag.RAIL)}

    def send_back(self, _now_us: int) -> dict[str, int]:
        fields = self._follow_up(Kind.RETURN)
        return fields | {"flags": fields["flags"] | self._one(0, _JUNK)}

    def chargeback(self, _now_us: int) -> dict[str, int]:
        fields = self._of_operator(Kind.CHARGEBACK)
        return fields | {"flags": fields["flags"] | self._one(0, Flag.FROM_SUSPENSE, Flag.TO_SUSPENSE, often=0.6)}

    def recover(self, _now_us: int) -> dict[str, int]:
        if self._now_and_then(0.25):
            account = self._account()
            return self._operator() | self._people() | {
                "option": Option.MOVE_SUSPENSE, "payee_account": account, "currency": self._currency(account),
                "amount_minor": self._one(self.chance.choice(_AMOUNTS), 0, often=0.95),
            }  # fmt: skip
        fields = self._of_operator(Kind.RECOVER)
        options = (Option.REVERSE, Option.FINISH_PAID, Option.FINISH_UNPAID)
        return fields | self._people() | {
            "option": self.chance.choice(options), "flags": fields["flags"] | self._one(0, Flag.FROM_SUSPENSE, often=0.6),
        }  # fmt: skip

    def set_account(self, now_us: int) -> dict[str, int]:
        account = self._account()
        draw = self.chance.random()
        if draw < 0.2:
            empty = [n for n, a in enumerate(self.oracle.accounts) if n >= 16 and (a.available, a.held) == (0, 0)]
            account = self.chance.choice(empty) if empty and self._now_and_then(0.6) else account
            return self._owner(account) | {"payer_account": account, "option": Option.CLOSE}
        if draw < 0.5:
            return self._operator() | self._people() | {
                "payer_account": account, "option": self.chance.choice(_UNFREEZES),
            }  # fmt: skip
        return self._owner(account) | self._people() | {
            "payer_account": account, "option": self.chance.choice(_FREEZES), "from_us": self._span(now_us),
            "until_us": self._span(now_us), "amount_minor": self.chance.choice((0, 1, 500, 7_000, 20_000)),
        }  # fmt: skip

    def set_customer(self, now_us: int) -> dict[str, int]:
        fields = self._operator() | self._people() | {"customer": self._one(*range(1, 7), 0, 9, often=0.2)}
        if self._now_and_then(0.4):
            return fields | {"option": Option.TIER, "tier": self._one(1, 0, -1, 2, often=0.5)}
        kinds = (PaymentType.ANY, PaymentType.TRANSFER, PaymentType.PURCHASE, PaymentType.WITHDRAWAL)
        return fields | {
            "option": self.chance.randrange(Option.LIMIT_SINGLE, Option.LIMIT_YEAR_COUNT + 1),
            "payment_type": self.chance.choice(kinds), "currency": self._one(CNY, USD, 978, often=0.95),
            "amount_minor": self.chance.choice((1, 2, 900, 50_000)), "until_us": self._span(now_us),
            "flags": fields["flags"] | self._one(0, Flag.REMOVE),
        }  # fmt: skip

    def set_approvals(self, _now_us: int) -> dict[str, int]:
        return self._operator() | self._people() | {
            "option": Option.APPROVALS + self.chance.choice(list(Operation)),
            "amount_minor": self.chance.choice((0, 1, 1, 2, 2, 3, 3, 4)),
        }  # fmt: skip

    def label(self, _now_us: int) -> dict[str, int]:
        """Mostly of an attempt, often one that was labelled before."""
        book = self.oracle.book
        known = list(book.labels) if book.labels and self._now_and_then(0.5) else list(book.attempts)
        option = self.chance.choice((Option.LABEL_FRAUD, Option.LABEL_FRAUD, Option.LABEL_GENUINE, Option.LABEL_NONE))
        if not known or self._now_and_then(0.1):
            return self._named(Kind.LABEL) | {"option": option}
        seq = known[-1 - min(int(self.chance.expovariate(0.1)), len(known) - 1)]
        return {"ref_seq": seq, "option": option} | self._caller(book.attempts[seq].client)

    def publish_model(self, _now_us: int) -> dict[str, int]:
        """The tier chooses what ``payload`` says."""
        return self._operator() | self._people() | {
            "option": self._one(Option.MODEL_IN_FORCE, Option.MODEL_WITHDRAWN), "tier": self._one(0, 0, 1, 2, 3, 4, often=0.5),
        }  # fmt: skip

    def open_customer(self, _now_us: int) -> dict[str, int]:
        return self._caller(CLIENT) | {"tier": self.chance.choice((0, 1, 1, 2))}

    def open_account(self, _now_us: int) -> dict[str, int]:
        customer = self.chance.randrange(9)
        owners = self.oracle.book.customers
        client = owners[customer].client if customer < len(owners) else 0
        return self._caller(client) | {"customer": customer, "currency": self.chance.choice((CNY, CNY, USD, 1))}


_MAKERS = {
    Kind.PAY: Life.pay, Kind.DEPOSIT: Life.deposit, Kind.WITHDRAW: Life.withdraw, Kind.CLEAR: Life.clear,
    Kind.RELEASE: Life.release, Kind.CANCEL: Life.cancel, Kind.DECIDE_REVIEW: Life.decide_review,
    Kind.REFUND: Life.refund, Kind.RETURN: Life.send_back, Kind.CHARGEBACK: Life.chargeback,
    Kind.RECOVER: Life.recover, Kind.SET_ACCOUNT: Life.set_account, Kind.SET_CUSTOMER: Life.set_customer,
    Kind.SET_APPROVALS: Life.set_approvals, Kind.OPEN_CUSTOMER: Life.open_customer,
    Kind.OPEN_ACCOUNT: Life.open_account, Kind.LABEL: Life.label, Kind.PUBLISH_MODEL: Life.publish_model,
}  # fmt: skip


def payload(made: NDArray[Any]) -> bytes:
    """The text that goes with a command."""
    return wishes()[int(made["tier"][0])] if made["kind"][0] == Kind.PUBLISH_MODEL else b""


def midnight_after(now_us: int) -> int:
    """When the next business day begins."""
    return (now_us + 8 * HOUR) // DAY * DAY + DAY - 8 * HOUR
