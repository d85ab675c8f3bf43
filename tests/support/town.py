"""A lane with a handful of accounts and a bank, told one command or one batch at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Flag, Kind, Option, PaymentType
from penstock.contracts.lane_port import Reply
from penstock.contracts.policy import Policy
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.process.lane import Lane
from penstock.state import layout as at
from support import life
from support.database import Database
from support.judges import store_judges
from support.lanes import (
    CLIENT,
    CNY,
    START_US,
    close_partitions,
    command,
    next_lane,
    policy_toml,
    run,
    settings_for,
    start_lane,
)

#: The fields of a command that two approvers have approved.
APPROVED = {"maker": 1, "approval_1": 2, "approval_2": 3}
OPERATOR = {"client": life.OPERATOR, "flags": Flag.OPERATES}
BANK = "https://127.0.0.1:1"


def town_policy(**changes: Any) -> Policy:
    """The policy of ``life``, with room for many reviews."""
    return msgspec.structs.replace(life.life_policy(), **{"reviews_per_hour": 1_000, **changes})


class Town:
    """The lane and its clock. ``shop`` belongs to another client; the tier of all has no limits."""

    def __init__(self, database: Database, home: Path, policy: Policy, **changes: Any) -> None:
        file = home / f"policy-{policy.fingerprint()[:8]}.toml"
        file.write_text(policy_toml(policy), "utf-8")
        values = {"policy_file": str(file), "bank_url": BANK, "clock_jump_s": 10**9, "holds_max": 60, "holds_per_account": 50}
        self.settings = settings_for(home, next_lane(), **(values | changes))
        self.database = database
        self.lane: Lane = start_lane(database, self.settings)
        self.now_us = START_US + life.SECOND
        self._numbers = itertools.count(1)
        self.payer = self.open_account(deposit=100_000)
        self.friend = self.open_account(deposit=100_000)
        self.shop = self.open_account(client=life.OTHER, deposit=100_000)

    def make(self, kind: Kind, time_us: int | None = None, **fields: Any) -> NDArray[Any]:
        """One command (1,) with an id of now."""
        return command(kind, next(self._numbers), time_us or self.now_us, **fields)

    def send(self, kind: Kind, **fields: Any) -> Reply:
        """Send one command, alone in its batch."""
        return self.send_batch(self.make(kind, **fields))[0]

    def send_batch(self, *commands: NDArray[Any]) -> list[Reply]:
        """Send one batch; its commands have the times now, now + 1 and so on."""
        replies = [Reply._make(reply.item()) for reply in run(self.lane, commands, self.now_us)]
        self.now_us += len(commands)
        return replies

    def wait_until(self, time_us: int) -> None:
        """The next command has exactly this time."""
        assert time_us >= self.now_us, "the town's clock does not go back"
        self.now_us = time_us

    def tick(self, time_us: int) -> None:
        """Nobody asks anything; what is due falls due."""
        self.wait_until(time_us)
        self.lane.tick(time_us)
        self.now_us += 1

    def close(self) -> None:
        self.lane.writer.close()

    def restart(self) -> None:
        """Recover from the journal."""
        self.close()
        self.lane = start_lane(self.database, self.settings, self.now_us)

    # --- whole sentences

    def open_account(self, client: int = CLIENT, deposit: int = 0, tier: int = 1) -> int:
        customer = self.send(Kind.OPEN_CUSTOMER, client=client, tier=tier).customer
        account = self.send(Kind.OPEN_ACCOUNT, client=client, customer=customer, currency=CNY).payee_account
        if deposit:
            fields = {"payee_account": account, "amount_minor": deposit, "currency": CNY}
            assert self.send(Kind.DEPOSIT, client=client, **fields).state == State.CLEARED
        return account

    def paying(self, amount_minor: int, **fields: Any) -> dict[str, Any]:
        """The fields of a ``pay`` from payer to shop."""
        plain = {"payer_account": self.payer, "payee_account": self.shop, "amount_minor": amount_minor, "currency": CNY}
        return plain | {"payment_type": PaymentType.TRANSFER} | fields

    def pay(self, amount_minor: int, **fields: Any) -> Reply:
        return self.send(Kind.PAY, **self.paying(amount_minor, **fields))

    def deposit(self, amount_minor: int, **fields: Any) -> Reply:
        plain = {"payee_account": self.payer, "amount_minor": amount_minor, "currency": CNY}
        return self.send(Kind.DEPOSIT, **(plain | fields))

    def withdraw(self, amount_minor: int, **fields: Any) -> Reply:
        plain = {"payer_account": self.payer, "amount_minor": amount_minor, "currency": CNY, "flags": Flag.RAIL}
        return self.send(Kind.WITHDRAW, **(plain | fields))

    def follow(self, kind: Kind, payment: Reply, **fields: Any) -> Reply:
        """A follow-up by the payment's client."""
        return self.send(kind, ref_seq=payment.ref_seq, **fields)

    def operate(self, kind: Kind, **fields: Any) -> Reply:
        """A command of who runs the system, approved by others."""
        flags = OPERATOR["flags"] | fields.pop("flags", 0)
        return self.send(kind, **(OPERATOR | APPROVED | {"flags": flags} | fields))

    def freeze(self, account: int, option: Option, **fields: Any) -> Reply:
        return self.operate(Kind.SET_ACCOUNT, payer_account=account, option=option, **fields)

    def publish(self, judge: int, option: Option = Option.MODEL_IN_FORCE) -> Reply:
        """Put one of the judges in force, or none."""
        store_judges(self.database)
        made = self.make(Kind.PUBLISH_MODEL, **(OPERATOR | APPROVED), tier=judge, option=option)
        replies, _ = self.lane.process(made, {0: life.payload(made)}, self.now_us)
        self.now_us += 1
        return Reply._make(replies[0].item())

    # --- what there is

    def balance(self, account: int) -> tuple[int, int]:
        """Available and held."""
        record = self.lane.state.accounts[account]
        return int(record[at.AVAILABLE]), int(record[at.HELD])

    @property
    def suspense(self) -> int:
        """What lies in suspense in CNY."""
        return self.balance(3)[0]

    def state_of(self, payment: Reply) -> State:
        """The state of a payment by its newest row in the journal that took effect."""
        with self.database.connect() as connection:
            row = connection.execute(
                "SELECT state FROM journal WHERE lane = %s AND (seq = %s OR (ref_seq = %s AND ref_prev_seq > 0))"
                " ORDER BY seq DESC LIMIT 1",
                [self.settings.lane, payment.ref_seq, payment.ref_seq],
            ).fetchone()
        assert row is not None
        return State(row[0])

    def last_row(self) -> dict[str, int]:
        """The newest row of the journal, as numbers."""
        names = ("seq", "kind", "state", "reason", "ref_seq", "moved_minor", "held_minor", "expires_us", "time_us")
        with self.database.connect() as connection:
            row = connection.execute(
                f"SELECT {', '.join(names)} FROM journal WHERE lane = %s ORDER BY seq DESC LIMIT 1", [self.settings.lane]
            ).fetchone()
        assert row is not None
        return dict(zip(names, map(int, row), strict=True))

    def close_partitions(self) -> int:
        """Fill the journal's current partition, and give every full one its index; how many the lane has forgotten."""
        rows = self.settings.partition_rows
        missing = rows - self.lane.last_seq % rows + 1
        while missing > 0:
            batch = [self.make(Kind.PAY, **self.paying(1)) for _ in range(min(missing, self.settings.batch_rows))]
            missing -= len(self.send_batch(*batch))
        close_partitions(self.database, self.lane)
        return int(self.lane.state.scalars[0, at.FIRST_PARTITION])

    def proof(self) -> None:
        """No money was made or lost, no customer is below zero."""
        accounts = self.lane.state.accounts
        assert int(accounts[:, [at.AVAILABLE, at.HELD]].sum()) == 0
        customers = accounts[accounts[:, at.ACCOUNT_CUSTOMER] > 0]
        assert np.all(customers[:, [at.AVAILABLE, at.HELD]] >= 0)


@contextmanager
def town(database: Database, home: Path, policy: Policy | None = None, **changes: Any) -> Iterator[Town]:
    """A town for one test; its money is counted at the end."""
    made = Town(database, home, policy or town_policy(), **changes)
    try:
        yield made
        made.proof()
    finally:
        made.close()


def outcome(reply: Reply) -> tuple[State, Reason]:
    """State and reason."""
    return State(reply.state), Reason(reply.reason)
