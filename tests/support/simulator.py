"""The bank simulator as its own process, and a hand on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from penstock.kit.secrets import SecretFolder
from support.bank import until
from support.installation import _free_port


@dataclass
class Simulator:
    """Starts, kills and steers `penstock bank-simulator` of one home."""

    home: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.key = SecretFolder(self.home / "secrets", may_make=True).bank_key()
        self._http = httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {self.key}"}, timeout=10, trust_env=False
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "penstock", "bank-simulator", "--port", str(self.port)]
        with (self.home / "bank.log").open("ab") as log:
            environment = {**os.environ, "PENSTOCK_HOME": str(self.home)}
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        until(self.is_up)

    def is_up(self) -> bool:
        try:
            return self._http.get("/simulator").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        self._http.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)

    def behave(self, behaviour: str, delay_s: float = 0.3) -> None:
        assert self._http.put("/simulator", json={"behaviour": behaviour, "delay_s": delay_s}).status_code == 200

    def pay_in(self, reference: str, minor: int, currency: str = "CNY", account: str = "PENSTOCK") -> dict[str, Any]:
        """Somebody pays in; the bank's entry."""
        body = {
            "account": f"{account}-{currency}", "amount": {"currency": currency, "minor_units": minor},
            "creditor_reference": reference, "debtor": {"name": "Wang Li", "account": "CN001", "agent": "TESTBANK"},
            "remittance_information": "top-up",
        }  # fmt: skip
        answer = self._http.post("/simulator/credits", json=body)
        assert answer.status_code == 201, answer.text
        entry: dict[str, Any] = answer.json()
        return entry

    def paid(self) -> dict[str, int]:
        """By end-to-end id, in how many bookings the bank has paid."""
        found: dict[str, int] = self._http.get("/simulator/paid").json()
        return found

    def statement(self, date: str, currency: str = "CNY") -> dict[str, Any]:
        found: dict[str, Any] = self._http.get(f"/statements/{date}", params={"account": f"PENSTOCK-{currency}"}).json()
        return found


@contextmanager
def simulated(home: Path) -> Iterator[Simulator]:
    """A simulator that runs, with books in ``home``; ended afterwards."""
    made = Simulator(home, _free_port())
    made.start()
    try:
        yield made
    finally:
        made.close()
