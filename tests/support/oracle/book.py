"""What the oracle keeps: accounts, customers, payments and how many approvers an operation needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

from penstock.contracts.commands import APPROVERS, Flag, Kind, Operation
from penstock.contracts.money import BY_NUMERIC
from penstock.contracts.policy import Policy
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State

CURRENCIES = [currency.code for currency in BY_NUMERIC.values()]
FIRST_CUSTOMER_ACCOUNT = 1 + 3 * len(CURRENCIES)
NEVER_US = 2**62
SECOND_US = 1_000_000
MOST_BALANCE = 10**15
SETTLEMENT, FEES, SUSPENSE = 0, 1, 2
#: A command with plain numbers as attributes.
Command = SimpleNamespace


class Outcome(NamedTuple):
    """What the caller is told. ``flags`` only knows TO_SUSPENSE, and RAIL of a refund that leaves by the bank."""

    status: int
    state: int = 0
    reason: int = 0
    moved: int = 0
    held: int = 0
    fee: int = 0
    left: int = 0
    flags: int = 0


class Attempt(NamedTuple):
    """A payment by a payer who is known: what its row must say, and how often the parties had been seen before."""

    client: int
    payer: int
    payee: int  # 0 = not known
    time_us: int
    command: Command
    model: int
    score: float
    payer_seen: int
    payee_seen: int


class Labelled(NamedTuple):
    """A label: of which payment, what it says, and what was said before."""

    payment: int
    option: int
    was: int


class Refused(Exception):
    """The command is refused; nothing has been changed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def require(condition: object, reason: Reason) -> None:
    """Refuse unless."""
    if not condition:
        raise Refused(reason)


class Freeze(NamedTuple):
    """Holds while from_us <= time < until_us."""

    from_us: int
    until_us: int
    amount: int = 0

    def holds(self, now_us: int) -> bool:
        return self.from_us <= now_us < self.until_us


NO_FREEZE = Freeze(0, 0)


@dataclass
class Account:
    customer: int
    currency: str
    available: int = 0
    held: int = 0
    closed: bool = False
    debit: Freeze = NO_FREEZE
    credit: Freeze = NO_FREEZE
    part: Freeze = NO_FREEZE


@dataclass
class Customer:
    client: int
    tier: int
    #: (currency, payment type, field) → value, until when
    own: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)


@dataclass
class Payment:
    seq: int
    client: int
    kind: Kind
    type: str
    payer: int
    payee: int
    currency: str
    amount: int
    fee: int = 0
    flags: int = 0
    opened_us: int = 0
    expires_us: int = NEVER_US
    state: State = State.DECLINED
    cleared: int = 0
    released: int = 0
    fee_taken: int = 0
    given_back: int = 0
    on_its_way: int = 0  # of a refund that leaves by the bank

    @property
    def rest(self) -> int:
        return self.amount - self.cleared - self.released

    @property
    def frozen(self) -> int:
        return self.rest + self.fee * (self.amount - self.released) // self.amount - self.fee_taken if self.rest else 0

    @property
    def left(self) -> int:
        """What can still be given back; 0 while funds of it are held, but for a refund on its way."""
        return 0 if self.state in (State.HELD, State.DELAYED, State.REVIEW) else self.cleared - self.given_back

    @property
    def at_bank(self) -> bool:
        waits = self.kind == Kind.WITHDRAW and bool(self.flags & Flag.RAIL) and self.state == State.HELD
        return waits or self.state == State.REFUNDING

    @property
    def holder(self) -> int:
        """The account whose funds are held, 0 = none."""
        if self.state in (State.HELD, State.DELAYED, State.REVIEW):
            return self.payer
        return self.payee if self.state == State.REFUNDING else 0


class Model(NamedTuple):
    """A stored model: whether it fits the lane, and the score that it gives a payment, None when it fails."""

    fits: bool
    score: Callable[[Command], float | None]


@dataclass
class Book:
    """Everything there is."""

    policy: Policy
    customers_max: int
    accounts_max: int
    holds_max: int
    holds_per_account: int
    own_limits_max: int = 1_000
    labels_max: int = 1_000
    sandbox: bool = False
    bank: bool = True
    seq: int = 16
    customers: list[Customer] = field(default_factory=lambda: [Customer(0, 0)])
    accounts: list[Account] = field(default_factory=lambda: [Account(0, "")])
    payments: dict[int, Payment] = field(default_factory=dict)
    used: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    reviews: Counter[int] = field(default_factory=Counter)
    approvers: dict[Operation, int] = field(default_factory=lambda: dict(APPROVERS))
    #: By the rows that they are in.
    attempts: dict[int, Attempt] = field(default_factory=dict)
    labelled: dict[int, Labelled] = field(default_factory=dict)
    published: dict[int, int] = field(default_factory=dict)
    #: Payment → its label.
    labels: dict[int, int] = field(default_factory=dict)
    #: What may be published, by the text of the wish; what is in force, and its version; how many there have been.
    models: dict[bytes, Model] = field(default_factory=dict)
    model: Model | None = None
    model_version: int = 0
    versions: int = 0
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for currency in CURRENCIES:
            self.accounts += [Account(0, currency) for _ in range(3)]

    # --- accounts

    def system(self, currency: str, which: int) -> int:
        return 1 + 3 * CURRENCIES.index(currency) + which

    def is_customers(self, account: int) -> bool:
        return FIRST_CUSTOMER_ACCOUNT <= account < len(self.accounts)

    def client_of(self, account: int) -> int:
        """The client of the account's customer, 0 = nobody."""
        return self.customers[self.accounts[account].customer].client if self.is_customers(account) else 0

    def reachable(self, account: int, c: Command) -> bool:
        """Whether the command's client may act on an account of a customer."""
        return self.is_customers(account) and (operates(c) or self.client_of(account) == c.client)

    # --- money

    def fee_of(self, kind: str, currency: str, amount: int) -> int:
        for rule in self.policy.fees:
            if (rule.type, rule.currency) == (kind, currency):
                return min(rule.most, rule.fixed + (amount * rule.basis_points + 5000) // 10000)
        return 0

    def move(self, payer: int, payee: int, amount: int, fee: int = 0) -> None:
        self.accounts[payer].available -= amount + fee
        self.accounts[payee].available += amount
        self.accounts[self.system(self.accounts[payer].currency, FEES)].available += fee

    def hold(self, account: int, change: int) -> None:
        self.accounts[account].held += change
        self.accounts[account].available -= change

    def target(self, account: int, now_us: int) -> int:
        """Where money for an account goes: to suspense when the account cannot take it."""
        record = self.accounts[account]
        turned_away = record.closed or record.credit.holds(now_us)
        return self.system(record.currency, SUSPENSE) if turned_away else account

    # --- holds

    def open_holds(self, account: int = 0) -> int:
        return sum(p.holder == account if account else p.holder > 0 for p in self.payments.values())

    def instants(self, now_us: int) -> list[int]:
        """The times after now at which something ends, begins or falls due."""
        times = {p.expires_us for p in self.payments.values() if p.holder}
        for account in self.accounts:
            for freeze in (account.debit, account.credit, account.part):
                times |= {freeze.from_us, freeze.until_us}
        times |= {until_us for customer in self.customers for _, until_us in customer.own.values()}
        return sorted(time for time in times if now_us < time < NEVER_US)


def operates(c: Command) -> bool:
    return bool(c.flags & Flag.OPERATES)


def currency_of(c: Command) -> str:
    """The command's currency, ``?`` when there is none of that number."""
    return BY_NUMERIC[c.currency].code if c.currency in BY_NUMERIC else "?"
