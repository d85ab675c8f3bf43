"""Makes small, right journals in plain Python, by the documents alone: what the auditor is tried on.

It knows neither the engine nor the auditor. A row is a dictionary of the table's columns.
"""

from __future__ import annotations

import hashlib
import uuid
from copy import deepcopy
from typing import Any

from review.journal_rows import COLUMNS, ZEROS, Row, digest_of, vector_of

from penstock.contracts.commands import Flag, Kind, PaymentType
from penstock.contracts.money import BY_CODE, CURRENCIES
from penstock.contracts.policy import Policy, load_policy
from penstock.contracts.reasons import Reason
from penstock.contracts.states import OPEN, State

START_US = 1_767_323_045_000_000  # 2026-01-02 03:04:05 UTC
DAY_US = 86_400_000_000
POLICY = """
name = "small"
time_zone = "Asia/Shanghai"
tiers = ["basic", "verified"]
hold_lifetime_s = 600
limits = [
  {tier = "basic", type = "any", currency = "CNY", single = 500000, day_amount = 2000000, day_count = 200, year_amount = 90000000},
  {tier = "basic", type = "transfer", currency = "CNY", day_amount = 1000000, month_amount = 20000000},
  {tier = "basic", type = "purchase", currency = "CNY"},
  {tier = "basic", type = "withdrawal", currency = "CNY"},
  {tier = "verified", type = "transfer", currency = "USD"},
]
fees = [
  {type = "purchase", currency = "CNY", fixed = 7, basis_points = 30, most = 2500},
  {type = "withdrawal", currency = "CNY", basis_points = 10},
]
"""


