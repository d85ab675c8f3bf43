"""An installation with a bank: both are real processes, and may be broken."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from penstock.app import wiring
from penstock.kit import db
from support.bank import Bank, until
from support.installation import BUSY, Installation
from support.policies import journey_policy
from support.simulator import Simulator, simulated

#: Asked again soon, so that tests need not wait.
EAGER = {"bank_timeout_s": "1", "bank_look_s": "0.2", "bank_longest_pause_s": "0.5", "reply_timeout_s": "2"}
#: An account at the bank for each manner that ends by itself.
MANNERS = ("CN777", "SIMSLOW1", "SIM500A", "SIMLOSE1", "SIMREJECT1")

#: Large withdrawals wait for a person: in CNY not long, and then they are approved.
REVIEWED = 50_000
REVIEWS = f"""
[[reviews]]
type = "withdrawal"
currency = "CNY"
deadline_s = 1
default = "approve"
above = {REVIEWED}
[[reviews]]
type = "withdrawal"
currency = "USD"
deadline_s = 3600
default = "reject"
above = {REVIEWED}
"""


@dataclass
class Banked:
    """An installation and its bank."""

    installation: Installation
    simulator: Simulator

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the office's tables say."""
        with db.connect(wiring.dsn(self.installation.settings, "penstock_office"), name="test") as connection:
            return connection.execute(statement, list(values)).fetchall()

    def transfers(self) -> dict[str, str]:
        """The states of all credit transfers by their end-to-end ids."""
        return dict(self.rows("SELECT end_to_end_id, state FROM rail_transfer"))

    def cleared_by_lane(self) -> dict[str, int]:
        """By end-to-end id, what the lane's rows say has left through the bank."""
        return dict(self.rows("SELECT reference, sum(amount_minor)::bigint FROM rail_booking WHERE kind = 'debit' GROUP BY 1"))

    def wait_until_settled(self, timeout_s: float = 60) -> None:
        """Wait until no transfer and no entry is on its way, and the tail has seen everything."""
        try:
            until(self._settled, timeout_s)
        except AssertionError as error:
            waits = self.rows("SELECT seq, state, reason, asked, started FROM rail_transfer WHERE state IN ('open', 'paid', 'rejected')")
            waits += self.rows("SELECT number, state, reason, started FROM rail_entry WHERE state = 'new'")
            raise AssertionError(f"not settled: {waits}\n{self.installation.log[-6000:]}") from error

    def _settled(self) -> bool:
        try:
            [(waiting, behind)] = self.rows(
                "SELECT (SELECT count(*) FROM rail_transfer WHERE state IN ('open', 'paid', 'rejected'))"
                " + (SELECT count(*) FROM rail_entry WHERE state = 'new'),"
                " (SELECT last_seq FROM lane) - coalesce((SELECT seq FROM tail_cursor WHERE tail = 'rails'), 0)"
            )
        except psycopg.OperationalError:
            return False
        return bool(waiting == 0 and behind == 0)


@contextmanager
def banked(**changes: str) -> Iterator[Banked]:
    """An installation connected to a simulator; both removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="penstock-bank-", dir="/tmp"))
    home.chmod(0o755)
    (home / "policy.toml").write_text(journey_policy(datetime.now(UTC)) + REVIEWS, "utf-8")
    with simulated(home) as simulator:
        settings = {**BUSY, **EAGER, "policy_file": str(home / "policy.toml"), "bank_url": simulator.url, **changes}
        installation = Installation(home, settings)
        try:
            installation.start()
            yield Banked(installation, simulator)
        finally:
            installation.remove()
            shutil.rmtree(home)


def withdraw_to(bank: Bank, account: str, minor: int, to: str, currency: str = "CNY") -> dict[str, Any]:
    """Withdraw to an account at the bank."""
    body = {"account": account, "amount_minor": minor, "currency": currency, "reference": "rent"}
    return bank.do("/v1/withdrawals", **body, to={"name": "Zhao Min", "account": to, "agent": "TESTBANK"})


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
