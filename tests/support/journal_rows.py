"""Journal rows written by hand, as the lane would: for what reads the journal, without a lane."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from penstock.contracts.commands import Kind, PaymentType
from penstock.contracts.ids import lane_command_id
from penstock.contracts.row import ROW
from penstock.contracts.states import State
from support.database import Database
from support.planting import insert_rows

CNY = 156
_LANE = """
    INSERT INTO lane (lane, epoch, last_seq, digest, time_us) VALUES (0, 1, %(seq)s, %(digest)s, %(time_us)s)
    ON CONFLICT (lane) DO UPDATE SET last_seq = %(seq)s, time_us = %(time_us)s
"""


class Book:
    """A journal of lane 0 that grows by rows told in a few words; ``commit`` makes them visible."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.last_seq = 0
        self.customers = 0
        self.accounts = 15  # the system's own
        self._rows: list[Any] = []

    def row(self, kind: Kind, state: State = State.DONE, **fields: Any) -> int:
        """Add a row; its sequence."""
        self.last_seq += 1
        row = np.zeros(1, ROW)
        row["seq"], row["time_us"] = self.last_seq, time.time_ns() // 1000
        row["id_hi"], row["id_lo"] = lane_command_id(self.last_seq)
        row["kind"], row["state"] = kind, state
        for name, value in fields.items():
            row[name] = value
        self._rows.append(row)
        return self.last_seq

    def account(self, client: int, asked_by: int = 0) -> int:
        """A new customer of a client with one account; the account's number."""
        self.customers += 1
        self.accounts += 1
        self.row(Kind.OPEN_CUSTOMER, client=client, customer=self.customers, tier=1)
        self.row(
            Kind.OPEN_ACCOUNT, client=asked_by or client, customer=self.customers, payee_account=self.accounts, currency=CNY
        )
        return self.accounts

    def pay(self, client: int, payer: int, payee: int, state: State = State.CLEARED, **fields: Any) -> int:
        """A payment between two accounts."""
        amount = fields.pop("amount_minor", 100)
        moved = {"moved_minor": amount} if state == State.CLEARED else {}
        held = {"held_minor": amount} if state in (State.HELD, State.DELAYED, State.REVIEW) else {}
        named = {"payer_account": payer, "payee_account": payee, "payment_type": PaymentType.TRANSFER}
        return self.row(
            Kind.PAY, state, client=client, currency=CNY, amount_minor=amount, **{**named, **moved, **held, **fields}
        )

    def commit(self) -> int:
        """Write what was added; the last sequence."""
        self.database.extend(self.last_seq)
        with self.database.connect("penstock_lane") as connection:
            if self._rows:
                insert_rows(connection, np.concatenate(self._rows))
            values = {"seq": self.last_seq, "digest": bytes(32), "time_us": time.time_ns() // 1000}
            connection.execute(_LANE, values)
        self._rows = []
        return self.last_seq
