"""Single requests that show what the API does: some that succeed, and one for each refusal within reach.

The same list makes the curl lines and the refusals in the demonstration's traffic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from penstock.app.demo.ghosts import Ghosts
from penstock.app.demo.habits import origin
from penstock.app.demo.people import Person, Town
from penstock.app.demo.preparing import Prepared

_HOUR_S: Final = 3_600.0
FULL_KEY: Final = "full"
READ_KEY: Final = "read"
DESK_KEY: Final = "desk"
_WHY: Final = {"reason": "court order 7"}


@dataclass(frozen=True)
class Example:
    """One request and what comes of it.

    ``command`` is empty for a read. The id of a command is made ``id_offset_s`` from now, unless the
    body has one. ``reason`` is the reason code, or for a problem the last part of its type.
    """

    title: str
    path: str
    reason: str
    status: int
    command: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    id_offset_s: float = 0.0
    key: str = FULL_KEY
    #: Whether it may also succeed: a limit that starts anew with the business day.
    may_succeed: bool = False


def _pay(payer: Person, payee: Person | str, **more: Any) -> dict[str, Any]:
    return {
        "payer": payer.account, "payee": payee if isinstance(payee, str) else payee.account,
        "amount_minor": 1200, "currency": "CNY", "type": "transfer", **more,
    }  # fmt: skip


def successes(town: Town, prepared: Prepared) -> list[Example]:
    """What works."""
    one, two = town.people[0], town.people[1]
    payments = "/v1/payments"
    return [
        Example("pay 12.00 CNY", payments, "ok", 201, "pay", _pay(one, two, reference="lunch")),
        Example("pay and say by what: the better it can be judged", payments, "ok", 201, "pay", _pay(one, two, **origin(one, two, "transfer", Random(1)))),  # noqa: S311 - traffic, not secrets
        Example("hold 12.00 CNY, to be cleared later", payments, "ok", 201, "pay", _pay(one, two, type="purchase", hold_only=True)),
        Example("clear a part of a held payment", f"{payments}/{prepared.held}/clear", "ok", 201, "clear", {"amount_minor": 10}),
        Example("refund a part of a cleared payment", f"{payments}/{prepared.cleared}/refund", "ok", 201, "refund", {"amount_minor": 1, "reference": "scratched"}),
        Example("pay so that it arrives tomorrow, and can be cancelled until then", payments, "ok", 201, "pay", _pay(one, two, arrival="next_day")),
        Example("deposit 100.00 CNY", "/v1/deposits", "ok", 201, "deposit", {"account": one.account, "amount_minor": 10000, "currency": "CNY"}),
        Example("withdraw 10.00 CNY, with a fee", "/v1/withdrawals", "ok", 201, "withdraw", {"account": one.account, "amount_minor": 1000, "currency": "CNY"}),
        Example("open a customer", "/v1/customers", "ok", 201, "open_customer", {"tier": "basic"}),
        Example("read a payment", f"{payments}/{prepared.cleared}", "", 200),
        Example("read an account", f"/v1/accounts/{one.account}", "", 200),
        Example("read its history, newest first", f"/v1/accounts/{one.account}/entries?limit=3", "", 200),
        Example("read a customer's limits and what is used of them", f"/v1/customers/{one.customer}", "", 200),
        Example("what the lane is doing", "/v1/status", "", 200),
        Example("the first events", "/v1/events?limit=3", "", 200),
        *_of_the_desk(town, prepared),
    ]  # fmt: skip


def _of_the_desk(town: Town, prepared: Prepared) -> list[Example]:
    """What the operator's people do; what is dangerous only asks others to approve it."""
    one, frozen = town.people[1], town.special["frozen"].account
    return [
        Example("freeze what leaves an account", f"/v1/accounts/{frozen}/freeze", "ok", 201, "set_account", {"side": "debit", **_WHY}, key=DESK_KEY),
        Example("charge a payment back, with a fee", f"/v1/payments/{prepared.cleared}/chargeback", "ok", 201, "chargeback", {"amount_minor": 1}, key=DESK_KEY),
        Example("ask others to approve an unfreeze", f"/v1/accounts/{frozen}/unfreeze", "pending", 202, "set_account", {"side": "all", **_WHY}, key=DESK_KEY),
        Example("ask others to approve another tier", f"/v1/customers/{one.customer}/tier", "pending", 202, "set_customer", {"tier": "verified", **_WHY}, key=DESK_KEY),
        Example("why a payment was decided as it was, in words", f"/v1/payments/{prepared.cleared}/explanation", "", 200, key=DESK_KEY),
        Example("what waits for approval", "/v1/approvals?status=pending&limit=3", "", 200, key=DESK_KEY),
        Example("who froze it, and why", f"/v1/accounts/{frozen}/entries?limit=2", "", 200, key=DESK_KEY),
    ]  # fmt: skip


