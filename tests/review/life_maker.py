"""Makes journals in which payments live their whole life: reviews, delays, give-backs, freezes, approvals, suspense."""

from __future__ import annotations

from typing import Any

from review.journal_maker import POLICY, JournalMaker

from penstock.contracts.commands import NEVER_US, Flag, Kind, Operation, Option, PaymentType
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State

LIFE_POLICY = POLICY.replace("fees = [", 'fees = [\n  {type = "chargeback", currency = "CNY", fixed = 15, basis_points = 50},') + """
reviews = [
  {type = "purchase", currency = "CNY", deadline_s = 900, default = "approve", above = 50000},
  {type = "transfer", currency = "CNY", deadline_s = 1200, default = "reject", above = 60000},
  {type = "withdrawal", currency = "CNY", deadline_s = 1000, default = "approve", above = 70000},
]
reviews_per_hour = 4
review_overflow = "reject"
review_approval_above = 80000
ordinary_s = 300
next_day_s = 86400
risk = [{type = "any", challenge = 0.3, review = 0.5, block = 0.75}, {type = "purchase", block = 0.9}]
"""
MINUTE_US = 60_000_000
#: Who asks, and two who approve.
PEOPLE = {"maker": 1, "approval_1": 2, "approval_2": 3, "flags": int(Flag.OPERATES), "client": 9}
MODEL = b'{"name":"first","sha256":"' + b"5a" * 32 + b'"}'
#: What a label's row repeats of its payment's.
LABEL_COPIES = (
    "payer_account", "payee_account", "customer", "purse", "currency", "payment_type", "instrument", "device", "network",
    "place", "category",
)  # fmt: skip
_ENDS_AS = {
    Kind.REFUND: State.REFUNDED, Kind.RETURN: State.RETURNED, Kind.CHARGEBACK: State.CHARGED_BACK,
    Kind.RECOVER: State.REVERSED,
}  # fmt: skip
_ARRIVALS = int(Flag.ORDINARY | Flag.NEXT_DAY)


