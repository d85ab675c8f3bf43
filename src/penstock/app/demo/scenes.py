"""The scenes of the demonstration's traffic: what people do, and what they do wrong.

A scene sends one or a few commands and says which reasons it expects; any other answer is a surprise,
and a surprise makes the demonstration end with an error.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from penstock.app.demo.bank import ACCOUNTS, DemoBank
from penstock.app.demo.figures import Figures
from penstock.app.demo.ghosts import Ghosts
from penstock.app.demo.habits import origin
from penstock.app.demo.people import Person, Town
from penstock.kit.client import AsyncClient

#: What may be refused to people who do nothing wrong: they run out of money, or of limits, or look like a risk.
ORDINARY: Final = frozenset({
    "ok", "insufficient_funds", "limit_single", "limit_day_amount", "limit_day_count", "limit_month_amount",
    "limit_month_count", "limit_year_amount", "risk_blocked", "verification_needed", "reviews_full",
})  # fmt: skip


@dataclass
class Stage:
    """What scenes need: the API, the people, chance, a clock and a source of ids."""

    api: AsyncClient
    town: Town
    ghosts: Ghosts
    chance: random.Random
    figures: Figures
    clock_s: Callable[[], float]
    new_id: Callable[[float], str]  # of a time so many seconds from now
    bank: DemoBank

    def amount_minor(self) -> int:
        """An amount as people pay: mostly small, at most 4,000.00."""
        return min(max(int(self.chance.lognormvariate(8.3, 1.2)), 1), 4_000_00)

    async def send(
        self, command: str, path: str, body: dict[str, Any], expected: frozenset[str], due_s: float | None = None
    ) -> dict[str, Any] | None:
        """Send one command, count its answer, and return the outcome when it took effect."""
        started_s = self.clock_s() if due_s is None else due_s
        body.setdefault("id", self.new_id(0.0))
        try:
            answer = await self.api.send_once("POST", path, body)
        except httpx.TransportError as error:
            self.figures.surprised(f"{command}: no answer ({type(error).__name__})")
            return None
        found = answer.body if isinstance(answer.body, dict) else {}
        reason = str(found.get("reason") or found.get("title") or f"HTTP {answer.status}")
        now_s = self.clock_s()
        self.figures.answered(command, str(found.get("state", "refused")), reason, now_s, 1000 * (now_s - started_s))
        self._judge(command, answer.status, reason, expected)
        return found if reason == "ok" else None

    def _judge(self, command: str, status: int, reason: str, expected: frozenset[str]) -> None:
        if status >= 500:
            self.figures.server_errors += 1
        if reason not in expected:
            self.figures.surprised(f"{command}: {reason} (HTTP {status}), expected {' or '.join(sorted(expected))}")

    async def pay(
        self, payer: Person, payee: Person, due_s: float | None = None, expected: frozenset[str] = ORDINARY, **more: Any
    ) -> dict[str, Any] | None:
        """Pay; ``more`` replaces or adds fields of the body."""
        body = {
            "payer": payer.account, "payee": payee.account, "amount_minor": self.amount_minor(),
            "currency": payer.currency, "type": "transfer",
            **origin(payer, payee, more.get("type", "transfer"), self.chance), **more,
        }  # fmt: skip
        return await self.send("pay", "/v1/payments", body, expected, due_s)

    async def follow(self, payment: str, command: str, *expected: str, **body: Any) -> None:
        """Clear, release or cancel a payment."""
        await self.send(command, f"/v1/payments/{payment}/{command}", body, frozenset(expected or ("ok",)))

    async def hold(self, due_s: float, **more: Any) -> str | None:
        """Hold an amount of somebody and return the payment's id, unless it was refused."""
        payer, payee = self.town.two()
        outcome = await self.pay(payer, payee, due_s, hold_only=True, type="purchase", **more)
        return str(outcome["payment"]) if outcome else None

    async def a_while(self) -> None:
        """Wait as long as a shop takes to send goods, in a town in a hurry."""
        await asyncio.sleep(self.chance.uniform(0.2, 2.0))


Scene = Callable[[Stage, float], Awaitable[None]]


async def transfer(stage: Stage, due_s: float) -> None:
    """One pays another."""
    await stage.pay(*stage.town.two(), due_s)


async def purchase(stage: Stage, due_s: float) -> None:
    """One buys something, with a reference."""
    await stage.pay(*stage.town.two(), due_s, type="purchase", reference=f"order {stage.chance.randrange(10**6)}")


