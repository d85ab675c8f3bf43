"""The auditor agrees with the real lane: random commands over days, checkpoints caught in pieces, signed heads."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from review.lane_caller import HOUR_US, REVIEWED, Caller
from support.database import Database
from support.judges import store_judges
from support.lanes import next_lane, policy_toml, settings_for, start_lane

from penstock.contracts.commands import Kind
from penstock.contracts.states import State
from penstock.journal.heads import HeadSigner
from penstock.process.lane import Lane
from penstock.review.verify import audit
from penstock.review.verify.actions import Request, verify
from penstock.review.verify.report import as_words
from penstock.state.checkpoint import Checkpointer

#: Rows that must have come about, so that agreeing about them means something: kind and state.
REACHED = [
    (Kind.PAY, State.REVIEW), (Kind.PAY, State.DELAYED), (Kind.PAY, State.HELD), (Kind.WITHDRAW, State.HELD),
    (Kind.EXPIRE, State.CLEARED), (Kind.EXPIRE, State.EXPIRED), (Kind.EXPIRE, State.REJECTED),
    (Kind.DECIDE_REVIEW, State.CLEARED), (Kind.DECIDE_REVIEW, State.REJECTED), (Kind.REFUND, State.REFUNDED),
    (Kind.REFUND, State.CLEARED), (Kind.REFUND, State.REFUNDING), (Kind.RETURN, State.RETURNED),
    (Kind.CHARGEBACK, State.CHARGED_BACK), (Kind.RECOVER, State.REVERSED), (Kind.RECOVER, State.DONE),
    (Kind.SET_ACCOUNT, State.DONE), (Kind.SET_CUSTOMER, State.DONE), (Kind.SET_APPROVALS, State.DONE),
    (Kind.PAY, State.CHALLENGE), (Kind.LABEL, State.DONE), (Kind.PUBLISH_MODEL, State.DONE),
]  # fmt: skip


def _sign(signer: HeadSigner, lane: Lane, now_us: int) -> None:
    position = lane.writer.position
    signer.sign(lane.settings.lane, position.last_seq, position.digest, position.time_us, now_us)


def _live(lane: Lane, home: Path, seed: int, *, forces: bool) -> int:
    """A hundred batches over two days; the sequence of the newest checkpoint."""
    caller = Caller(lane, seed, forces=forces)
    caller.furnish()
    signer = HeadSigner(home / "heads", Ed25519PrivateKey.generate())
    checkpointer = Checkpointer(home, lane.settings.lane, 1_024, 2)
    for step in range(100):
        caller.send(14)
        _sign(signer, lane, caller.now_us)
        if step % 20 == 10:
            caller.wait(9 * HOUR_US)
        if step in {3, 48}:
            checkpointer.begin(lane.state)
        checkpointer.step(lane.state, lane.writer.position.digest)  # a piece between two batches
        while checkpointer.running and step in {20, 90}:
            checkpointer.step(lane.state, lane.writer.position.digest)
            time.sleep(0.001)  # the disk is slower
        if step == 40:
            lane.publish(msgspec.structs.replace(REVIEWED, review_overflow="allow"), caller.now_us)
    checkpointer.wait()
    return checkpointer.published[0]


def _reached(database: Database, lane: int) -> set[tuple[int, int]]:
    with database.connect("penstock_auditor") as connection:
        return set(connection.execute("SELECT DISTINCT kind, state FROM journal WHERE lane = %s", [lane]).fetchall())


@pytest.mark.parametrize("seed", [5, 10])
def test_the_auditor_agrees_with_the_lane(
    database: Database, home: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CHUNK_ROWS", 83)
    forces = seed % 2 == 0
    (home / "policy.toml").write_text(policy_toml(REVIEWED), "utf-8")
    settings = settings_for(
        home, next_lane(), holds_max=90, holds_per_account=40, clock_jump_s=86_400, bank_url="http://127.0.0.1:1",
        sandbox=int(forces),
    )  # fmt: skip
    store_judges(database)
    lane = start_lane(database, settings)
    with closing(lane.writer):
        published = _live(lane, home, seed, forces=forces)
    last_seq = lane.last_seq
    assert 0 < published < last_seq
    request = Request(home / "heads", home / "checkpoints", home / "heads" / "public.pem")
    report = verify(lambda: database.connect("penstock_auditor"), request)
    assert report.ok, f"seed {seed}\n" + "\n".join(as_words(report, 1.0))
    assert report.rows == last_seq
    assert _reached(database, settings.lane) >= set(REACHED)
    assert report.heads > 50
    assert report.lanes[0].compared_segments > 5