class LifeMaker(JournalMaker):
    """A journal maker that knows every command; what a test gives by name stands in for what would be right."""

    def __init__(self, lane: int = 0, policy: str = LIFE_POLICY) -> None:
        self.labels: dict[int, int] = {}
        super().__init__(lane, policy)

    # --- payments that do not end at once

    def delay(self, payer: int, payee: int, amount: int, *, next_day: bool = False) -> int:
        """Pay, to arrive later."""
        flag, seconds = (Flag.NEXT_DAY, 86_400) if next_day else (Flag.ORDINARY, 300)
        expires = self.now_us + 1000 + seconds * 1_000_000
        return self._spend(
            Kind.PAY, State.DELAYED, payer, payee, amount, PaymentType.TRANSFER, flags=int(flag), expires_us=expires
        )

    def review(
        self, payer: int, payee: int, amount: int, kind: PaymentType = PaymentType.PURCHASE, flags: int = 0, **values: Any
    ) -> int:
        """Pay an amount that a person must look at."""
        rule = next(r for r in self.policy.reviews if r.type == kind.name.lower())
        expires = self.now_us + 1000 + rule.deadline_s * 1_000_000
        return self._spend(Kind.PAY, State.REVIEW, payer, payee, amount, kind, flags=flags, expires_us=expires, **values)

    def withdraw_by_bank(self, payer: int, amount: int) -> int:
        """Withdraw through the bank: held until it has answered."""
        settlement = 3 * self._slot(self.accounts[payer]["currency"]) + 1
        return self._spend(
            Kind.WITHDRAW, State.HELD, payer, settlement, amount, PaymentType.WITHDRAWAL, flags=int(Flag.RAIL),
            expires_us=NEVER_US,
        )  # fmt: skip

    def approve(self, payment: int, **values: Any) -> int:
        """Let a reviewed payment go on."""
        return self._decide(payment, Option.APPROVE, PEOPLE | values)

    def reject(self, payment: int, **values: Any) -> int:
        """Give a reviewed payment back."""
        return self._decide(payment, Option.REJECT, PEOPLE | values)

    def fall_due(self, payment: int, reason: Reason = Reason.OK) -> int:
        """Let a delayed payment arrive, or a review end by its default, at its time; or not, with a reason."""
        kept = self.payments[payment]
        self.now_us = max(self.now_us, kept["expires"])
        rest = self._rest(payment)
        rules = {rule.type: rule.default for rule in self.policy.reviews}
        in_review = kept["state"] == State.REVIEW
        approves = not in_review or rules[PaymentType(kept["kind"]).name.lower()] == "approve"
        if reason or not approves:
            return self._follow(Kind.EXPIRE, payment, 0, 0, rest, client=0, reason=reason)
        if in_review:
            return self._go_on(Kind.EXPIRE, payment, {"client": 0})
        return self._follow(Kind.EXPIRE, payment, 0, rest, 0, client=0)

    def clear_by_bank(self, payment: int) -> int:
        """The bank has paid a withdrawal out."""
        return self._follow(Kind.CLEAR, payment, 0, self._rest(payment), 0, client=9, flags=int(Flag.OPERATES))

    def finish(self, payment: int, *, paid: bool, **values: Any) -> int:
        """Recover a payment at the bank: it has, or has not, left."""
        option = int(Option.FINISH_PAID if paid else Option.FINISH_UNPAID)
        rest = self._rest(payment)
        moved, given = (rest, 0) if paid else (0, rest)
        return self._follow(Kind.RECOVER, payment, 0, moved, given, option=option, **PEOPLE | values)

    # --- risk and labels

    def publish_model(self, option: Option = Option.MODEL_IN_FORCE, side: bytes = MODEL, **values: Any) -> int:
        """Put the next model in force, or none."""
        in_force = option == Option.MODEL_IN_FORCE
        self.models += in_force
        self.model = self.models if in_force else 0
        row = {"model_version": self.model, "option": int(option)}
        return self._add(Kind.PUBLISH_MODEL, State.DONE, side=side if in_force else b"", **row | PEOPLE | values)

    def challenge(self, payer: int, payee: int, amount: int, score: float, **values: Any) -> int:
        """Ask for the payer's verification."""
        row = {
            **self._payer(payer), "payee_account": payee, "payment_type": PaymentType.TRANSFER, "amount_minor": amount,
            "reason": Reason.VERIFICATION_NEEDED,
        }  # fmt: skip
        return self._add(Kind.PAY, State.CHALLENGE, **row | {"score": score} | values)

    def label(self, payment: int, option: Option, **values: Any) -> int:
        """Say what has become known of a payment."""
        first = next(row for row in [*self.rows, *self._batch] if row["seq"] == payment)
        row = {name: first[name] for name in LABEL_COPIES} | {
            "ref_seq": payment, "option": int(option), "from_us": first["time_us"], "was": self.labels.get(payment, 0),
        }  # fmt: skip
        self.labels[payment] = int(option)
        return self._add(Kind.LABEL, State.DONE, **row | {"client": 1} | values)

    def refuse_label(self, payment: int, option: Option, reason: Reason, **values: Any) -> int:
        """Refuse a label."""
        return self._add(
            Kind.LABEL, State.DECLINED, reason=reason, ref_seq=payment, option=int(option), **{"client": 1} | values
        )

    # --- giving back

    def give_back(self, kind: Kind, payment: int, amount: int = 0, *, to_suspense: bool = False, **values: Any) -> int:
        """Refund, return, charge back or reverse all or a part of what is left."""
        kept = self.payments[payment]
        flags = values.pop("flags", int(Flag.OPERATES)) | int(Flag.TO_SUSPENSE if to_suspense else 0)
        moved, suspense = amount or kept["left"], 3 * self._slot(kept["currency"]) + 3
        source = suspense if flags & Flag.FROM_SUSPENSE else kept["payee"]
        fee = self._fee("chargeback", kept["currency"], moved) if kind == Kind.CHARGEBACK and source != suspense else 0
        left = kept["left"] - moved
        if kind == Kind.RECOVER:
            values = {**PEOPLE, "option": int(Option.REVERSE), **values}
        row = {
            **self._payer(source), "payee_account": suspense if to_suspense else kept["payer"], "amount_minor": amount,
            "moved_minor": moved, "fee_minor": fee, "left_minor": max(left, 0), **values, "flags": flags,
        }  # fmt: skip
        return self._give(kind, payment, State.CLEARED if left > 0 else _ENDS_AS[kind], row)

    def refund_by_bank(self, payment: int, amount: int = 0, **values: Any) -> int:
        """Refund a deposit: held until the bank has answered."""
        kept = self.payments[payment]
        kept["sent"] = amount or kept["left"]
        row = {
            **self._payer(kept["payee"]), "payee_account": kept["payer"], "amount_minor": amount, "held_minor": kept["sent"],
            "left_minor": kept["left"], "expires_us": NEVER_US, "flags": int(Flag.RAIL), **values,
        }  # fmt: skip
        return self._give(Kind.REFUND, payment, State.REFUNDING, row)

    def bank_answers(self, payment: int, *, paid: bool, kind: Kind | None = None, **values: Any) -> int:
        """End a refund that is at the bank."""
        kept = self.payments[payment]
        left = kept["left"] - (kept["sent"] if paid else 0)
        row = {
            **self._payer(kept["payee"]), "payee_account": kept["payer"], "held_minor": -kept["sent"], "left_minor": left,
            "moved_minor": kept["sent"] if paid else 0, **PEOPLE, **values,
        }  # fmt: skip
        state = State.CLEARED if left else State.REFUNDED
        return self._give(kind or (Kind.CLEAR if paid else Kind.RELEASE), payment, state, row)

    def move_suspense(self, account: int, amount: int, **values: Any) -> int:
        """Move money from suspense to the account that it belongs to."""
        currency = self.accounts[account]["currency"]
        row = {
            **self._payer(3 * self._slot(currency) + 3), "payee_account": account, "amount_minor": amount,
            "moved_minor": amount, "option": int(Option.MOVE_SUSPENSE),
        }  # fmt: skip
        return self._add(Kind.RECOVER, State.DONE, **row | PEOPLE | values)

    def deposit_for_nobody(self, amount: int, **values: Any) -> int:
        """Money arrives that belongs to no account known."""
        flags = int(Flag.OPERATES | Flag.TO_SUSPENSE)
        return self.deposit(3, amount, **{"flags": flags, "client": 9, **values})

    # --- what operators set

    def set_account(self, account: int, option: Option, *, amount: int = 0, until_us: int = NEVER_US, **values: Any) -> int:
        """Freeze, unfreeze or close."""
        freezes = option <= Option.FREEZE_AMOUNT
        row = {
            **self._payer(account), "currency": 0, "option": int(option), "amount_minor": amount,
            "from_us": self.now_us + 1000 if freezes else 0, "expires_us": until_us if freezes else 0,
        }  # fmt: skip
        return self._add(Kind.SET_ACCOUNT, State.DONE, **row | PEOPLE | values)

    def set_tier(self, customer: int, tier: int, **values: Any) -> int:
        """Give a customer another tier."""
        self.customers[customer - 1]["tier"] = tier
        row = {"customer": customer, "tier": tier, "option": int(Option.TIER)}
        return self._add(Kind.SET_CUSTOMER, State.DONE, **row | PEOPLE | values)

    def set_limit(
        self, account: int, option: Option, value: int, kind: PaymentType = PaymentType.TRANSFER, **values: Any
    ) -> int:
        """Give the account's customer a limit of its own."""
        known = self._payer(account) | {"payer_account": 0}
        row = {"option": int(option), "amount_minor": value, "payment_type": kind, "expires_us": NEVER_US}
        return self._add(Kind.SET_CUSTOMER, State.DONE, **known | row | PEOPLE | values)

    def set_approvals(self, operation: Operation, number: int, **values: Any) -> int:
        """Set how many approvers an operation needs."""
        row = {"option": int(Option.APPROVALS) + operation, "amount_minor": number}
        return self._add(Kind.SET_APPROVALS, State.DONE, **row | PEOPLE | values)

    # --- inside

    def _decide(self, payment: int, option: Option, values: dict[str, Any]) -> int:
        values = values | {"option": int(option)}
        if option == Option.REJECT:
            return self._follow(Kind.DECIDE_REVIEW, payment, 0, 0, self._rest(payment), **values)
        return self._go_on(Kind.DECIDE_REVIEW, payment, values)

    def _go_on(self, command: Kind, payment: int, values: dict[str, Any]) -> int:
        kept = self.payments[payment]
        if kept["flags"] & (Flag.HOLD_ONLY | _ARRIVALS) == 0:
            return self._follow(command, payment, 0, self._rest(payment), 0, **values)
        state, seconds = State.HELD, self.policy.hold_lifetime_s
        if kept["flags"] & _ARRIVALS:
            state = State.DELAYED
            seconds = self.policy.next_day_s if kept["flags"] & Flag.NEXT_DAY else self.policy.ordinary_s
        kept["expires"] = self.now_us + 1000 + seconds * 1_000_000
        return self._follow(command, payment, 0, 0, 0, **values | {"state": state, "expires_us": kept["expires"]})

    def _give(self, kind: Kind, payment: int, state: State, row: dict[str, Any]) -> int:
        kept = self.payments[payment]
        about = {
            "ref_seq": payment, "ref_prev_seq": kept["last"], "payment_type": kept["kind"], "currency": kept["currency"],
        }  # fmt: skip
        state = row.pop("state", state)
        seq = self._add(kind, state, **row | {"purse": self.accounts[row["payer_account"]]["purse"]} | about)
        kept |= {"last": seq, "state": state, "left": row["left_minor"]}
        return seq