def refusals(town: Town, prepared: Prepared, ghosts: Ghosts) -> list[Example]:
    """One request for each reason that a single request can meet."""
    return [
        *_refused_names(town, ghosts),
        *_refused_states(prepared),
        *_refused_give_backs(prepared),
        *_refused_accounts(town),
        *_refused_limits(town),
        *_refused_ids(town, prepared),
    ]


def _refused_names(town: Town, ghosts: Ghosts) -> list[Example]:
    one, two, bakery = town.people[0], town.people[1], town.special["bakery"]
    nobody = Person(ghosts.customer, ghosts.account, "basic")
    pay = "/v1/payments"
    return [
        Example("a customer that does not exist", "/v1/accounts", "customer_unknown", 404, "open_account", {"customer": ghosts.customer, "currency": "CNY"}),
        Example("an account that does not exist", f"/v1/accounts/{ghosts.account}/freeze", "account_unknown", 404, "set_account", {"side": "all", **_WHY}),
        Example("a payer that does not exist", pay, "payer_unknown", 404, "pay", _pay(nobody, two)),
        Example("a payee that does not exist", pay, "payee_unknown", 404, "pay", _pay(one, nobody)),
        Example("a payment that does not exist", f"{pay}/{ghosts.payment}/clear", "payment_unknown", 404, "clear"),
        Example("a tier that the policy does not name", "/v1/customers", "tier_unknown", 422, "open_customer", {"tier": "platinum"}),
        Example("payer and payee are the same", pay, "same_account", 422, "pay", _pay(one, one)),
        Example("a payee with another currency", pay, "currency_mismatch", 422, "pay", _pay(one, bakery)),
    ]  # fmt: skip


def _refused_states(prepared: Prepared) -> list[Example]:
    by_state = {name: getattr(prepared, name) for name in ("cleared", "released", "cancelled", "expired", "declined")}
    above = Example(
        "clear more than is held", f"/v1/payments/{prepared.held}/clear", "amount_above_hold", 422, "clear", {"amount_minor": 10**6}
    )
    return [
        *(Example(f"clear a payment that is {state}", f"/v1/payments/{payment}/clear", f"payment_{state}", 409, "clear") for state, payment in by_state.items()),
        above,
    ]  # fmt: skip


def _refused_give_backs(prepared: Prepared) -> list[Example]:
    payments = "/v1/payments"
    ended = {name: getattr(prepared, name) for name in ("refunded", "returned", "charged_back")}
    review = {"decision": "approve"}
    return [
        *(Example(f"refund a payment that was {name.replace('_', ' ')}", f"{payments}/{payment}/refund", f"payment_{name}", 409, "refund") for name, payment in ended.items()),
        Example("refund a payment that is still held", f"{payments}/{prepared.held}/refund", "payment_open", 409, "refund"),
        Example("refund a payment that has not arrived", f"{payments}/{prepared.delayed}/refund", "payment_delayed", 409, "refund"),
        Example("refund more than there was", f"{payments}/{prepared.cleared}/refund", "amount_above_left", 422, "refund", {"amount_minor": 10**6}),
        Example("return a deposit", f"{payments}/{prepared.deposit}/return", "not_refundable", 409, "return"),
        Example("decide about a payment that nobody reviews", f"{payments}/{prepared.cleared}/review-decision", "payment_not_in_review", 409, "decide_review", review, key=DESK_KEY),
    ]  # fmt: skip


