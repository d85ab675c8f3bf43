# ruff: noqa: INP001, T201 - a script for a terminal, no part of the package
"""A shop on Penstock: it takes orders, ships them, takes goods back, and knows what to do with every kind of answer.

    PENSTOCK_KEY=psk_… python examples/shop.py        # see examples/README.md

Needs httpx only. The three ideas to take along:

1.  **Make the id first, and keep it.** A request without a certain answer is sent again *unchanged*, with the same id:
    it takes effect once, whatever was lost on the way.
2.  **A declined payment is an answer, not an error.** It says in the customer's language what happened, what to do
    next, and whether a new try can help.
3.  **Not every answer is final.** A payment may be held, arrive later, or wait for a person; ask for it again, or
    listen to events.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

URL = os.environ.get("PENSTOCK_URL", "https://localhost:8443")
CA_FILE = os.environ.get("PENSTOCK_CA", "var/tls/ca.pem")
LANGUAGE = os.environ.get("PENSTOCK_LANGUAGE", "en")  # or zh
PROBLEM = "application/problem+json"


class OurMistake(Exception):
    """The request was malformed or not allowed: nothing was done, and a person has to mend the program or the key."""


class NoAnswer(Exception):
    """Nobody answers for sure. The order keeps its id: the next run sends it again and learns what became of it."""


@dataclass(frozen=True)
class Answer:
    """What was decided about one command."""

    outcome: dict[str, Any]

    @property
    def declined(self) -> bool:
        """Whether it did not take effect."""
        return str(self.outcome["reason"]) != "ok"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen by itself; a review or a later arrival still has an end to come."""
        return self.outcome["state"] not in {"review", "delayed", "refunding", "held"}

    @property
    def try_again(self) -> str:
        """What a new try with a new id needs: ``never``, ``new_id``, ``after_change`` or ``later``."""
        return str(self.outcome.get("retry", "no_need"))

    def for_the_customer(self) -> str:
        """What happened and what to do next, in the customer's language."""
        return " ".join(self.outcome[part][LANGUAGE] for part in ("message", "next_step"))


class Penstock:
    """The few requests that the shop needs."""

    def __init__(self, http: httpx.Client, patience_s: float = 60.0) -> None:
        self._http = http
        self._patience_s = patience_s

    def command(self, path: str, **body: Any) -> Answer:
        """Send a command until it is certain what became of it. Give ``id`` to repeat one that was interrupted."""
        body = {"id": new_id(), **body}
        pause_s, give_up_s = 0.2, time.monotonic() + self._patience_s
        while True:
            try:
                response = self._http.post(path, json=body)
            except httpx.TransportError:
                pass  # it may have taken effect, or not: the same id tells
            else:
                if not uncertain(response):
                    return decided(response)
                pause_s = float(response.headers.get("retry-after", pause_s))
            if time.monotonic() + pause_s > give_up_s:
                raise NoAnswer(f"{path}: keep the id {body['id']} and send it again later")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 5.0)

    def read(self, path: str) -> dict[str, Any]:
        """Read something."""
        response = self._http.get(path)
        if response.status_code != 200:
            raise OurMistake(explain(response))
        found: dict[str, Any] = response.json()
        return found


def uncertain(response: httpx.Response) -> bool:
    """Whether to send the same request again: too fast, lane busy or away, outcome unknown."""
    return response.status_code in {429, 503} and response.headers["content-type"] == PROBLEM


def decided(response: httpx.Response) -> Answer:
    """The outcome; whatever is no outcome is a mistake of ours."""
    if response.headers["content-type"] == PROBLEM:
        raise OurMistake(explain(response))
    return Answer(response.json())


def explain(response: httpx.Response) -> str:
    """What is wrong with a request, field by field, and how to put it right."""
    problem = response.json()
    fields = [f"{error['field']}: {error['problem']} ({error['fix']})" for error in problem.get("errors", [])]
    return "; ".join([f"{problem['status']} {problem['title']}", problem["detail"], *fields])


@dataclass
class Order:
    """An order of the shop, with the id under which its payment is made."""

    number: int
    payment_id: str
    payment: str = ""  # Penstock's id of it, once it is known
    stand: str = "new"


class Shop:
    """Orders are paid by a hold, cleared when goods leave, and given back when goods come back."""

    def __init__(self, penstock: Penstock, account: str) -> None:
        self._penstock = penstock
        self._account = account
        self._orders = 0

    def take_order(self, buyer: str, amount_minor: int, **more: Any) -> tuple[Order, Answer]:
        """Hold the money; nothing is sent before that is certain."""
        self._orders += 1
        order = Order(self._orders, new_id())  # a real shop writes this down before it asks
        fixed = {"payer": buyer, "payee": self._account, "currency": "CNY", "type": "purchase", "hold_only": True}
        wish = {**fixed, "amount_minor": amount_minor, "reference": f"order {order.number}", **more}
        answer = self._penstock.command("/v1/payments", id=order.payment_id, **wish)
        order.payment = answer.outcome["payment"]
        order.stand = "declined" if answer.declined else "paid" if answer.outcome["state"] == "held" else "waits"
        return order, answer

    def ship(self, order: Order, amount_minor: int) -> Answer:
        """Take the money for what was sent, and give the rest back at once."""
        path = f"/v1/payments/{order.payment}/clear"
        return self._penstock.command(path, amount_minor=amount_minor, release_rest=True)

    def take_back(self, order: Order, amount_minor: int | None = None) -> Answer:
        """Refund a part, or all that is left."""
        amount = {} if amount_minor is None else {"amount_minor": amount_minor}
        return self._penstock.command(f"/v1/payments/{order.payment}/refund", reference="goods came back", **amount)


