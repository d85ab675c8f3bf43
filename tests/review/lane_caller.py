"""Random commands of every kind, some of them wrong, for a lane."""

from __future__ import annotations

import random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from support.judges import MATURITY_S, wishes
from support.lanes import CLIENT, CNY, POLICY, START_US, command

from penstock.contracts.commands import FORCE_REASON, FORCE_STATE, Flag, Kind, Operation, Option, PaymentType
from penstock.contracts.policy import FeeRule, LimitRule, Policy, ReviewRule, RiskRule
from penstock.contracts.reasons import Reason
from penstock.contracts.states import TRANSITIONS, State
from penstock.process.lane import Lane

HOUR_US: Final = 3_600_000_000
_AMOUNTS: Final = [1, 2, 7, 33, 100, 499, 1_000, 2_000, 2_001, 8_000]
_PARTS: Final = [0, 0, 0, 1, 7, 33, 60, 5_000]
_TYPES: Final = [PaymentType.TRANSFER, PaymentType.PURCHASE, PaymentType.BILL]
_COMMON: Final = [
    *[Kind.PAY] * 16, *[Kind.CLEAR] * 3, *[Kind.RELEASE] * 2, *[Kind.CANCEL] * 2, *[Kind.DEPOSIT] * 3, *[Kind.WITHDRAW] * 3,
    *[Kind.REFUND] * 5, *[Kind.RETURN] * 2, *[Kind.CHARGEBACK] * 2, *[Kind.RECOVER] * 4, *[Kind.DECIDE_REVIEW] * 6,
    *[Kind.SET_ACCOUNT] * 2, Kind.SET_CUSTOMER, Kind.SET_APPROVALS, Kind.OPEN_CUSTOMER, Kind.OPEN_ACCOUNT, *[Kind.LABEL] * 4,
]  # fmt: skip
#: Reviews from small amounts on, few of them an hour, and every way in which one may end.
REVIEWED: Final = Policy(
    name="reviewed", time_zone=POLICY.time_zone, tiers=POLICY.tiers, hold_lifetime_s=600,
    limits=(*POLICY.limits, LimitRule("large", "bill", "CNY"), LimitRule("small", "bill", "CNY", day_amount=9_000)),
    fees=(*POLICY.fees, FeeRule("chargeback", "CNY", fixed=15, basis_points=50, most=30)),
    reviews=(
        ReviewRule("purchase", "CNY", deadline_s=900, default="approve", above=1_500),
        ReviewRule("transfer", "CNY", deadline_s=1_200, default="reject", above=1_900),
        ReviewRule("withdrawal", "CNY", deadline_s=1_000, default="approve", above=1_000),
    ),
    reviews_per_hour=12, review_overflow="reject", review_approval_above=1_800, ordinary_s=300, next_day_s=7_200,
    risk=(RiskRule("any", challenge=0.25, review=0.5, block=0.75),), label_maturity_s=MATURITY_S,
)  # fmt: skip