def _refused_accounts(town: Town) -> list[Example]:
    one, special, pay = town.people[0], town.special, "/v1/payments"
    frozen, closed, thrifty = special["frozen"], special["closed"], special["thrifty"]
    shorter = {"side": "debit", "until": "2199-12-31T00:00:00Z", **_WHY}
    rule = {"operation": "unfreeze", "approvers": 4, "reason": "more is better"}
    return [
        Example("a payer whose account is frozen", pay, "payer_frozen", 409, "pay", _pay(frozen, one)),
        Example("a payee whose account is frozen", pay, "payee_frozen", 409, "pay", _pay(one, frozen)),
        Example("a payer whose account is closed", pay, "payer_closed", 409, "pay", _pay(closed, one)),
        Example("a payee whose account is closed", pay, "payee_closed", 409, "pay", _pay(one, closed)),
        Example("money that is frozen", pay, "funds_frozen", 402, "pay", _pay(thrifty, one)),
        Example("freeze a closed account", f"/v1/accounts/{closed.account}/freeze", "account_closed", 409, "set_account", {"side": "all", **_WHY}),
        Example("close an account with money", f"/v1/accounts/{thrifty.account}/close", "account_not_empty", 409, "set_account"),
        Example("shorten a freeze without approval", f"/v1/accounts/{frozen.account}/freeze", "approvals_missing", 403, "set_account", shorter, key=DESK_KEY),
        Example("more approvers than may be asked for", "/v1/approval-rules", "approvers_out_of_bounds", 422, "set_approvals", rule, key=DESK_KEY),
    ]  # fmt: skip


def _refused_limits(town: Town) -> list[Example]:
    special = town.special
    shop, pay = special["shop"], "/v1/payments"
    hold = _pay(special["holder"], special["bakery"], currency="EUR", amount_minor=1, hold_only=True, type="purchase")
    vault = {"account": special["vault"].account, "amount_minor": 10**12, "currency": "JPY"}
    return [
        Example("more than a single payment may be", pay, "limit_single", 402, "pay", _pay(special["spender"], shop, amount_minor=5_000_01)),
        Example("more than may be paid in a day", pay, "limit_day_amount", 402, "pay", _pay(special["spender"], shop, amount_minor=1_00), may_succeed=True),
        Example("more payments than a day may have", pay, "limit_day_count", 402, "pay", _pay(special["busy"], shop, amount_minor=1), may_succeed=True),
        Example("more money than there is", pay, "insufficient_funds", 402, "pay", _pay(special["poor"], shop)),
        Example("more than an account can hold", "/v1/deposits", "balance_too_large", 402, "deposit", vault),
        Example("more open holds than an account may have", pay, "too_many_holds", 402, "pay", hold),
    ]  # fmt: skip


def _refused_ids(town: Town, prepared: Prepared) -> list[Example]:
    one, two, pay = town.people[0], town.people[1], "/v1/payments"
    return [
        Example("an id that was used for something else", pay, "id_conflict", 409, "pay", _pay(one, two, id=prepared.taken_id)),
        Example("an id from the future", pay, "id_from_future", 422, "pay", _pay(one, two), id_offset_s=20 * _HOUR_S),
        Example("an id from the day before yesterday", pay, "id_expired", 422, "pay", _pay(one, two), id_offset_s=-48 * _HOUR_S),
    ]  # fmt: skip


def problems(town: Town) -> list[Example]:
    """Requests whose form or right is refused before anything is decided."""
    one, two, pay = town.people[0], town.people[1], "/v1/payments"
    return [
        Example("an amount that is no whole number of minor units", pay, "invalid_fields", 422, "pay", _pay(one, two, amount_minor=12.5)),
        Example("a field that does not exist", pay, "invalid_fields", 422, "pay", _pay(one, two, amout=1)),
        Example("an account's id with a typing error", pay, "invalid_fields", 422, "pay", _pay(one, two.account[:-1] + "u")),
        Example("a key without the scope", pay, "scope_missing", 403, "pay", _pay(one, two), key=READ_KEY),
    ]  # fmt: skip