def new_id() -> str:
    """Make a UUIDv7: 48 bits of time in ms, then random bits."""
    value = time.time_ns() // 1_000_000 << 80 | 7 << 76 | int.from_bytes(os.urandom(10), "big") & (2**76 - 1)
    return str(uuid.UUID(int=value & ~(3 << 62) | 2 << 62))


def open_account(penstock: Penstock, money_minor: int = 0) -> str:
    """A customer with an account, and money on it."""
    customer = penstock.command("/v1/customers", tier="basic").outcome["customer"]
    account = str(penstock.command("/v1/accounts", customer=customer, currency="CNY").outcome["account"])
    if money_minor:
        penstock.command("/v1/deposits", account=account, amount_minor=money_minor, currency="CNY")
    return account


def a_day(penstock: Penstock) -> None:
    """A day in the shop."""
    shop_account, anna = open_account(penstock), open_account(penstock, 200_00)
    shop = Shop(penstock, shop_account)

    order, _ = shop.take_order(anna, 120_00)
    say(f"order {order.number} is {order.stand}: the money is held")
    shipped = shop.ship(order, 100_00)
    say(f"shipped for {shipped.outcome['moved_minor']}, the rest went back: {shipped.outcome['state']}")
    back = shop.take_back(order, 30_00)
    say(f"refunded {back.outcome['moved_minor']}, {back.outcome['refundable_minor']} could still be")
    too_much = shop.take_back(order, 90_00)
    say(f"refund of too much: {too_much.outcome['reason']}: {too_much.for_the_customer()}")
    say(f"the rest: {shop.take_back(order).outcome['state']}")

    order, poor = shop.take_order(anna, 4_000_00)
    say(f"order {order.number} is {order.stand} ({poor.try_again}): {poor.for_the_customer()}")
    penstock.command("/v1/deposits", account=anna, amount_minor=5_000_00, currency="CNY")
    order, _ = shop.take_order(anna, 4_000_00)  # the change was made, so: again, under a new id
    say(f"order {order.number} is {order.stand}")
    again = penstock.command(
        "/v1/payments", id=order.payment_id, payer=anna, payee=shop_account, amount_minor=4_000_00, currency="CNY",
        type="purchase", hold_only=True, reference=f"order {order.number}",
    )  # fmt: skip
    say(f"sent twice, done once: replayed {again.outcome['replayed']}")
    penstock.command(f"/v1/payments/{order.payment}/cancel")

    try:
        shop.take_order(anna, 0)
    except OurMistake as mistake:
        say(f"our mistake: {mistake}")
    say(f"the shop has {penstock.read(f'/v1/accounts/{shop_account}')['available_minor']}")


def rehearse(penstock: Penstock) -> None:
    """With ``sandbox = 1`` a reference forces each outcome: what the shop does with all of them (docs/sandbox.md)."""
    shop, anna = Shop(penstock, open_account(penstock)), open_account(penstock, 10_00)
    for state in ("held", "delayed", "review"):
        order, answer = shop.take_order(anna, 1_00, hold_only=False, reference=f"sandbox:{state}")
        say(f"{state}: order {order.stand}, final {answer.final}, until {answer.outcome['expires'][:10]}")
        penstock.command(f"/v1/payments/{order.payment}/cancel")
    order, answer = shop.take_order(anna, 1_00, reference="sandbox:challenge")
    say(f"challenge: order {order.stand}, {ADVICE[answer.try_again]}")
    for told in reasons(penstock):
        order, answer = shop.take_order(anna, 1_00, reference=f"sandbox:{told['reason']}")
        say(f"{told['reason']}: order {order.stand}, {ADVICE[answer.try_again]}")


#: What the shop's till shows for each kind of refusal.
ADVICE = {
    "never": "this payment stays refused",
    "new_id": "send it as a new order",
    "after_change": "show the customer what to change, then a new order",
    "later": "offer to try again later",
}


def reasons(penstock: Penstock) -> list[dict[str, Any]]:
    """Every reason that a payment can be declined with."""
    listed: Any = penstock.read("/v1/reasons")
    return [told for told in listed if told["recorded"] and told["reason"] != "ok"]


def say(line: str) -> None:
    """Tell the one who looks on."""
    print(line, flush=True)


def main() -> None:
    """Open, sell, close."""
    headers = {"Authorization": f"Bearer {os.environ['PENSTOCK_KEY']}"}
    context = ssl.create_default_context(cafile=CA_FILE)
    with httpx.Client(base_url=URL, headers=headers, verify=context, trust_env=False, timeout=30) as http:
        penstock = Penstock(http)
        a_day(penstock)
        if "--rehearse" in sys.argv[1:]:
            rehearse(penstock)


if __name__ == "__main__":
    main()