async def bill(stage: Stage, due_s: float) -> None:
    """One pays a bill."""
    await stage.pay(*stage.town.two(), due_s, type="bill")


async def hold_and_clear(stage: Stage, due_s: float) -> None:
    """Money is held, and cleared when the goods are sent."""
    if payment := await stage.hold(due_s):
        await stage.a_while()
        await stage.follow(payment, "clear")


async def hold_and_clear_partly(stage: Stage, due_s: float) -> None:
    """Only a part of an order is sent; the rest is given back with it, or later."""
    if payment := await stage.hold(due_s, amount_minor=1_00 + stage.amount_minor()):
        await stage.a_while()
        if stage.chance.random() < 0.5:
            await stage.follow(payment, "clear", amount_minor=1_00, release_rest=True)
        else:
            await stage.follow(payment, "clear", amount_minor=1_00)
            await stage.follow(payment, "release")


async def hold_and_release(stage: Stage, due_s: float) -> None:
    """The shop has nothing left and gives the money back."""
    if payment := await stage.hold(due_s):
        await stage.a_while()
        await stage.follow(payment, "release")


async def hold_and_cancel(stage: Stage, due_s: float) -> None:
    """The buyer thinks again."""
    if payment := await stage.hold(due_s):
        await stage.a_while()
        await stage.follow(payment, "cancel")


async def hold_and_forget(stage: Stage, due_s: float) -> None:
    """Nobody remembers the hold: it runs out, and a late clear is refused."""
    if payment := await stage.hold(due_s, hold_lifetime_s=1):
        await asyncio.sleep(4.0)
        await stage.follow(payment, "clear", "payment_expired")


async def buy_and_bring_back(stage: Stage, due_s: float) -> None:
    """Goods are brought back: a part of the money, or all of it; the seller may have spent it by then."""
    outcome = await stage.pay(*stage.town.two(), due_s, type="purchase")
    if outcome:
        await stage.a_while()
        part = {} if stage.chance.random() < 0.5 else {"amount_minor": max(outcome["amount_minor"] // 3, 1)}
        how = stage.chance.choice(("refund", "refund", "return"))
        await stage.follow(outcome["payment"], how, "ok", "insufficient_funds", **part)


async def pay_for_tomorrow(stage: Stage, due_s: float) -> None:
    """A payment that arrives later; most payers think again in time."""
    outcome = await stage.pay(*stage.town.two(), due_s, arrival=stage.chance.choice(("ordinary", "next_day")))
    if outcome and stage.chance.random() < 0.7:
        await stage.a_while()
        await stage.follow(outcome["payment"], "cancel")


async def freeze_and_try(stage: Stage, due_s: float) -> None:
    """An account is frozen, and whoever tries to pay from it hears so."""
    frozen = stage.town.special["frozen"]
    body = {"side": "debit", "reason": "court order 7"}
    await stage.send("set_account", f"/v1/accounts/{frozen.account}/freeze", body, frozenset({"ok"}), due_s)
    await stage.pay(frozen, stage.town.someone(), expected=frozenset({"payer_frozen"}))


async def deposit(stage: Stage, due_s: float) -> None:
    """Money comes in from outside."""
    body = {"account": stage.town.someone().account, "amount_minor": 100_00 + stage.amount_minor(), "currency": "CNY"}
    await stage.send("deposit", "/v1/deposits", body, frozenset({"ok"}), due_s)


async def withdraw(stage: Stage, due_s: float) -> None:
    """Money goes out; this costs a fee."""
    body = {"account": stage.town.someone().account, "amount_minor": stage.amount_minor(), "currency": "CNY"}
    await stage.send("withdraw", "/v1/withdrawals", body, ORDINARY, due_s)


async def withdraw_to_bank(stage: Stage, due_s: float) -> None:
    """Money goes out by bank transfer: it is held until the bank has answered, as well or badly as banks do."""
    name, weights = list(ACCOUNTS), list(ACCOUNTS.values())
    to = {"name": "Zhao Min", "account": stage.chance.choices(name, weights)[0], "agent": "DEMOBANK"}
    body = {"account": stage.town.someone().account, "amount_minor": stage.amount_minor(), "currency": "CNY", "to": to}
    await stage.send("withdraw", "/v1/withdrawals", body, ORDINARY | {"rail_not_offered"}, due_s)


async def top_up(stage: Stage, due_s: float) -> None:  # noqa: ARG001 - nobody waits for an answer
    """Somebody pays in at the bank; the bank tells of it, and the money is credited."""
    await stage.bank.pay_in(stage.town.someone().account, 100_00 + stage.amount_minor())
