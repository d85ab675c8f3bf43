"""A caller of an installation's API: over HTTPS, with a key, and with words for what tests do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from penstock.app import wiring
from penstock.app.local import ALL_SCOPES, make_key, new_id
from penstock.kit.client import Access, Answer, Client
from support.installation import Installation

SCOPES = tuple(scope for scope in ALL_SCOPES if scope != "operate")
T = TypeVar("T")


class Bank:
    """One API client. Requests without a certain answer are repeated with the same ids, as the product's client does."""

    def __init__(
        self, installation: Installation, name: str = "shop", scopes: Sequence[str] = SCOPES, owner: str = "this machine"
    ) -> None:
        self.installation = installation
        settings = installation.settings
        key = make_key(settings, name, scopes, owner=owner)
        self.access = Access(wiring.base_url(settings), wiring.certificate(settings).ca, key)
        self._open = ExitStack()
        self._client = self.client()
        self.customers: dict[str, str] = {}
        until(lambda: self._client.send("GET", "/v1/payments/nobody").status != 401)  # edges learn of new keys

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    def client(self) -> Client:
        """Another connection with the same key; closed with this bank."""
        return self._open.enter_context(Client(self.access, patience_s=60, timeout_s=30))

    # --- requests

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        """One request, repeated until its answer is certain."""
        return self._client.send(method, path, body)

    def once(self, method: str, path: str, body: Any = None) -> Answer:
        """One request and whatever its answer is."""
        return self._client.send_once(method, path, body)

    def get(self, path: str) -> Any:
        return self._client.get(path)

    def batch(self, commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return self._client.batch(commands)

    def do(self, path: str, **body: Any) -> dict[str, Any]:
        """A command under a new id, if none is given; its outcome, or what the refusal says."""
        answer = self.send("POST", path, {"id": new_id(), **body})
        assert isinstance(answer.body, dict), answer
        return answer.body

    # --- what tests do

    def open_customer(self, tier: str = "large") -> str:
        return str(self.do("/v1/customers", tier=tier)["customer"])

    def open_account(self, customer: str, money_minor: int = 0, currency: str = "CNY") -> str:
        account = str(self.do("/v1/accounts", customer=customer, currency=currency)["account"])
        self.customers[account] = customer
        if money_minor:
            assert self.deposit(account, money_minor, currency)["reason"] == "ok"
        return account

    def account(self, money_minor: int = 0, tier: str = "large", currency: str = "CNY") -> str:
        """A new customer's new account, with money."""
        return self.open_account(self.open_customer(tier), money_minor, currency)

    def deposit(self, account: str, amount_minor: int, currency: str = "CNY") -> dict[str, Any]:
        return self.do("/v1/deposits", account=account, amount_minor=amount_minor, currency=currency)

    def withdraw(self, account: str, amount_minor: int) -> dict[str, Any]:
        return self.do("/v1/withdrawals", account=account, amount_minor=amount_minor, currency="CNY")

    def pay(self, payer: str, payee: str, amount_minor: int, **more: Any) -> dict[str, Any]:
        return self.do("/v1/payments", **wish(payer, payee, amount_minor, **more))

    def hold(self, payer: str, payee: str, amount_minor: int, **more: Any) -> str:
        """A payment that is held; its id."""
        outcome = self.pay(payer, payee, amount_minor, hold_only=True, **more)
        assert outcome["state"] == "held", outcome
        return str(outcome["payment"])

    def follow(self, payment: str, what: str, **body: Any) -> dict[str, Any]:
        """``clear``, ``release``, ``cancel``, ``refund`` and so on."""
        return self.do(f"/v1/payments/{payment}/{what}", **body)

    def freeze(self, account: str, side: str, **more: Any) -> dict[str, Any]:
        return self.do(f"/v1/accounts/{account}/freeze", side=side, reason="a test", **more)

    def approve(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Approve what somebody else has asked for; the request as it is then."""
        answer = self.send("POST", f"/v1/approvals/{asked['request']}/approve", {})
        assert answer.status == 200, answer
        return dict(answer.body)

    def money(self, account: str) -> tuple[int, int]:
        """Available and held."""
        view = self.get(f"/v1/accounts/{account}")
        return view["available_minor"], view["held_minor"]

    def used(self, account: str, kind: str = "any", currency: str = "CNY") -> dict[str, int]:
        """What the account's customer has used of each limit of a type."""
        limits = self.get(f"/v1/customers/{self.customers[account]}")["limits"]
        [found] = [view for view in limits if (view["type"], view["currency"]) == (kind, currency)]
        return {name.removesuffix("_minor"): value["used"] for name, value in found.items() if isinstance(value, dict)}

    def history(self, account: str, limit: int = 200) -> list[dict[str, Any]]:
        """All entries of an account, newest first, page by page."""
        entries: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(f"/v1/accounts/{account}/entries?limit={limit}&cursor={cursor}")
            assert len(page["entries"]) <= limit
            entries += page["entries"]
            cursor = page["next_cursor"]
        return entries


def wish(payer: str, payee: str, amount_minor: int, **more: Any) -> dict[str, Any]:
    """The body of a payment, under a new id if none is given."""
    fixed = {"id": new_id(), "currency": "CNY", "type": "transfer"}
    return {**fixed, "payer": payer, "payee": payee, "amount_minor": amount_minor, **more}


def same(first: dict[str, Any], again: dict[str, Any]) -> bool:
    """Whether an outcome is the repetition of another one."""
    free = {"replayed", "as_of_seq"}
    both = [{key: value for key, value in outcome.items() if key not in free} for outcome in (first, again)]
    return both[0] == both[1] and bool(again["replayed"])


def until(look: Callable[[], T], timeout_s: float = 30.0) -> T:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.03)
    return seen
