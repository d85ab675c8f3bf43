"""Journal rows as a lane would have written them, one call each: what tails are tried on, without a lane."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from penstock.contracts.commands import Flag, Kind, Option, PaymentType
from penstock.contracts.states import State
from support import planting
from support.database import Database

#: 2026-03-01 00:00 UTC
START_US = 1_772_323_200_000_000
CNY = 156
_LANE = (
    "INSERT INTO lane VALUES (0, 1, %(seq)s, %(digest)s, %(time)s) "
    "ON CONFLICT (lane) DO UPDATE SET last_seq = %(seq)s, time_us = %(time)s"
)


@dataclass
class Rows:
    """A journal of lane 0 that grows; each row is committed at once. Time passes by ``wait``."""

    database: Database
    client: int = 1
    seq: int = 0
    time_us: int = START_US
    last: dict[int, int] = field(default_factory=dict)  # payment → its newest row
    first: dict[int, dict[str, Any]] = field(default_factory=dict)

    def wait(self, seconds: float) -> None:
        self.time_us += int(seconds * 1_000_000)

    def add(self, kind: Kind, state: State, *, side: dict[str, Any] | None = None, **values: Any) -> int:
        self.seq += 1
        self.time_us += 1
        body = json.dumps(side).encode() if side else b""
        fields = {"time_us": self.time_us, "client": self.client, "kind": kind, "state": state, **values}
        digest = hashlib.sha256(body).digest() if body else bytes(32)
        with self.database.connect() as connection:
            planting.insert_rows(connection, planting.empty_rows(self.seq, 1, side_hash=digest, **fields))
            if body:
                connection.execute("INSERT INTO journal_side VALUES (0, %s, %s)", [self.seq, body])
            connection.execute(_LANE, {"seq": self.seq, "digest": bytes(32), "time": self.time_us})
        return self.seq

    def pay(self, payer: int, payee: int, amount: int, state: State = State.CLEARED, **more: Any) -> int:
        """A payment in its first state."""
        moved, held = (amount, 0) if state == State.CLEARED else (0, 0 if state == State.DECLINED else amount)
        return self._begin(Kind.PAY, state, payer, payee, amount, moved_minor=moved, held_minor=held, **more)

    def review(self, payer: int, payee: int, amount: int, deadline_s: float = 14_400, **more: Any) -> int:
        """A payment that waits for a person."""
        return self.pay(payer, payee, amount, State.REVIEW, expires_us=self.time_us + int(deadline_s * 1e6), **more)

    def withdraw_by_bank(self, payer: int, amount: int, state: State = State.HELD) -> int:
        """A withdrawal that waits for the bank."""
        kind = PaymentType.WITHDRAWAL
        return self._begin(Kind.WITHDRAW, state, payer, 1, amount, held_minor=amount, flags=Flag.RAIL, payment_type=kind)

    def deposit(self, payee: int, amount: int, **more: Any) -> int:
        """Money that arrived."""
        return self._begin(Kind.DEPOSIT, State.CLEARED, 1, payee, amount, moved_minor=amount, **more)

    def follow(self, kind: Kind, payment: int, state: State, **more: Any) -> int:
        """A follow-up that took effect."""
        first = self.first[payment]
        back = kind in {Kind.REFUND, Kind.RETURN, Kind.CHARGEBACK, Kind.RECOVER}
        parties = ("payee_account", "payer_account") if back else ("payer_account", "payee_account")
        names = {"payer_account": first[parties[0]], "payee_account": first[parties[1]]}
        same = {name: first[name] for name in ("currency", "payment_type")}
        row = {**names, **same, "ref_seq": payment, "ref_prev_seq": self.last[payment], **more}
        self.last[payment] = self.add(kind, state, **row)
        return self.last[payment]

    def decide(self, payment: int, option: Option, state: State, person: int) -> int:
        """A review's decision."""
        return self.follow(Kind.DECIDE_REVIEW, payment, state, option=option, maker=person)

    def _begin(self, kind: Kind, state: State, payer: int, payee: int, amount: int, **more: Any) -> int:
        values = {
            "payer_account": payer, "payee_account": payee, "amount_minor": amount, "currency": CNY,
            "payment_type": PaymentType.TRANSFER, "left_minor": more.get("moved_minor", 0), **more,
        }  # fmt: skip
        seq = self.add(kind, state, **values)
        self.first[seq], self.last[seq] = values, seq
        return seq
