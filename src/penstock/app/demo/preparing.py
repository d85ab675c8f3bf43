"""What must have happened before each kind of refusal can be shown by a single request."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any, Final

from penstock.app.demo.habits import origin
from penstock.app.demo.people import NewId, Person, Progress, Town
from penstock.kit.client import Client, Command

_SHARE: Final = 500
_EXPIRY_PATIENCE_S: Final = 20.0
_DAY_MINOR: Final = 20_000_00


@dataclass(frozen=True)
class Prepared:
    """Payments in each state, and an id that is taken."""

    cleared: str
    released: str
    cancelled: str
    expired: str
    declined: str
    held: str
    delayed: str
    refunded: str
    returned: str
    charged_back: str
    deposit: str
    taken_id: str


def prepare(api: Client, desk: Client, town: Town, new_id: NewId, progress: Progress) -> Prepared:
    """Bring some payments into each state, and some customers to their limits; safe to repeat.

    :param desk: speaks for the operator's people.
    """
    shop, someone = town.special["shop"], town.people[0]
    expiring = _hold(api, someone, shop, new_id, hold_lifetime_s=1)
    held = [_hold(api, someone, shop, new_id) for _ in range(3)]
    for payment, command in ((held[0], "release"), (held[1], "cancel")):
        api.command(f"/v1/payments/{payment}/{command}", {"id": new_id()})
    taken = new_id()
    by = origin(someone, shop, "purchase", random.Random(0))  # noqa: S311 - traffic, not secrets
    cleared = api.command("/v1/payments", _pay(someone, shop, taken, **by))
    declined = api.command("/v1/payments", _pay(town.special["poor"], shop, new_id()))
    for step, (name, body) in enumerate(_exhausting(town)):
        _until_refused(api, body, new_id)
        progress(f"limits ({name})", step + 1, len(_exhausting(town)))
    delayed = api.command("/v1/payments", _pay(someone, shop, new_id(), arrival="next_day"))["payment"]
    refunded, returned = (_given_back(api, api, town, how, new_id) for how in ("refund", "return"))
    charged_back = _given_back(api, desk, town, "chargeback", new_id)
    deposit = api.command("/v1/deposits", {"id": new_id(), "account": someone.account, "amount_minor": 1_00, "currency": "CNY"})
    _freeze_and_close(api, town, new_id)
    _wait_for(api, expiring, "expired")
    return Prepared(
        cleared["payment"], held[0], held[1], expiring, declined["payment"], held[2], delayed, refunded, returned,
        charged_back, deposit["payment"], taken,
    )  # fmt: skip


def _given_back(api: Client, caller: Client, town: Town, how: str, new_id: NewId) -> str:
    """A payment that was given back as a whole."""
    payment = api.command("/v1/payments", _pay(town.people[0], town.special["shop"], new_id()))["payment"]
    caller.command(f"/v1/payments/{payment}/{how}", {"id": new_id()})
    return str(payment)


def _freeze_and_close(api: Client, town: Town, new_id: NewId) -> None:
    """Freeze what the town's stories say is frozen; both can be said again."""
    special, why = town.special, {"reason": "so that the demonstration can show it"}
    thrifty = api.get(f"/v1/accounts/{special['thrifty'].account}")["available_minor"]
    for name, freeze in (("frozen", {"side": "all"}), ("thrifty", {"side": "amount", "amount_minor": thrifty})):
        api.command(f"/v1/accounts/{special[name].account}/freeze", {"id": new_id(), **freeze, **why})
    api.command(f"/v1/accounts/{special['closed'].account}/close", {"id": new_id(), **why})


def _exhausting(town: Town) -> list[tuple[str, Command]]:
    """Commands that are repeated until they are refused, by whom they bring to a limit."""
    special, shop = town.special, town.special["shop"]
    fill = {"command": "deposit", "account": special["vault"].account, "amount_minor": 10**12, "currency": "JPY"}
    return [
        ("spender", {"command": "pay", **_pay(special["spender"], shop, "", amount_minor=5_000_00)}),
        ("busy", {"command": "pay", **_pay(special["busy"], shop, "", amount_minor=1)}),
        ("holder", {
            "command": "pay", **_pay(special["holder"], special["bakery"], "", amount_minor=1),
            "hold_only": True, "hold_lifetime_s": 86_400,
        }),
        ("vault", fill),
    ]  # fmt: skip


def top_up(api: Client, town: Town, new_id: NewId) -> None:
    """Give those who use up their limits each day the money to do so."""
    for name, amount in (("spender", _DAY_MINOR), ("busy", 200), ("shop", 1_000_00)):
        body = {"id": new_id(), "account": town.special[name].account, "amount_minor": amount, "currency": "CNY"}
        api.command("/v1/deposits", body)


def _until_refused(api: Client, body: Command, new_id: NewId) -> None:
    share = 1
    while all(outcome["reason"] == "ok" for outcome in api.batch([{**body, "id": new_id()} for _ in range(share)])):
        share = _SHARE


def _pay(payer: Person, payee: Person, command_id: str, **more: Any) -> Command:
    return {
        "id": command_id, "payer": payer.account, "payee": payee.account, "amount_minor": 100,
        "currency": payer.currency, "type": "purchase", **more,
    }  # fmt: skip


def _hold(api: Client, payer: Person, payee: Person, new_id: NewId, **more: Any) -> str:
    return str(api.command("/v1/payments", _pay(payer, payee, new_id(), hold_only=True, **more))["payment"])


def _wait_for(api: Client, payment: str, state: str) -> None:
    deadline_s = time.monotonic() + _EXPIRY_PATIENCE_S
    while api.get(f"/v1/payments/{payment}")["state"] != state:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"payment {payment} did not become {state} in {_EXPIRY_PATIENCE_S:.0f} s; see the lane's log")
        time.sleep(0.1)
