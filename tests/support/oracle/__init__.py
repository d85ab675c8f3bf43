"""The oracle: what every command must do, in plain Python, one command at a time, slow and obvious.

It shares no code with the lane but the words of contracts. It keeps what the kernels keep in arrays
in dictionaries, and predicts each command's outcome: (status, state, reason, moved, held, fee).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from penstock.contracts.commands import Flag, Kind, PaymentType, Status
from penstock.contracts.money import BY_NUMERIC
from penstock.contracts.policy import Policy
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State

AHEAD_US, AGE_US = 5_000_000, 86_400_000_000


class Outcome(NamedTuple):
    status: int
    state: int = 0
    reason: int = 0
    moved: int = 0
    held: int = 0
    fee: int = 0


@dataclass
class Account:
    customer: int
    currency: str
    available: int = 0
    held: int = 0


@dataclass
class Payment:
    client: int
    payer: int
    payee: int
    kind: str
    currency: str
    amount: int
    fee: int
    opened_us: int
    expires_us: int
    seq: int
    state: State = State.HELD
    cleared: int = 0
    released: int = 0
    fee_taken: int = 0

    @property
    def rest(self) -> int:
        return self.amount - self.cleared - self.released

    @property
    def frozen(self) -> int:
        return self.rest + self.fee * (self.amount - self.released) // self.amount - self.fee_taken if self.rest else 0


@dataclass
class Oracle:
    policy: Policy
    customers_max: int
    accounts_max: int
    holds_max: int
    holds_per_account: int
    seq: int = 16
    customers: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])  # client, tier
    accounts: list[Account] = field(default_factory=lambda: [Account(0, "")])
    payments: dict[int, Payment] = field(default_factory=dict)
    ids: dict[tuple[int, int, int], tuple[bytes, int]] = field(default_factory=dict)
    used: Counter[tuple[Any, ...]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for currency in ("CNY", "USD", "EUR", "HKD", "JPY"):
            self.accounts += [Account(0, currency) for _ in range(3)]

    # --- one command

    def tell(self, command: Any, time_us: int) -> Outcome:
        """Carry one command out."""
        self._expire(time_us)
        key = (int(command["client"]), int(command["id_hi"]), int(command["id_lo"]))
        content = bytes(
            b"".join(command[name].tobytes() for name in command.dtype.names if name not in ("token", "id_hi", "id_lo"))
        )
        if key in self.ids:
            same = self.ids[key][0] == content
            return Outcome(Status.REPLAYED) if same else Outcome(Status.REFUSED, reason=Reason.ID_CONFLICT)
        id_us = ((key[1] % 2**64) >> 16) * 1000
        if id_us > time_us + AHEAD_US:
            return Outcome(Status.REFUSED, reason=Reason.ID_FROM_FUTURE)
        if id_us < time_us - AGE_US:
            return Outcome(Status.REFUSED, reason=Reason.ID_EXPIRED)
        self.seq += 1
        self.ids[key] = (content, self.seq)
        return self._carry_out(command, time_us)

    def _carry_out(self, c: Any, time_us: int) -> Outcome:
        kind = Kind(int(c["kind"]))
        client, amount = int(c["client"]), int(c["amount_minor"])
        payer, payee, numeric = int(c["payer_account"]), int(c["payee_account"]), int(c["currency"])
        currency = BY_NUMERIC[numeric].code if numeric in BY_NUMERIC else "?"
        if kind == Kind.OPEN_CUSTOMER:
            return self._open_customer(client, int(c["tier"]))
        if kind == Kind.OPEN_ACCOUNT:
            return self._open_account(client, int(c["customer"]), currency)
        if kind == Kind.DEPOSIT:
            return self._deposit(client, payee, amount, currency)
        if kind == Kind.WITHDRAW:
            return self._withdraw(client, payer, amount, currency, time_us)
        if kind == Kind.PAY:
            lifetime = int(c["lifetime_us"]) or self.policy.hold_lifetime_s * 1_000_000
            hold = bool(int(c["flags"]) & Flag.HOLD_ONLY)
            name = PaymentType(int(c["payment_type"])).name.lower()
            outcome = self._pay(client, payer, payee, amount, currency, name, time_us, lifetime if hold else 0)
            if outcome.state == State.DECLINED:
                self.payments[self.seq] = Payment(
                    client, payer, payee, name, currency, amount, 0, time_us, 0, self.seq, State.DECLINED
                )
            return outcome
        return self._follow_up(
            client, kind, int(c["ref_seq"]), amount, bool(int(c["flags"]) & Flag.RELEASE_REST), time_us
        )

    # --- opening

    def _open_customer(self, client: int, tier: int) -> Outcome:
        if not 0 <= tier < len(self.policy.tiers):
            return _declined(Reason.TIER_UNKNOWN)
        if len(self.customers) > self.customers_max:
            return _declined(Reason.CUSTOMERS_FULL)
        self.customers.append((client, tier))
        return Outcome(Status.DONE, State.DONE)

    def _open_account(self, client: int, customer: int, currency: str) -> Outcome:
        if not 0 < customer < len(self.customers) or self.customers[customer][0] != client:
            return _declined(Reason.CUSTOMER_UNKNOWN)
        if currency == "?":
            return _declined(Reason.CURRENCY_MISMATCH)
        if len(self.accounts) > self.accounts_max:
            return _declined(Reason.ACCOUNTS_FULL)
        self.accounts.append(Account(customer, currency))
        return Outcome(Status.DONE, State.DONE)

    # --- money

    def _owned(self, account: int, client: int) -> bool:
        return self._exists(account) and self.customers[self.accounts[account].customer][0] == client

    def _exists(self, account: int) -> bool:
        return 15 < account < len(self.accounts)

    def _deposit(self, client: int, payee: int, amount: int, currency: str) -> Outcome:
        if not self._owned(payee, client):
            return _declined(Reason.PAYEE_UNKNOWN)
        if self.accounts[payee].currency != currency:
            return _declined(Reason.CURRENCY_MISMATCH)
        if self._full(payee, amount):
            return _declined(Reason.BALANCE_TOO_LARGE)
        self._move(self._system(currency, 0), payee, amount, 0)
        return Outcome(Status.DONE, State.DONE, moved=amount)

    def _withdraw(self, client: int, payer: int, amount: int, currency: str, time_us: int) -> Outcome:
        if not self._owned(payer, client):
            return _declined(Reason.PAYER_UNKNOWN)
        if self.accounts[payer].currency != currency:
            return _declined(Reason.CURRENCY_MISMATCH)
        return self._spend(client, payer, self._system(currency, 0), amount, "withdrawal", time_us, 0)

    def _pay(
        self, client: int, payer: int, payee: int, amount: int, currency: str, kind: str, time_us: int, lifetime_us: int
    ) -> Outcome:
        if not self._owned(payer, client):
            return _declined(Reason.PAYER_UNKNOWN)
        if not self._exists(payee):
            return _declined(Reason.PAYEE_UNKNOWN)
        if payer == payee:
            return _declined(Reason.SAME_ACCOUNT)
        if {self.accounts[payer].currency, self.accounts[payee].currency} != {currency}:
            return _declined(Reason.CURRENCY_MISMATCH)
        return self._spend(client, payer, payee, amount, kind, time_us, lifetime_us)

    def _spend(
        self, client: int, payer: int, payee: int, amount: int, kind: str, time_us: int, lifetime_us: int
    ) -> Outcome:
        account = self.accounts[payer]
        fee = self._fee(kind, account.currency, amount)
        reason = self._limit(account, kind, amount, time_us)
        open_holds = [p for p in self.payments.values() if p.state == State.HELD]
        if reason is None and account.available < amount + fee:
            reason = Reason.INSUFFICIENT_FUNDS
        if reason is None and self._full(payee, amount):
            reason = Reason.BALANCE_TOO_LARGE
        if reason is None and lifetime_us and sum(p.payer == payer for p in open_holds) >= self.holds_per_account:
            reason = Reason.TOO_MANY_HOLDS
        if reason is None and lifetime_us and len(open_holds) >= self.holds_max:
            reason = Reason.HOLDS_FULL
        if reason is not None:
            return _declined(reason)
        self._use(account, kind, time_us, time_us, amount, 1)
        payment = Payment(
            client, payer, payee, kind, account.currency, amount, fee, time_us, time_us + lifetime_us, self.seq
        )
        if kind != "withdrawal":
            self.payments[self.seq] = payment
        if lifetime_us:
            account.available -= amount + fee
            account.held += amount + fee
            return Outcome(Status.DONE, State.HELD, held=amount + fee)
        payment.state = State.CLEARED
        self._move(payer, payee, amount, fee)
        return Outcome(Status.DONE, State.CLEARED, moved=amount, fee=fee)

    def _fee(self, kind: str, currency: str, amount: int) -> int:
        for rule in self.policy.fees:
            if (rule.type, rule.currency) == (kind, currency):
                return min(rule.most, rule.fixed + (amount * rule.basis_points + 5000) // 10000)
        return 0

    def _system(self, currency: str, which: int) -> int:
        return 1 + 3 * [c.code for c in BY_NUMERIC.values()].index(currency) + which

    def _full(self, account: int, amount: int) -> bool:
        record = self.accounts[account]
        return self._exists(account) and record.available + record.held + amount > 10**15

    def _move(self, payer: int, payee: int, amount: int, fee: int) -> None:
        self.accounts[payer].available -= amount + fee
        self.accounts[payee].available += amount
        self.accounts[self._system(self.accounts[payer].currency, 1)].available += fee

    # --- holds

    def _follow_up(self, client: int, kind: Kind, ref: int, amount: int, rest: bool, time_us: int) -> Outcome:
        payment = self.payments.get(ref)
        if payment is None or payment.client != client:
            return _declined(Reason.PAYMENT_UNKNOWN)
        if payment.state != State.HELD:
            return _declined(Reason[f"PAYMENT_{payment.state.name}"])
        if kind == Kind.CANCEL:
            amount = 0
        part = amount or payment.rest
        if part > payment.rest:
            return _declined(Reason.AMOUNT_ABOVE_HOLD)
        before = payment.frozen
        if kind != Kind.CLEAR:
            return self._give_back(payment, kind, part, time_us)
        if self._full(payment.payee, part):
            return _declined(Reason.BALANCE_TOO_LARGE)
        payment.cleared += part
        fee = payment.fee * payment.cleared // payment.amount - payment.fee_taken
        payment.fee_taken += fee
        if rest:
            self._use(self.accounts[payment.payer], payment.kind, payment.opened_us, time_us, -payment.rest, 0)
            payment.released += payment.rest
        held = payment.frozen - before
        self._unfreeze(payment, held)
        self._move(payment.payer, payment.payee, part, fee)
        if not payment.rest:
            payment.state = State.CLEARED
        return Outcome(Status.DONE, payment.state, moved=part, held=held, fee=fee)

    def _give_back(self, payment: Payment, kind: Kind, part: int, time_us: int) -> Outcome:
        before = payment.frozen
        payment.released += part
        held = payment.frozen - before
        self._unfreeze(payment, held)
        if not payment.rest:
            ended = {Kind.RELEASE: State.RELEASED, Kind.CANCEL: State.CANCELLED, Kind.EXPIRE: State.EXPIRED}[kind]
            payment.state = State.CLEARED if payment.cleared else ended
        count = -1 if not payment.rest and not payment.cleared else 0
        self._use(self.accounts[payment.payer], payment.kind, payment.opened_us, time_us, -part, count)
        return Outcome(Status.DONE, payment.state, held=held)

    def _unfreeze(self, payment: Payment, held: int) -> None:
        self.accounts[payment.payer].held += held
        self.accounts[payment.payer].available -= held

    def _expire(self, now_us: int) -> None:
        due = [p for p in self.payments.values() if p.state == State.HELD and p.expires_us <= now_us]
        for payment in sorted(due, key=lambda p: (p.expires_us, p.seq)):
            self.seq += 1
            self._give_back(payment, Kind.EXPIRE, payment.rest, now_us)

    # --- limits: counted under the window's name, so that a window that is over is simply another name

    def _windows(self, time_us: int) -> dict[str, tuple[int, ...]]:
        day = datetime.fromtimestamp(time_us / 1e6, ZoneInfo(self.policy.time_zone)).date()
        return {"day": (day.year, day.month, day.day), "month": (day.year, day.month), "year": (day.year,)}

    def _use(self, account: Account, kind: str, opened_us: int, now_us: int, amount: int, count: int) -> None:
        opened, now = self._windows(opened_us), self._windows(now_us)
        for window, name in opened.items():
            if now[window] == name:
                for scope in ("any", kind):
                    self.used[account.customer, account.currency, scope, name, "amount"] += amount
                    self.used[account.customer, account.currency, scope, name, "count"] += count

    def _limit(self, account: Account, kind: str, amount: int, time_us: int) -> Reason | None:
        tier = self.policy.tiers[self.customers[account.customer][1]]
        rules = {r.type: r for r in self.policy.limits if (r.tier, r.currency) == (tier, account.currency)}
        if kind not in rules:
            return Reason.TYPE_NOT_OFFERED
        scopes = [scope for scope in (kind, "any") if scope in rules]
        if any(rules[s].single is not None and amount > rules[s].single for s in scopes):
            return Reason.LIMIT_SINGLE
        for window, name in self._windows(time_us).items():
            for what, step in (("amount", amount), ("count", 1)):
                for scope in scopes:
                    limit = getattr(rules[scope], f"{window}_{what}")
                    used = self.used[account.customer, account.currency, scope, name, what]
                    if limit is not None and used + step > limit:
                        return Reason[f"LIMIT_{window}_{what}".upper()]
        return None


def _declined(reason: Reason) -> Outcome:
    return Outcome(Status.DONE, State.DECLINED, reason)