class JournalMaker:
    """A journal that grows by calls; ``batches`` lists of rows, ``sides`` sequence → body."""

    def __init__(self, lane: int = 0, policy: str = POLICY) -> None:
        self.lane = lane
        self.batches: list[list[Row]] = []
        self.sides: dict[int, bytes] = {}
        self.now_us = START_US
        self._batch: list[Row] = []
        self._seq = 0
        self._last: dict[int, int] = {}  # account → last row of its history
        self.accounts: dict[int, dict[str, int]] = {}
        self.customers: list[dict[str, int]] = []
        self.purses: dict[tuple[int, str], int] = {}
        self.payments: dict[int, dict[str, int]] = {}
        self.version = 0
        self.model = self.models = 0
        self.publish(load_policy(policy))
        for currency in CURRENCIES:
            for _ in range(3):
                self._open(0, currency.code, 0, 0, 0)

    # --- what a lane is asked to do

    def publish(self, policy: Policy) -> int:
        """Publish a policy."""
        self.policy = policy
        self.version += 1
        return self._add(Kind.PUBLISH, State.DONE, side=policy.canonical())

    def open_customer(self, tier: int = 0, client: int = 1) -> int:
        """Open a customer; its number."""
        self.customers.append({"tier": tier, "client": client})
        self._add(Kind.OPEN_CUSTOMER, State.DONE, customer=len(self.customers), tier=tier, client=client)
        return len(self.customers)

    def open_account(self, customer: int, code: str = "CNY") -> int:
        """Open an account; its number."""
        purse = self.purses.setdefault((customer, code), len(self.purses) + 1)
        owner = self.customers[customer - 1]
        return self._open(customer, code, purse, owner["tier"], owner["client"])

    def fund(self, tier: int = 0, amount: int = 1_000_000, code: str = "CNY") -> int:
        """Open a customer with a funded account; the account's number."""
        account = self.open_account(self.open_customer(tier), code)
        self.deposit(account, amount)
        return account

    def deposit(self, account: int, amount: int, side: bytes = b"", **values: Any) -> int:
        """Deposit money."""
        currency = self.accounts[account]["currency"]
        row = {
            "payer_account": 3 * self._slot(currency) + 1, "payee_account": account, "amount_minor": amount,
            "moved_minor": amount, "left_minor": amount, "currency": currency, "client": self._owner(account)["client"],
        }  # fmt: skip
        seq = self._add(Kind.DEPOSIT, State.CLEARED, side=side, **row | values)
        return self._remember(seq, Kind.DEPOSIT, State.CLEARED, row | values, 0)

    def pay(
        self, payer: int, payee: int, amount: int, kind: PaymentType = PaymentType.TRANSFER, side: bytes = b"", **values: Any
    ) -> int:
        """Pay in one step."""
        return self._spend(Kind.PAY, State.CLEARED, payer, payee, amount, kind, side=side, **values)

    def withdraw(self, payer: int, amount: int) -> int:
        """Withdraw."""
        settlement = 3 * self._slot(self.accounts[payer]["currency"]) + 1
        return self._spend(Kind.WITHDRAW, State.CLEARED, payer, settlement, amount, PaymentType.WITHDRAWAL)

    def hold(
        self,
        payer: int,
        payee: int,
        amount: int,
        kind: PaymentType = PaymentType.TRANSFER,
        lifetime_us: int = 600_000_000,
    ) -> int:
        """Authorise; the payment's first row."""
        expires = self.now_us + 1000 + lifetime_us
        return self._spend(
            Kind.PAY, State.HELD, payer, payee, amount, kind, flags=int(Flag.HOLD_ONLY), expires_us=expires
        )

    def clear(self, payment: int, amount: int = 0, *, release_rest: bool = False) -> int:
        """Clear a part or all of a hold."""
        rest = self._rest(payment)
        moved = amount or rest
        given = rest - moved if release_rest else 0
        flags = Flag.RELEASE_REST if release_rest else 0
        return self._follow(Kind.CLEAR, payment, amount, moved, given, flags=int(flags))

    def release(self, payment: int, amount: int = 0) -> int:
        """Give back a part or all of a hold."""
        return self._follow(Kind.RELEASE, payment, amount, 0, amount or self._rest(payment))

    def cancel(self, payment: int) -> int:
        """Cancel a hold."""
        return self._follow(Kind.CANCEL, payment, 0, 0, self._rest(payment))

    def expire(self, payment: int) -> int:
        """Let a hold run out, at its time."""
        self.now_us = max(self.now_us, self.payments[payment]["expires"])
        return self._follow(Kind.EXPIRE, payment, 0, 0, self._rest(payment), client=0)

    def decline(self, payer: int, payee: int, amount: int, reason: Reason = Reason.INSUFFICIENT_FUNDS, **values: Any) -> int:
        """Refuse a payment."""
        return self._add(
            Kind.PAY, State.DECLINED, **self._payer(payer), payee_account=payee, amount_minor=amount, reason=reason,
            **{"payment_type": PaymentType.TRANSFER} | values,
        )  # fmt: skip

    def refuse(self, kind: Kind, payment: int, reason: Reason, client: int = 1, amount: int = 0) -> int:
        """Refuse a follow-up."""
        return self._add(kind, State.DECLINED, ref_seq=payment, reason=reason, client=client, amount_minor=amount)

    def commit(self) -> None:
        """End the batch."""
        if self._batch:
            self.batches.append(self._batch)
            self._batch = []

    def wait(self, microseconds: int) -> None:
        """Let time pass."""
        self.now_us += microseconds

    # --- what comes of it

    @property
    def rows(self) -> list[Row]:
        """All rows of committed batches."""
        return [row for batch in self.batches for row in batch]

    def row(self, seq: int) -> Row:
        """One row, to look at or to spoil."""
        return next(row for row in self.rows if row["seq"] == seq)

    def digests(self) -> list[bytes]:
        """The digest of each batch."""
        digests = [ZEROS]
        for batch in self.batches:
            digests.append(digest_of(batch, digests[-1], self.lane))
        return digests[1:]

    def copy(self) -> JournalMaker:
        """Another journal with the same rows."""
        return deepcopy(self)

    # --- inside

    def _add(self, kind: Kind, state: State, *, side: bytes = b"", client: int | None = None, **values: Any) -> int:
        self._seq += 1
        self.now_us += 1000
        own = kind in {Kind.PUBLISH, Kind.EXPIRE} or (kind == Kind.OPEN_ACCOUNT and values["customer"] == 0)
        row: Row = {name: 0 for name, _ in COLUMNS} | {"side_hash": ZEROS, "score": 0.0, "features": None}
        row |= {
            "seq": self._seq, "time_us": self.now_us, "lane": self.lane, "kind": kind, "state": state,
            "fingerprint": self._seq * 7919, "policy_version": self.version, "business_day": self._day(),
            "client": 0 if own else 1 if client is None else client,
            "command_id": uuid.UUID(int=8 << 76 | 2 << 62 | self._seq) if own else self._new_id(),
        }  # fmt: skip
        row |= {name: int(value) if not isinstance(value, bytes) else value for name, value in values.items()}
        row["score"] = float(values.get("score", 0.0))
        if kind == Kind.PAY and row["payer_account"] > 0:
            row["model_version"], row["feature_registry"] = self.model, 1
            row["features"] = vector_of(row, *self._clock())
        if side:
            self.sides[self._seq] = side
            row["side_hash"] = hashlib.sha256(side).digest()
        self._link(row)
        self._batch.append(row)
        return self._seq

    def _link(self, row: Row) -> None:
        fees = 3 * self._slot(row["currency"]) + 2 if row["fee_minor"] > 0 else 0
        roles = {
            "payer": row["payer_account"], "payee": row["payee_account"] if row["moved_minor"] > 0 else 0, "fee": fees,
        }  # fmt: skip
        for role, account in roles.items():
            if account > 0:
                row[f"{role}_prev_seq"] = self._last.get(account, 0)
        self._last |= {account: row["seq"] for account in roles.values() if account > 0}
        if row["payer_account"] > 0 and row["payer_account"] in self.accounts:
            payer = self.accounts[row["payer_account"]]
            payer["held"] += row["held_minor"]
            payer["available"] -= row["held_minor"] + row["moved_minor"] + row["fee_minor"]
        if row["moved_minor"] > 0:
            self.accounts[row["payee_account"]]["available"] += row["moved_minor"]
        if fees:
            self.accounts[fees]["available"] += row["fee_minor"]

    def _open(self, customer: int, code: str, purse: int, tier: int, client: int) -> int:
        number, currency = len(self.accounts) + 1, BY_CODE[code].numeric
        self.accounts[number] = {"customer": customer, "purse": purse, "currency": currency, "available": 0, "held": 0}
        seq = self._add(
            Kind.OPEN_ACCOUNT, State.DONE, payee_account=number, customer=customer, purse=purse, currency=currency,
            tier=tier, client=client,
        )  # fmt: skip
        self._last[number] = self.accounts[number]["opened"] = seq
        return number

    def _spend(
        self, command: Kind, state: State, payer: int, payee: int, amount: int, kind: PaymentType, *, side: bytes = b"",
        **values: Any,
    ) -> int:  # fmt: skip
        fee = self._fee(kind.name.lower(), self.accounts[payer]["currency"], amount)
        money = {"moved_minor": amount, "fee_minor": fee, "left_minor": amount}
        money = {"held_minor": amount + fee} if state in OPEN else money
        row = {
            **self._payer(payer), "payee_account": payee, "payment_type": kind, "amount_minor": amount, "limit_minor": amount,
            "limit_count": 1, "limit_day": self._day(), **money, **values,
        }  # fmt: skip
        seq = self._add(command, state, side=side, **row)
        return self._remember(seq, command, state, row, fee)

    def _remember(self, seq: int, command: Kind, state: State, row: Row, fee: int) -> int:
        self.payments[seq] = {
            "payer": row["payer_account"], "payee": row["payee_account"], "kind": row.get("payment_type", 0),
            "amount": row["amount_minor"], "fee": fee, "cleared": 0, "released": 0, "last": seq, "day": row.get("limit_day", 0),
            "state": state, "expires": row.get("expires_us", 0), "flags": row.get("flags", 0), "command": command,
            "left": row.get("left_minor", 0), "sent": 0, "currency": row["currency"], "client": row["client"],
        }  # fmt: skip
        return seq

    def _follow(
        self, command: Kind, payment: int, asked: int, moved: int, given: int, *, client: int | None = None, **values: Any
    ) -> int:
        hold = self.payments[payment]
        before, taken = self._frozen(hold), self._taken(hold)
        hold["cleared"] += moved
        hold["released"] += given
        still = self._frozen(hold)
        ended = {Kind.RELEASE: State.RELEASED, Kind.CANCEL: State.CANCELLED, Kind.EXPIRE: State.EXPIRED}
        gone = State.REJECTED if hold["state"] == State.REVIEW else ended.get(command, State.RELEASED)
        gone = State.CANCELLED if command == Kind.CANCEL else gone
        state = hold["state"] if still else State.CLEARED if hold["cleared"] else gone
        left = hold["cleared"] if state == State.CLEARED else 0
        row = {
            "payee_account": hold["payee"], "payment_type": hold["kind"], "amount_minor": asked, "moved_minor": moved,
            "fee_minor": self._taken(hold) - taken, "held_minor": still - before, "limit_minor": -given,
            "limit_day": hold["day"] if given else 0, "ref_seq": payment, "ref_prev_seq": hold["last"], "left_minor": left,
            "limit_count": -1 if not still and not hold["cleared"] else 0,
        }  # fmt: skip
        state = values.pop("state", state)
        seq = self._add(command, state, **self._payer(hold["payer"]) | {"client": client} | row | values)
        hold |= {"last": seq, "state": state, "left": left}
        return seq

    def _payer(self, account: int) -> dict[str, Any]:
        known = self.accounts[account]
        owner = self._owner(account)
        return {
            "payer_account": account, "customer": known["customer"], "purse": known["purse"], "tier": owner["tier"],
            "currency": known["currency"], "client": owner["client"],
        }  # fmt: skip

    def _owner(self, account: int) -> dict[str, int]:
        customer = self.accounts[account]["customer"]
        return self.customers[customer - 1] if customer else {"tier": 0, "client": 1}

    def _rest(self, payment: int) -> int:
        hold = self.payments[payment]
        return hold["amount"] - hold["cleared"] - hold["released"]

    @staticmethod
    def _taken(hold: dict[str, int]) -> int:
        return hold["fee"] * hold["cleared"] // hold["amount"]

    def _frozen(self, hold: dict[str, int]) -> int:
        rest = hold["amount"] - hold["cleared"] - hold["released"]
        return (
            rest + hold["fee"] * (hold["amount"] - hold["released"]) // hold["amount"] - self._taken(hold)
            if rest
            else 0
        )

    def _fee(self, kind: str, numeric: int, amount: int) -> int:
        code = next(c.code for c in CURRENCIES if c.numeric == numeric)
        for rule in self.policy.fees:
            if rule.type == kind and rule.currency == code:
                return min(rule.most, rule.fixed + (amount * rule.basis_points + 5000) // 10000)
        return 0

    @staticmethod
    def _slot(numeric: int) -> int:
        return next(c.slot for c in CURRENCIES if c.numeric == numeric)

    def _day(self) -> int:
        return (self.now_us + 8 * 3_600_000_000) // DAY_US  # Asia/Shanghai has no summer time

    def _clock(self) -> tuple[float, int]:
        """The local hour, in quarters, and the day of the week, from Monday."""
        local = self.now_us + 8 * 3_600_000_000
        return local % DAY_US // 900_000_000 / 4, (local // DAY_US + 3) % 7

    def _new_id(self) -> uuid.UUID:
        milliseconds = self.now_us // 1000
        return uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | self._seq * 2654435761 % 2**61)
