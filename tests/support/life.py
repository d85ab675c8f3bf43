"""A small world in which everything can happen to a payment, and random wishes about it.

Amounts are small, limits narrow and times short; the time of a batch can be set to the very microsecond at
which something falls due, ends or begins.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from numpy.typing import NDArray

from penstock.contracts.commands import FORCE_REASON, FORCE_STATE, NEVER_US, Flag, Kind, Operation, Option, PaymentType
from penstock.contracts.policy import FeeRule, Policy, ReviewRule
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from support.lanes import CLIENT, CNY, POLICY, START_US, command
from support.oracle import Oracle

OTHER, OPERATOR = CLIENT + 1, CLIENT + 2
USD = 840
SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
#: The furniture's accounts: of two clients, one of them in dollars.
ACCOUNTS = range(16, 24)


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
        reviews_per_hour=4,
        review_overflow=overflow,
        review_approval_above=1_500,
        ordinary_s=120,
        next_day_s=400,
    )


def furnish(number: int = 500_000) -> list[NDArray[Any]]:
    """Small and large customers of two clients with accounts and money, and something in suspense."""
    clients = [CLIENT] * 4 + [OTHER] * 2
    tiers = [0, 0, 1, 1, 1, 1]
    commands = [
        command(Kind.OPEN_CUSTOMER, number + i, START_US, client=client, tier=tier)
        for i, (client, tier) in enumerate(zip(clients, tiers, strict=True))
    ]
    owners, currencies = [1, 2, 3, 4, 1, 4, 5, 6], [CNY, CNY, CNY, CNY, CNY, USD, CNY, CNY]
    for i, (owner, currency) in enumerate(zip(owners, currencies, strict=True)):
        fields = {"customer": owner, "currency": currency, "client": clients[owner - 1]}
        commands.append(command(Kind.OPEN_ACCOUNT, number + 10 + i, START_US, **fields))
    for i, (owner, currency) in enumerate(zip(owners, currencies, strict=True)):
        fields = {"payee_account": 16 + i, "currency": currency, "client": clients[owner - 1], "amount_minor": 9_000}
        commands.append(command(Kind.DEPOSIT, number + 20 + i, START_US, **fields))
    lost = {"client": OPERATOR, "flags": Flag.OPERATES | Flag.TO_SUSPENSE, "currency": CNY, "amount_minor": 500}
    commands.append(command(Kind.DEPOSIT, number + 40, START_US, **lost))
    return commands


# --- wishes

_accounts = st.sampled_from([*ACCOUNTS, *ACCOUNTS, *ACCOUNTS, 0, 15, 24, 25])
_amounts = st.sampled_from([1, 2, 7, 33, 100, 499, 901, 1_000, 1_501, 2_000, 2_001, 3_000, 8_000])
_parts = st.sampled_from([0, 0, 0, 1, 7, 33, 60, 100, 901, 5_000])
_currencies = st.sampled_from([CNY] * 9 + [USD])
_callers = st.sampled_from([(CLIENT, 0)] * 6 + [(OTHER, 0)] * 2 + [(OPERATOR, Flag.OPERATES)] * 2)
_operators = st.sampled_from([(OPERATOR, Flag.OPERATES)] * 8 + [(CLIENT, 0), (OTHER, 0)])
_persons = st.sampled_from([0, 1, 2, 3])
#: Maker and approvers: mostly enough of them, sometimes anything.
_people = st.one_of(
    st.just((1, 2, 3, 0)), st.just((1, 2, 3, 0)), st.just((3, 1, 2, 4)),
    st.tuples(_persons, _persons, _persons, _persons),
)  # fmt: skip
_forced = st.sampled_from(
    [FORCE_STATE + int(s) for s in (State.HELD, State.DELAYED, State.REVIEW, State.CLEARED, State.DECLINED, 99)]
    + [FORCE_REASON + int(r) for r in (Reason.PAYER_CLOSED, Reason.LIMIT_SINGLE, Reason.HOLDS_FULL, 999)]
)
_force = st.one_of(st.just(0), st.just(0), st.just(0), _forced)
#: How long something lasts from now; 0 = the field says 0.
_spans = st.sampled_from([0, 0, 30 * SECOND, 100 * SECOND, 5 * MINUTE, -SECOND])
_lifetimes = st.sampled_from([0, 0, SECOND, 2 * MINUTE, 20 * MINUTE, DAY])


def _wish(kind: Kind, callers: st.SearchStrategy[Any] = _callers, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    parts = {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in fields.items()}
    return st.fixed_dictionaries({"kind": st.just(kind), "caller": callers, **parts})


_flags_of_pay = st.sampled_from(
    [0, 0, Flag.HOLD_ONLY, Flag.HOLD_ONLY, Flag.ORDINARY, Flag.NEXT_DAY, Flag.TO_SUSPENSE | Flag.FROM_SUSPENSE, Flag.RAIL]
)
_pay = _wish(
    Kind.PAY, payer_account=_accounts, payee_account=_accounts, amount_minor=_amounts, currency=_currencies, option=_force,
    payment_type=st.sampled_from([PaymentType.TRANSFER, PaymentType.PURCHASE, PaymentType.PURCHASE, PaymentType.BILL]),
    flags=_flags_of_pay, lifetime_us=_lifetimes,
)  # fmt: skip
_deposit = _wish(
    Kind.DEPOSIT, payee_account=_accounts, amount_minor=_amounts, currency=_currencies, option=_force,
    flags=st.sampled_from([0, 0, Flag.TO_SUSPENSE]),
)  # fmt: skip
_withdraw = _wish(
    Kind.WITHDRAW, payer_account=_accounts, amount_minor=_amounts, currency=_currencies, option=_force,
    flags=st.sampled_from([0, Flag.RAIL, Flag.RAIL, Flag.HOLD_ONLY | Flag.TO_SUSPENSE]),
)  # fmt: skip
#: ``ref`` picks one of the payments there are, ``among`` which ones are looked at first.
_ref = st.tuples(st.integers(0, 60), st.sampled_from(["any", "fitting", "fitting", "fitting"]))
_settle = _wish(
    Kind.CLEAR, ref=_ref, amount_minor=_parts, flags=st.sampled_from([0, Flag.RELEASE_REST, Flag.TO_SUSPENSE]),
)  # fmt: skip
_let_go = st.one_of(_wish(Kind.RELEASE, ref=_ref, amount_minor=_parts), _wish(Kind.CANCEL, ref=_ref, amount_minor=_parts))
_decide = _wish(
    Kind.DECIDE_REVIEW, _operators, ref=_ref, option=st.sampled_from([Option.APPROVE, Option.APPROVE, Option.REJECT]),
    people=_people,
)  # fmt: skip
_back = st.one_of(
    _wish(Kind.REFUND, ref=_ref, amount_minor=_parts, option=_force, flags=st.sampled_from([0, 0, Flag.FROM_SUSPENSE])),
    _wish(Kind.REFUND, ref=_ref, amount_minor=_parts),
    _wish(Kind.RETURN, ref=_ref, amount_minor=_parts),
    _wish(
        Kind.CHARGEBACK, _operators, ref=_ref, amount_minor=_parts,
        flags=st.sampled_from([0, 0, Flag.FROM_SUSPENSE, Flag.TO_SUSPENSE]),
    ),
)  # fmt: skip
_recover = st.one_of(
    _wish(
        Kind.RECOVER, _operators, ref=_ref, amount_minor=_parts, people=_people,
        option=st.sampled_from([Option.REVERSE, Option.FINISH_PAID, Option.FINISH_UNPAID]),
        flags=st.sampled_from([0, 0, Flag.FROM_SUSPENSE]),
    ),
    _wish(
        Kind.RECOVER, _operators, option=Option.MOVE_SUSPENSE, payee_account=_accounts, currency=_currencies,
        amount_minor=_amounts, people=_people,
    ),
)  # fmt: skip
_freezes = st.sampled_from([Option.FREEZE_DEBIT, Option.FREEZE_CREDIT, Option.FREEZE_ALL, Option.FREEZE_AMOUNT])
_unfreezes = st.sampled_from([Option.UNFREEZE_DEBIT, Option.UNFREEZE_CREDIT, Option.UNFREEZE_ALL, Option.UNFREEZE_AMOUNT])
_account = st.one_of(
    _wish(
        Kind.SET_ACCOUNT, payer_account=_accounts, option=_freezes, begins=_spans, ends=_spans, people=_people,
        amount_minor=st.sampled_from([1, 500, 7_000, 20_000]),
    ),
    _wish(Kind.SET_ACCOUNT, _operators, payer_account=_accounts, option=_unfreezes, people=_people),
    _wish(Kind.SET_ACCOUNT, payer_account=_accounts, option=Option.CLOSE),
)  # fmt: skip
_types = st.sampled_from([PaymentType.ANY, PaymentType.TRANSFER, PaymentType.PURCHASE, PaymentType.WITHDRAWAL])
_customer = st.one_of(
    _wish(
        Kind.SET_CUSTOMER, _operators, customer=st.integers(0, 7), option=Option.TIER, tier=st.integers(-1, 2),
        people=_people,
    ),
    _wish(
        Kind.SET_CUSTOMER, _operators, customer=st.integers(1, 6), payment_type=_types, currency=_currencies, people=_people,
        option=st.integers(Option.LIMIT_SINGLE, Option.LIMIT_YEAR_COUNT), amount_minor=st.sampled_from([1, 2, 900, 50_000]),
        ends=_spans, flags=st.sampled_from([0, 0, 0, Flag.REMOVE]),
    ),
)  # fmt: skip
_approvals = _wish(
    Kind.SET_APPROVALS, _operators, people=_people, amount_minor=st.sampled_from([0, 1, 1, 2, 2, 3, 3, 4]),
    option=st.integers(Option.APPROVALS, Option.APPROVALS + max(Operation)),
)  # fmt: skip
_opening = st.one_of(
    _wish(Kind.OPEN_CUSTOMER, tier=st.sampled_from([0, 1, 1, 2])),
    _wish(Kind.OPEN_ACCOUNT, customer=st.integers(0, 8), currency=st.sampled_from([CNY, CNY, USD, 1])),
)
_ages_us = st.sampled_from([0] * 12 + [3 * SECOND, 86_000 * SECOND, 86_500 * SECOND, -4 * SECOND, -6 * SECOND])
_hows = st.sampled_from(["new"] * 14 + ["repeat", "conflict"])

#: One wish: what, how old its id is, and whether it is new.
wishes = st.tuples(
    st.one_of(
        _pay, _pay, _pay, _withdraw, _deposit, _settle, _let_go, _decide, _back, _back, _recover, _account, _account,
        _customer, _approvals, _opening,
    ),
    _ages_us,
    _hows,
)  # fmt: skip
#: How time goes on before a batch: by so much, or to an instant at which something happens.
pauses = st.one_of(
    st.sampled_from([1_000, 1_000, 500_000, 40 * SECOND, 100 * SECOND, 200 * SECOND]),
    st.tuples(st.just("event"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("event"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.sampled_from(["day", "hour"]), st.integers(0, 3), st.just(0)),
)


def later(pause: Any, now_us: int, oracle: Oracle) -> int:
    """The time after a pause; ``("event", before, which)`` is so many microseconds before one of the next instants."""
    if isinstance(pause, int):
        return now_us + pause
    what, before, which = pause
    if what == "event":
        instants = oracle.book.instants(now_us + before)
        return instants[min(which, len(instants) - 1)] - before if instants else now_us + SECOND
    step, shift = (DAY, 8 * HOUR) if what == "day" else (HOUR, 0)  # days begin at midnight in Shanghai
    return ((now_us + shift + before) // step + 1) * step - shift - before


def midnight_after(now_us: int) -> int:
    """When the next business day begins."""
    return (now_us + 8 * HOUR) // DAY * DAY + DAY - 8 * HOUR


def make(number: int, wish: Any, now_us: int, oracle: Oracle, earlier: list[NDArray[Any]]) -> NDArray[Any]:
    """The command (1,) of a wish."""
    fields, age_us, how = wish
    if how == "repeat" and earlier:
        return earlier[number % len(earlier)].copy()
    made = command(fields["kind"], number, now_us - age_us, **_plain(fields, now_us, oracle))
    if how == "conflict" and earlier:
        before = earlier[number % len(earlier)]
        made["id_hi"], made["id_lo"], made["client"] = before["id_hi"], before["id_lo"], before["client"]
    return made


def _plain(fields: dict[str, Any], now_us: int, oracle: Oracle) -> dict[str, Any]:
    client, operates = fields["caller"]
    special = ("kind", "caller", "ref", "begins", "ends", "people")
    plain = {name: int(value) for name, value in fields.items() if name not in special}
    plain["client"], plain["flags"] = client, int(plain.get("flags", 0) | operates)
    if "ref" in fields:
        plain["ref_seq"] = _pick(fields, oracle)
    if "people" in fields:
        plain["maker"], plain["approval_1"], plain["approval_2"], plain["approval_3"] = fields["people"]
    plain["from_us"] = now_us + fields["begins"] if fields.get("begins") else 0
    plain["until_us"] = now_us + fields["ends"] if fields.get("ends") else 0
    return plain


#: The states in which a command can take effect.
_FITTING = {
    Kind.CLEAR: (State.HELD, State.REFUNDING), Kind.RELEASE: (State.HELD, State.DELAYED, State.REFUNDING),
    Kind.CANCEL: (State.HELD, State.DELAYED, State.REVIEW), Kind.DECIDE_REVIEW: (State.REVIEW,),
    Kind.RECOVER: (State.CLEARED, State.REFUNDING, State.HELD),
}  # fmt: skip


def _pick(fields: dict[str, Any], oracle: Oracle) -> int:
    """The payment that a follow-up is about; the newest ones first."""
    number, among = fields["ref"]
    if among == "any" and number % 5 == 0:
        return number
    states = _FITTING.get(fields["kind"], (State.CLEARED,)) if among == "fitting" else tuple(State)
    found = [seq for seq, payment in oracle.payments.items() if payment.state in states] or list(oracle.payments)
    return found[-1 - number % len(found)]


assert NEVER_US > DAY  # the oracle's instants leave out what never ends
