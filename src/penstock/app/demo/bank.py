"""The demonstration's bank: the simulator, when no bank is connected, and people who pay in there."""

from __future__ import annotations

import socket
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import httpx
import structlog

from penstock.contracts.bank import settlement_account
from penstock.kit.settings import Settings

log = structlog.get_logger()

_USUAL_PORT: Final = 8_480
#: Account numbers at other banks and how often money goes there; those that begin with SIM are docs/rails.md's.
ACCOUNTS: Final = {
    "CN4402000111": 70, "CN4402000222": 10, "SIMSLOW1": 6, "SIM500A": 4, "SIMLOSE1": 4, "SIMREJECT1": 3, "SIMRETURN1": 2,
    "SIMLIE1": 1,
}  # fmt: skip


def with_bank(settings: Settings) -> tuple[Settings, int]:
    """Settings with a bank, and the port on which a simulator has to be started for them (0 = a bank is connected)."""
    if settings.bank_url:
        return settings, 0
    port = _free_port()
    return replace(settings, bank_url=f"http://127.0.0.1:{port}", bank_look_s=0.5), port


def _free_port() -> int:
    for port in (_USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("the kernel gives a free port when it is asked for any")


class DemoBank:
    """A hand on the simulator; without one (no address) nobody pays in."""

    def __init__(self, url: str, key: str, prefix: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=5, trust_env=False)
        self._is_there = bool(url)
        self._prefix = prefix

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def pay_in(self, account: str, amount_minor: int, currency: str = "CNY") -> None:
        """Somebody pays in for an account of ours."""
        if not self._is_there:
            return
        body = {
            "account": settlement_account(self._prefix, currency), "amount": {"currency": currency, "minor_units": amount_minor},
            "creditor_reference": account, "debtor": {"name": "Wang Li", "account": "CN4402000333", "agent": "DEMOBANK"},
            "remittance_information": "top-up",
        }  # fmt: skip
        try:
            await self._http.post("/simulator/credits", json=body)
        except httpx.TransportError as error:
            log.warning("nobody_paid_in", why=type(error).__name__)