class Caller:
    """Sends random commands to a lane; ``forces``: some carry a sandbox's test values."""

    def __init__(self, lane: Lane, seed: int, *, forces: bool) -> None:
        self.lane = lane
        self.now_us = START_US
        self._forces = forces
        self._states: dict[int, int] = {}  # payment → its newest state
        self._chance = random.Random(seed)
        self._number = 0

    def send(self, count: int) -> None:
        """Send a batch; a third of the commands carry a reference."""
        commands = [self._command() for _ in range(count)]
        payloads = {i: f"reference {i}".encode() for i in range(0, count, 3)}
        replies, _ = self.lane.process(np.concatenate(commands), payloads, self.now_us)
        self._notice(replies)
        self.now_us += self._chance.choice([1_000, 500_000, 90_000_000])

    def _notice(self, replies: NDArray[Any]) -> None:
        for reply in replies[replies["state"] != State.DECLINED]:
            if reply["kind"] in {Kind.PAY, Kind.DEPOSIT, Kind.WITHDRAW}:
                self._states[int(reply["seq"])] = int(reply["state"])
            elif int(reply["ref_seq"]) in self._states:
                self._states[int(reply["ref_seq"])] = int(reply["state"])

    def wait(self, microseconds: int) -> None:
        """Let time pass, and holds run out."""
        self.now_us += microseconds
        for _ in range(10):
            self.now_us += 1_000_000
            self.lane.tick(self.now_us)

    def furnish(self) -> None:
        """Open eight customers with accounts and money, put some into suspense, and a model in force."""
        for number in range(1, 9):
            self._run(Kind.OPEN_CUSTOMER, tier=number // 4 % 2)
            self._run(Kind.OPEN_ACCOUNT, customer=number, currency=CNY)
            self._run(Kind.DEPOSIT, payee_account=15 + number, amount_minor=40_000, currency=CNY)
        suspense = Flag.OPERATES | Flag.TO_SUSPENSE
        self._run(Kind.DEPOSIT, amount_minor=3_000, currency=CNY, flags=suspense)
        asked = {"flags": Flag.OPERATES, "maker": 1, "approval_1": 2}
        model = self._make(Kind.PUBLISH_MODEL, option=Option.MODEL_IN_FORCE, **asked)
        self.lane.process(model, {0: wishes()[0]}, self.now_us)

    def _run(self, kind: Kind, **fields: Any) -> None:
        self.lane.process(self._make(kind, **fields), {}, self.now_us)

    def _make(self, kind: Kind, **fields: Any) -> NDArray[Any]:
        self._number += 1
        return command(kind, self._number, self.now_us, **fields)

    # --- one command

    def _command(self) -> NDArray[Any]:
        kind = self._chance.choice(_COMMON)
        if kind in {Kind.PAY, Kind.DEPOSIT, Kind.WITHDRAW}:
            return self._moving(kind)
        if kind == Kind.OPEN_CUSTOMER:
            return self._make(kind, tier=self._chance.randint(0, 2))
        if kind == Kind.OPEN_ACCOUNT:
            return self._make(kind, customer=self._chance.randint(0, 10), currency=self._chance.choice([CNY, 840, 1]))
        if kind == Kind.LABEL:
            option = self._chance.choice([Option.LABEL_FRAUD, Option.LABEL_GENUINE, Option.LABEL_NONE])
            flags = self._chance.choice([0, Flag.OPERATES])
            return self._make(kind, ref_seq=self._any_payment(), option=option, flags=flags, client=self._client())
        ways = {
            Kind.SET_ACCOUNT: self._set_account, Kind.SET_CUSTOMER: self._set_customer,
            Kind.SET_APPROVALS: self._set_approvals,
        }  # fmt: skip
        return ways[kind]() if kind in ways else self._following(kind)

    def _moving(self, kind: Kind) -> NDArray[Any]:
        chance = self._chance
        fields: dict[str, Any] = {
            "payer_account": chance.randint(14, 26), "payee_account": chance.randint(14, 26),
            "amount_minor": chance.choice(_AMOUNTS), "currency": CNY, "client": self._client(),
        }  # fmt: skip
        if self._forces and chance.random() < 0.1:
            fields["option"] = FORCE_REASON + chance.choice([Reason.LIMIT_SINGLE, Reason.PAYER_FROZEN, Reason.REVIEWS_FULL])
        if kind == Kind.DEPOSIT and chance.random() < 0.3:
            return self._make(kind, **fields | {"payee_account": 0, "flags": int(Flag.OPERATES | Flag.TO_SUSPENSE)})
        if kind == Kind.DEPOSIT:
            return self._make(kind, flags=chance.choice([0, 0, Flag.OPERATES]), **fields)
        if kind == Kind.WITHDRAW:
            return self._make(kind, flags=chance.choice([0, Flag.RAIL, Flag.RAIL]), **fields)
        if self._forces and chance.random() < 0.1:
            fields["option"] = FORCE_STATE + chance.choice([State.HELD, State.DELAYED, State.REVIEW])
        flags = chance.choice([0, 0, Flag.HOLD_ONLY, Flag.HOLD_ONLY, Flag.ORDINARY, Flag.NEXT_DAY])
        lifetime = chance.choice([0, 1_000_000, 20 * 60_000_000, 30 * HOUR_US])
        return self._make(
            kind, flags=flags, payment_type=chance.choice(_TYPES), lifetime_us=lifetime, **fields, **self._way()
        )

    def _way(self) -> dict[str, int]:
        """By what a payment comes, and the extra number that is its score."""
        chance = self._chance
        factors, kinds = chance.choice([(0, 0), (1, 1), (5, 2)])
        return {
            "device": chance.randint(0, 3), "network": chance.randint(0, 2), "place": chance.randint(0, 2), "factors": factors,
            "verification": kinds, "channel": chance.randint(0, 8), "extras_given": chance.choice([0, 1, 1, 1]),
            "extra_1": chance.choice([0, 1_024, 2_048, 4_096, 8_192, 20_480, 40_960, 57_344]),
        }  # fmt: skip

    def _following(self, kind: Kind) -> NDArray[Any]:
        chance = self._chance
        fields: dict[str, Any] = {"ref_seq": self._payment(kind), "amount_minor": chance.choice(_PARTS)}
        if kind in {Kind.CLEAR, Kind.RELEASE, Kind.CANCEL, Kind.REFUND, Kind.RETURN}:
            more = Flag.RELEASE_REST if kind == Kind.CLEAR and chance.random() < 0.5 else 0
            flags = more | chance.choice([0, Flag.OPERATES])
            if kind == Kind.REFUND and self._forces and chance.random() < 0.1:
                fields["option"] = FORCE_REASON + Reason.INSUFFICIENT_FUNDS
            return self._make(kind, flags=flags, client=self._client(), **fields)
        asked = self._asked()
        if kind == Kind.DECIDE_REVIEW:
            fields["option"] = chance.choice([Option.APPROVE, Option.APPROVE, Option.REJECT])
        if kind == Kind.RECOVER:
            fields["option"] = chance.choice([Option.REVERSE, Option.FINISH_PAID, Option.FINISH_UNPAID, Option.MOVE_SUSPENSE])
            if fields["option"] == Option.MOVE_SUSPENSE:
                fields |= {"ref_seq": 0, "payee_account": chance.randint(14, 26), "currency": CNY}
        if kind in {Kind.CHARGEBACK, Kind.RECOVER} and chance.random() < 0.15:
            asked["flags"] |= Flag.FROM_SUSPENSE
        return self._make(kind, **fields, **asked)

    def _payment(self, kind: Kind) -> int:
        """A payment in a state in which the command takes effect, or any row at all."""
        fitting = [n for n, state in self._states.items() if TRANSITIONS[State(state), kind].reason == Reason.OK]
        if fitting and self._chance.random() < 0.75:
            return self._chance.choice(fitting[-40:])
        return self._any_payment()

    def _any_payment(self) -> int:
        """Any row of the newest, or one that is still to come."""
        return self._chance.randint(max(1, self.lane.last_seq - 600), self.lane.last_seq + 5)

    def _set_account(self) -> NDArray[Any]:
        chance = self._chance
        option = chance.choice([o for o in Option if Option.FREEZE_DEBIT <= o <= Option.CLOSE])
        # the last accounts are empty, so that they can be closed
        account = chance.choice([24, 25, 26]) if option == Option.CLOSE else chance.randint(14, 23)
        begins = self.now_us + chance.choice([HOUR_US, 60_000_000])
        return self._make(
            Kind.SET_ACCOUNT, payer_account=account, option=option, from_us=chance.choice([0, 0, 0, begins]),
            until_us=self.now_us + chance.choice([60_000_000, 120_000_000, 600_000_000, 5 * HOUR_US]),
            amount_minor=chance.choice([100, 5_000, 30_000]) if option == Option.FREEZE_AMOUNT else 0, **self._asked(),
        )  # fmt: skip

    def _set_customer(self) -> NDArray[Any]:
        chance = self._chance
        option = chance.choice([Option.TIER, *(o for o in Option if Option.LIMIT_SINGLE <= o <= Option.LIMIT_YEAR_COUNT)])
        asked = self._asked()
        if option != Option.TIER and chance.random() < 0.2:
            asked["flags"] |= Flag.REMOVE
        return self._make(
            Kind.SET_CUSTOMER, customer=chance.randint(0, 10), option=option, tier=chance.randint(0, 2), currency=CNY,
            payment_type=chance.choice(list(PaymentType)), amount_minor=chance.choice([1, 5, 700, 20_000, 90_000]),
            until_us=chance.choice([0, self.now_us + 300_000_000, self.now_us + 30 * HOUR_US]), **asked,
        )  # fmt: skip

    def _set_approvals(self) -> NDArray[Any]:
        option = Option.APPROVALS + self._chance.choice(list(Operation))
        return self._make(Kind.SET_APPROVALS, amount_minor=self._chance.randint(0, 4), option=option, **self._asked())

    def _asked(self) -> dict[str, Any]:
        """Who asks and who approved: mostly as it must be."""
        people = {"maker": 1, "approval_1": 2, "approval_2": 3, "approval_3": self._chance.choice([0, 4])}
        wrong = self._chance.choice([{}, {}, {}, {}, {"approval_2": 0}, {"approval_1": 1}, {"maker": 0}])
        flags = self._chance.choice([Flag.OPERATES] * 9 + [0])
        return people | wrong | {"flags": int(flags), "client": self._client()}

    def _client(self) -> int:
        return self._chance.choice([CLIENT] * 15 + [CLIENT + 1])
