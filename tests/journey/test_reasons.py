"""Every reason there is can be reached through the API; the table below is checked against the closed list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.bank import Bank, until, wish
from support.installation import BUSY, installed
from support.policies import NARROW, REVIEWED, SINGLE, journey_policy

from penstock.app import wiring
from penstock.app.local import new_id
from penstock.contracts.ids import Kind, PublicIds
from penstock.contracts.money import MAX_AMOUNT_MINOR, MAX_BALANCE_MINOR
from penstock.contracts.policy import LIMIT_FIELDS
from penstock.contracts.reasons import EXPLANATIONS, Reason
from penstock.process.commands import sandbox

#: The smallest tables that the settings allow, but for customers.
TIGHT = {
    **BUSY, "customers_max": "20", "accounts_max": "80", "holds_max": "16", "holds_per_account": "3", "own_limits_max": "16",
    "labels_max": "16", "sandbox": "1",
}  # fmt: skip
FAR_AWAY = 10**6


@dataclass(frozen=True)
class Town:
    """Who lives in the tight installation; opened before anything is full."""

    bank: Bank
    rich: str
    shop: str
    foreign: str
    dollars: str
    euros: str
    vault: str
    savers: list[str]
    basic: str
    narrow: dict[str, str]
    payer: str
    payee: str
    frozen: str
    closed: str
    bill_payer: str
    bill_payee: str
    anna: Bank
    bo: Bank
    chen: Bank
    ids: PublicIds

    def nobody(self, kind: Kind) -> str:
        """An id as this installation writes it, of what does not exist."""
        return self.ids.encode(kind, FAR_AWAY)


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with (
        installed(policy=journey_policy(datetime.now(UTC), reviews_per_hour=0), **TIGHT) as installation,
        Bank(installation) as bank,
        Bank(installation, "other") as other,
        Bank(installation, "desk", ["control", "review", "operate"], "Anna") as anna,
        Bank(installation, "desk", ["approve"], "Bo") as bo,
        Bank(installation, "desk", ["approve"], "Chen") as chen,
    ):
        customer = bank.open_customer()
        frozen, closed = bank.open_account(customer, 1_000), bank.open_account(customer)
        assert anna.freeze(frozen, "all")["state"] == "done"
        assert anna.do(f"/v1/accounts/{closed}/close")["state"] == "done"
        yield Town(
            bank=bank,
            rich=bank.open_account(customer, 10**9),
            shop=bank.account(),
            foreign=other.account(1_000),
            dollars=bank.open_account(customer, 1_000, "USD"),
            euros=bank.open_account(customer, currency="EUR"),
            vault=bank.open_account(customer),
            savers=[bank.open_account(customer, 100) for _ in range(6)],
            basic=bank.account(10 * SINGLE, "basic"),
            narrow={tier: bank.account(100_000, tier) for tier in NARROW},
            payer=bank.open_account(customer, 10_000),
            payee=bank.open_account(customer, 1_000),
            frozen=frozen,
            closed=closed,
            bill_payer=bank.open_account(customer, 10 * REVIEWED, "USD"),
            bill_payee=bank.open_account(customer, currency="USD"),
            anna=anna,
            bo=bo,
            chen=chen,
            ids=PublicIds(wiring.secrets(installation.settings).public_id_key()),
        )


Scene = Callable[[Town], dict[str, Any]]
SCENES: dict[Reason, Scene] = {}


def scene(reason: Reason) -> Callable[[Scene], Scene]:
    """This function reaches ``reason`` and returns the answer that says so."""

    def note(function: Scene) -> Scene:
        SCENES[reason] = function
        return function

    return note


def ended(town: Town, how: str) -> str:
    payment = town.bank.hold(town.rich, town.shop, 10)
    assert town.bank.follow(payment, how)["reason"] == "ok"
    return payment


def given_back(town: Town, how: str, caller: Bank) -> str:
    """A payment that was given back as a whole."""
    payment = str(town.bank.pay(town.payer, town.payee, 10)["payment"])
    assert caller.follow(payment, how)["reason"] == "ok"
    return payment


def waiting(town: Town, state: str) -> str:
    """A payment that is held in a state."""
    outcome = town.bank.pay(town.payer, town.payee, 10, reference=f"sandbox:{state}")
    assert outcome["state"] == state, outcome
    return str(outcome["payment"])


def refused_while(state: str) -> Scene:
    """What a refund of a payment that is held is refused with."""

    def reach(town: Town) -> dict[str, Any]:
        payment = waiting(town, state)
        refused = town.bank.follow(payment, "refund")
        town.bank.follow(payment, "cancel")
        return refused

    return reach


def forced(reason: Reason) -> Scene:
    """A reason that only others or a bank could provoke: the sandbox does."""
    return lambda town: town.bank.pay(town.payer, town.payee, 10, reference=f"sandbox:{reason.name.lower()}")


SCENES[Reason.ACCOUNT_UNKNOWN] = lambda town: town.bank.freeze(town.foreign, "debit")
SCENES[Reason.APPROVAL_OWN] = forced(Reason.APPROVAL_OWN)
SCENES[Reason.APPROVERS_OUT_OF_BOUNDS] = lambda town: town.anna.do(
    "/v1/approval-rules", operation="approvals", approvers=4, reason="more is better"
)
SCENES[Reason.RAIL_NOT_OFFERED] = lambda town: town.bank.do(
    "/v1/withdrawals", account=town.payer, amount_minor=1, currency="CNY",
    to={"name": "Anna", "account": "6222020200112233445", "agent": "ICBKCNBJXXX"},
)  # fmt: skip
SCENES[Reason.PAYMENT_OPEN] = refused_while("held")
SCENES[Reason.PAYMENT_DELAYED] = refused_while("delayed")
SCENES[Reason.PAYMENT_IN_REVIEW] = refused_while("review")
SCENES[Reason.PAYMENT_AT_BANK] = forced(Reason.PAYMENT_AT_BANK)
SCENES[Reason.PAYMENT_REFUNDING] = forced(Reason.PAYMENT_REFUNDING)
SCENES[Reason.PAYMENT_NOT_IN_REVIEW] = lambda town: town.anna.follow(
    ended(town, "clear"), "review-decision", decision="reject"
)
SCENES[Reason.PAYMENT_REFUNDED] = lambda town: town.bank.follow(given_back(town, "refund", town.bank), "refund")
SCENES[Reason.PAYMENT_RETURNED] = lambda town: town.bank.follow(given_back(town, "return", town.bank), "refund")
SCENES[Reason.PAYMENT_CHARGED_BACK] = lambda town: town.bank.follow(given_back(town, "chargeback", town.anna), "refund")
SCENES[Reason.PAYMENT_CHALLENGED] = refused_while("challenge")
SCENES[Reason.MODEL_UNKNOWN] = forced(Reason.MODEL_UNKNOWN)
SCENES[Reason.MODEL_REFUSED] = forced(Reason.MODEL_REFUSED)
SCENES[Reason.RISK_BLOCKED] = forced(Reason.RISK_BLOCKED)
SCENES[Reason.VERIFICATION_NEEDED] = lambda town: town.bank.pay(
    town.payer, town.payee, 10, reference="sandbox:challenge"
)
SCENES[Reason.NOT_LABELLABLE] = lambda town: town.bank.follow(
    town.bank.deposit(town.payer, 5)["payment"], "label", label="fraud"
)
SCENES[Reason.LABEL_UNCHANGED] = lambda town: town.bank.follow(
    town.bank.pay(town.payer, town.payee, 1)["payment"], "label", label="none"
)
SCENES[Reason.NOT_REFUNDABLE] = lambda town: town.bank.follow(town.bank.deposit(town.payer, 5)["payment"], "return")
SCENES[Reason.AMOUNT_ABOVE_LEFT] = lambda town: town.bank.follow(
    town.bank.pay(town.payer, town.payee, 10)["payment"], "refund", amount_minor=11
)
SCENES[Reason.PAYER_CLOSED] = lambda town: town.bank.pay(town.closed, town.payee, 1)
SCENES[Reason.PAYEE_CLOSED] = lambda town: town.bank.pay(town.payer, town.closed, 1)
SCENES[Reason.PAYER_FROZEN] = lambda town: town.bank.pay(town.frozen, town.payee, 1)
SCENES[Reason.PAYEE_FROZEN] = lambda town: town.bank.pay(town.payer, town.frozen, 1)
SCENES[Reason.ACCOUNT_CLOSED] = lambda town: town.bank.freeze(town.closed, "all")
SCENES[Reason.ACCOUNT_NOT_EMPTY] = lambda town: town.bank.do(f"/v1/accounts/{town.frozen}/close")
SCENES[Reason.REVIEWS_FULL] = lambda town: town.bank.pay(
    town.bill_payer, town.bill_payee, REVIEWED + 1, type="bill", currency="USD"
)


@scene(Reason.APPROVALS_MISSING)
def _(town: Town) -> dict[str, Any]:
    assert town.anna.freeze(town.frozen, "debit")["reason"] == "ok"
    soon = datetime.now(UTC) + timedelta(hours=1)
    return town.anna.freeze(town.frozen, "debit", until=soon.isoformat())


@scene(Reason.LABELS_FULL)
def _(town: Town) -> dict[str, Any]:
    count = int(TIGHT["labels_max"]) + 1
    payments = [town.bank.pay(town.payer, town.payee, 1)["payment"] for _ in range(count)]
    label = {"command": "label", "label": "genuine"}
    return town.bank.batch([{**label, "id": new_id(), "payment": payment} for payment in payments])[-1]


@scene(Reason.PAYMENT_REJECTED)
def _(town: Town) -> dict[str, Any]:
    payment = waiting(town, "review")
    assert town.anna.follow(payment, "review-decision", decision="reject")["state"] == "rejected"
    return town.bank.follow(payment, "refund")


@scene(Reason.PAYMENT_REVERSED)
def _(town: Town) -> dict[str, Any]:
    payment = town.bank.pay(town.payer, town.payee, 10)["payment"]
    asked = town.anna.follow(payment, "recover", correction="reverse", reason="charged twice")
    assert town.bo.approve(asked)["outcome"]["state"] == "reversed"
    return town.bank.follow(payment, "refund")


@scene(Reason.FUNDS_FROZEN)
def _(town: Town) -> dict[str, Any]:
    left = town.bank.money(town.dollars)[0]
    assert town.bank.freeze(town.dollars, "amount", amount_minor=left)["reason"] == "ok"
    return town.bank.pay(town.dollars, town.bill_payee, 1, currency="USD")


@scene(Reason.OWN_LIMITS_FULL)
def _(town: Town) -> dict[str, Any]:
    """So many limits that asking two people each time would take long: first the rule is lowered, by two people."""
    asked = town.anna.do("/v1/approval-rules", operation="limits", approvers=0, reason="a test")
    town.bo.approve(asked)
    assert town.chen.approve(asked)["outcome"]["reason"] == "ok"
    customer = town.bank.customers[town.rich]
    path, body = f"/v1/customers/{customer}/limits", {"currency": "CNY", "value": 10**12, "reason": "a test"}
    until(lambda: town.anna.do(path, type="any", limit="single", **body).get("reason") == "ok")
    kinds = ("any", "transfer", "purchase", "bill", "withdrawal")
    outcomes = [town.anna.do(path, type=kind, limit=limit, **body) for kind in kinds for limit in LIMIT_FIELDS]
    return outcomes[-1]


SCENES[Reason.OK] = lambda town: town.bank.pay(town.rich, town.shop, 1)
SCENES[Reason.ID_FROM_FUTURE] = lambda town: town.bank.pay(town.rich, town.shop, 1, id=new_id(60))
SCENES[Reason.ID_EXPIRED] = lambda town: town.bank.pay(town.rich, town.shop, 1, id=new_id(-100_000))
SCENES[Reason.CUSTOMER_UNKNOWN] = lambda town: town.bank.do(
    "/v1/accounts", customer=town.nobody(Kind.CUSTOMER), currency="CNY"
)
SCENES[Reason.PAYER_UNKNOWN] = lambda town: town.bank.pay(town.foreign, town.shop, 1)
SCENES[Reason.PAYEE_UNKNOWN] = lambda town: town.bank.pay(town.rich, town.nobody(Kind.ACCOUNT), 1)
SCENES[Reason.PAYMENT_UNKNOWN] = lambda town: town.bank.follow(town.nobody(Kind.PAYMENT), "clear")
SCENES[Reason.TIER_UNKNOWN] = lambda town: town.bank.do("/v1/customers", tier="platinum")
SCENES[Reason.SAME_ACCOUNT] = lambda town: town.bank.pay(town.rich, town.rich, 1)
SCENES[Reason.CURRENCY_MISMATCH] = lambda town: town.bank.pay(town.rich, town.dollars, 1)
SCENES[Reason.PAYMENT_CLEARED] = lambda town: town.bank.follow(ended(town, "clear"), "cancel")
SCENES[Reason.PAYMENT_RELEASED] = lambda town: town.bank.follow(ended(town, "release"), "clear")
SCENES[Reason.PAYMENT_CANCELLED] = lambda town: town.bank.follow(ended(town, "cancel"), "clear")
SCENES[Reason.TYPE_NOT_OFFERED] = lambda town: town.bank.do(
    "/v1/withdrawals", account=town.euros, amount_minor=1, currency="EUR"
)
SCENES[Reason.LIMIT_SINGLE] = lambda town: town.bank.pay(town.basic, town.shop, SINGLE + 1)
SCENES[Reason.INSUFFICIENT_FUNDS] = lambda town: town.bank.pay(town.shop, town.rich, 10**11)


@scene(Reason.ID_CONFLICT)
def _(town: Town) -> dict[str, Any]:
    body = wish(town.rich, town.shop, 1)
    town.bank.do("/v1/payments", **body)
    return town.bank.do("/v1/payments", **{**body, "amount_minor": 2})


@scene(Reason.PAYMENT_EXPIRED)
def _(town: Town) -> dict[str, Any]:
    payment = town.bank.hold(town.rich, town.shop, 10, hold_lifetime_s=1)
    until(lambda: town.bank.get(f"/v1/payments/{payment}")["state"] == "expired")
    return town.bank.follow(payment, "clear")


@scene(Reason.PAYMENT_DECLINED)
def _(town: Town) -> dict[str, Any]:
    declined = town.bank.pay(town.shop, town.rich, 10**11)
    return town.bank.follow(declined["payment"], "clear")


@scene(Reason.AMOUNT_ABOVE_HOLD)
def _(town: Town) -> dict[str, Any]:
    payment = town.bank.hold(town.rich, town.shop, 10)
    refused = town.bank.follow(payment, "clear", amount_minor=11)
    town.bank.follow(payment, "cancel")
    return refused


def _narrow(tier: str) -> Scene:
    def reach(town: Town) -> dict[str, Any]:
        payer, most = town.narrow[tier], NARROW[tier]
        if tier.endswith("amount"):
            return town.bank.pay(payer, town.shop, most + 1)
        outcomes = [town.bank.pay(payer, town.shop, 1) for _ in range(most + 1)]
        return outcomes[-1]

    return reach


for _tier in NARROW:
    SCENES[Reason[f"LIMIT_{_tier.upper()}"]] = _narrow(_tier)


@scene(Reason.BALANCE_TOO_LARGE)
def _(town: Town) -> dict[str, Any]:
    deposit = {"command": "deposit", "account": town.vault, "amount_minor": MAX_AMOUNT_MINOR, "currency": "CNY"}
    count = MAX_BALANCE_MINOR // MAX_AMOUNT_MINOR
    outcomes = town.bank.batch([{**deposit, "id": new_id()} for _ in range(count)])
    assert {outcome["reason"] for outcome in outcomes} == {"ok"}
    assert town.bank.money(town.vault) == (MAX_BALANCE_MINOR, 0)
    return town.bank.pay(town.rich, town.vault, 1)


@scene(Reason.TOO_MANY_HOLDS)
def _(town: Town) -> dict[str, Any]:
    held = [town.bank.hold(town.rich, town.shop, 1) for _ in range(int(TIGHT["holds_per_account"]))]
    refused = town.bank.pay(town.rich, town.shop, 1, hold_only=True)
    for payment in held:
        town.bank.follow(payment, "cancel")
    return refused


@scene(Reason.CUSTOMERS_FULL)
def _(town: Town) -> dict[str, Any]:
    outcomes = [town.bank.do("/v1/customers", tier="large") for _ in range(int(TIGHT["customers_max"]))]
    return outcomes[-1]


@scene(Reason.ACCOUNTS_FULL)
def _(town: Town) -> dict[str, Any]:
    customer = town.bank.customers[town.shop]
    opening = {"command": "open_account", "customer": customer, "currency": "CNY"}
    return town.bank.batch([{**opening, "id": new_id()} for _ in range(int(TIGHT["accounts_max"]))])[-1]


@scene(Reason.HOLDS_FULL)
def _(town: Town) -> dict[str, Any]:
    each = int(TIGHT["holds_per_account"])
    outcomes = [town.bank.pay(payer, town.shop, 1, hold_only=True) for payer in town.savers for _ in range(each)]
    for outcome in outcomes:
        if outcome["state"] == "held":
            town.bank.follow(outcome["payment"], "cancel")
    return outcomes[-1]


def test_the_scenes_are_of_all_reasons() -> None:
    assert set(SCENES) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name.lower())
def test_a_reason_is_reached_and_explained(town: Town, reason: Reason) -> None:
    answer = SCENES[reason](town)
    assert (answer["reason"], answer["reason_code"]) == (reason.name.lower(), reason.value)
    if reason is Reason.OK:
        return
    explained = EXPLANATIONS[reason]
    assert answer["message"] == {"en": explained.en, "zh": explained.zh}
    assert answer["next_step"] == {"en": explained.next_en, "zh": explained.next_zh}
    assert (answer["retry"], answer["iso20022"]) == (explained.retry.value, explained.iso20022)
    assert answer.get("moved_minor", 0) == answer.get("held_minor", 0) == 0


def test_the_api_serves_the_same_table(town: Town) -> None:
    served = town.bank.get("/v1/reasons")
    told = served if isinstance(served, list) else served["reasons"]
    assert {entry["reason"] for entry in told} == {reason.name.lower() for reason in Reason}


@pytest.mark.parametrize("word", [*sandbox.REASONS, *sandbox.STATES])
def test_a_reference_forces_every_outcome_in_a_sandbox(town: Town, word: str) -> None:
    outcome = town.bank.pay(town.payer, town.payee, 1, reference=f"sandbox:{word}")
    if word == "challenge":
        assert (outcome["reason"], outcome["state"], outcome["held_minor"]) == ("verification_needed", word, 0)
    elif word in sandbox.STATES:
        assert (outcome["reason"], outcome["state"]) == ("ok", word)
        assert town.bank.follow(outcome["payment"], "cancel")["state"] == "cancelled"
    else:
        assert (outcome["reason"], outcome["state"], outcome["moved_minor"]) == (word, "declined", 0)


def test_the_other_commands_that_a_reference_forces(town: Town) -> None:
    bank, reference = town.bank, "sandbox:limit_day_count"
    paid = bank.pay(town.payer, town.payee, 1)["payment"]
    outcomes = [
        bank.do("/v1/deposits", account=town.payer, amount_minor=1, currency="CNY", reference=reference),
        bank.do("/v1/withdrawals", account=town.payer, amount_minor=1, currency="CNY", reference=reference),
        bank.follow(paid, "refund", reference=reference),
    ]
    assert [outcome["reason"] for outcome in outcomes] == ["limit_day_count"] * 3
