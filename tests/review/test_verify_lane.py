"""The auditor agrees with the real lane: random commands over days, checkpoints caught in pieces, signed heads."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from support.database import Database
from support.lanes import CLIENT, CNY, POLICY, START_US, command, next_lane, settings_for, start_lane

from penstock.contracts.commands import Flag, Kind, PaymentType
from penstock.journal.heads import HeadSigner
from penstock.process.lane import Lane
from penstock.review.verify import audit
from penstock.review.verify.actions import Request, verify
from penstock.review.verify.report import as_words
from penstock.state.checkpoint import Checkpointer

_HOUR_US = 3_600_000_000
_AMOUNTS = [1, 2, 7, 33, 100, 499, 1_000, 2_000, 2_001, 8_000]


class Caller:
    """Sends random commands, some of them wrong, to a lane."""

    def __init__(self, lane: Lane, seed: int) -> None:
        self.lane = lane
        self.now_us = START_US
        self._chance = random.Random(seed)
        self._number = 0

    def send(self, count: int) -> None:
        """Send a batch; a third of the commands carry a reference."""
        commands = [self._command() for _ in range(count)]
        payloads = {i: f"reference {i}".encode() for i in range(0, count, 3)}
        self.lane.process(np.concatenate(commands), payloads, self.now_us)
        self.now_us += self._chance.choice([1_000, 500_000, 90_000_000])

    def wait(self, microseconds: int) -> None:
        """Let time pass, and holds run out."""
        self.now_us += microseconds
        for _ in range(10):
            self.now_us += 1_000_000
            self.lane.tick(self.now_us)

    def furnish(self) -> None:
        """Open six customers with accounts and money."""
        for number in range(1, 7):
            self._run(Kind.OPEN_CUSTOMER, tier=number // 4)
            self._run(Kind.OPEN_ACCOUNT, customer=number, currency=CNY)
            self._run(Kind.DEPOSIT, payee_account=15 + number, amount_minor=20_000, currency=CNY)

    def _run(self, kind: Kind, **fields: Any) -> None:
        self.lane.process(self._make(kind, **fields), {}, self.now_us)

    def _make(self, kind: Kind, **fields: Any) -> NDArray[Any]:
        self._number += 1
        return command(kind, self._number, self.now_us, **fields)

    def _command(self) -> NDArray[Any]:
        chance = self._chance
        payer, payee, amount = chance.randint(14, 23), chance.randint(14, 23), chance.choice(_AMOUNTS)
        accounts = {"payer_account": payer, "payee_account": payee, "amount_minor": amount, "currency": CNY}
        kind = chance.choice([*[Kind.PAY] * 8, Kind.CLEAR, Kind.CLEAR, Kind.RELEASE, Kind.CANCEL, Kind.DEPOSIT, Kind.WITHDRAW,
                              Kind.OPEN_CUSTOMER, Kind.OPEN_ACCOUNT])  # fmt: skip
        client = chance.choice([CLIENT] * 15 + [CLIENT + 1])
        if kind == Kind.PAY:
            flags = chance.choice([0, Flag.HOLD_ONLY])
            payment_type = chance.choice([PaymentType.TRANSFER, PaymentType.PURCHASE, PaymentType.BILL])
            lifetime = chance.choice([0, 1_000_000, 20 * 60_000_000, 30 * _HOUR_US])
            return self._make(
                kind, client=client, flags=flags, payment_type=payment_type, lifetime_us=lifetime, **accounts
            )
        if kind in {Kind.CLEAR, Kind.RELEASE, Kind.CANCEL}:
            named = chance.randint(max(1, self.lane.last_seq - 60), self.lane.last_seq + 5)
            asked = {
                "amount_minor": chance.choice([0, 0, 1, 7, 33, 60, 5_000]),
                "flags": chance.choice([0, Flag.RELEASE_REST]),
            }
            return self._make(kind, client=client, ref_seq=named, **asked)
        if kind == Kind.OPEN_CUSTOMER:
            return self._make(kind, tier=chance.randint(0, 2))
        if kind == Kind.OPEN_ACCOUNT:
            return self._make(kind, customer=chance.randint(0, 8), currency=chance.choice([CNY, 840, 1]))
        return self._make(kind, client=client, **accounts)


def _sign(signer: HeadSigner, lane: Lane, now_us: int) -> None:
    position = lane.writer.position
    signer.sign(lane.settings.lane, position.last_seq, position.digest, position.time_us, now_us)


def _live(lane: Lane, home: Path, seed: int) -> int:
    """Sixty batches over two days; the sequence of the newest checkpoint."""
    caller = Caller(lane, seed)
    caller.furnish()
    signer = HeadSigner(home / "heads", Ed25519PrivateKey.generate())
    checkpointer = Checkpointer(home, lane.settings.lane, 1_024, 2)
    for step in range(60):
        caller.send(12)
        _sign(signer, lane, caller.now_us)
        if step % 20 == 10:
            caller.wait(9 * _HOUR_US)
        if step in {3, 28}:
            checkpointer.begin(lane.state)
        checkpointer.step(lane.state, lane.writer.position.digest)  # a piece between two batches
        while checkpointer.running and step in {20, 50}:
            checkpointer.step(lane.state, lane.writer.position.digest)
        if step == 40:
            lane.publish(POLICY, caller.now_us)
    checkpointer.wait()
    return checkpointer.published[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_auditor_agrees_with_the_lane(
    database: Database, home: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CHUNK_ROWS", 83)
    settings = settings_for(home, next_lane(), holds_max=60, holds_per_account=30, clock_jump_s=86_400)
    lane = start_lane(database, settings)
    with closing(lane.writer):
        published = _live(lane, home, seed)
    last_seq = lane.last_seq
    assert 0 < published < last_seq
    request = Request(home / "heads", home / "checkpoints", home / "heads" / "public.pem")
    report = verify(lambda: database.connect("penstock_auditor"), request)
    assert report.ok, f"seed {seed}\n" + "\n".join(as_words(report, 1.0))
    assert report.rows == last_seq
    assert report.heads > 50
    assert report.lanes[0].compared_segments > 5
