"""Hypothesis drives random commands of every kind, repeats and all, through the lane and the oracle, cut into batches anywhere.

The time of a batch is often the very microsecond at which something falls due, ends or begins. The same
commands go through a second lane in other batches, and both lanes are recovered from scratch and from a
checkpoint that was caught while the lane worked: same outcomes, same balances, byte-identical state.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, Phase, given, settings
from numpy.typing import NDArray
from support import life
from support.database import PARTITION_ROWS, Database
from support.judges import known_models, store_judges
from support.lanes import START_US, close_partitions, image, next_lane, policy_toml, settings_for, start_lane
from support.oracle import Oracle, Outcome
from support.oracle_rows import compare_judged, compare_rows, rows_of

from penstock.contracts.commands import Flag, Kind, Status
from penstock.contracts.money import BY_CODE
from penstock.contracts.states import State
from penstock.journal.heads import HeadSigner
from penstock.kit.settings import Settings
from penstock.process.lane import Lane
from penstock.review.verify.actions import Request, verify
from penstock.review.verify.report import as_words
from penstock.state import layout as at
from penstock.state.checkpoint import Checkpointer

_BANK = "https://127.0.0.1:1"
_PIECE = 8_192  # a checkpoint takes many batches
_SMALL = 70  # rows: two partitions are closed by the end
_COMMANDS = 75


class Setting(NamedTuple):
    """What of the installation the spec depends on."""

    overflow: str
    sandbox: bool
    bank: bool
    closing: bool  # small partitions, which the lane forgets as soon as they are full
    judge: int | None = None  # the model that is in force from the beginning


class Twin:
    """A lane and what it answered."""

    def __init__(self, database: Database, home: Path, setting: Setting) -> None:
        store_judges(database)
        self.settings = _settings(home, setting)
        self.database = database
        self.lane: Lane = start_lane(database, self.settings)
        self.outcomes: list[Outcome] = []
        self.checkpointer = Checkpointer(home, self.settings.lane, _PIECE, 2)

    def run(self, commands: list[NDArray[Any]], now_us: int) -> None:
        """Take a batch in; on the border of two seconds the lane would stamp the rest later than the oracle thinks."""
        border = min(len(commands), life.SECOND - now_us % life.SECOND)
        for first, last in ((0, border), (border, len(commands))):
            if last > first:
                self._run(commands[first:last], now_us + first)
        if self.checkpointer.running:
            self.checkpointer.step(self.lane.state, self.lane.writer.position.digest)

    def _run(self, commands: list[NDArray[Any]], now_us: int) -> None:
        payloads = {place: text for place, made in enumerate(commands) if (text := life.payload(made))}
        replies, _ = self.lane.process(np.concatenate(commands), payloads, now_us)
        self.outcomes += [_outcome(reply) for reply in replies]

    def forget(self) -> None:
        """Close the partitions that are full."""
        if self.settings.partition_rows == _SMALL:
            close_partitions(self.database, self.lane)

    def finish_checkpoint(self) -> None:
        while self.checkpointer.running:
            self.checkpointer.step(self.lane.state, self.lane.writer.position.digest)
            time.sleep(0.001)  # the disk is slower
        self.checkpointer.wait()

    def close(self) -> None:
        self.lane.writer.close()

    def recover(self, now_us: int) -> None:
        self.lane.writer.close()
        self.lane = start_lane(self.database, self.settings, now_us)


def _settings(home: Path, setting: Setting) -> Settings:
    file = home / f"{setting.overflow}.toml"
    file.write_text(policy_toml(life.life_policy(setting.overflow)), "utf-8")
    return settings_for(
        home, next_lane(), policy_file=str(file), sandbox=int(setting.sandbox), bank_url=_BANK if setting.bank else "",
        expiries_per_batch=64, clock_jump_s=400 * 86_400.0, partition_rows=_SMALL if setting.closing else PARTITION_ROWS,
        entities_max=14, pairs_max=8, **life.CAPS,
    )  # fmt: skip


def _outcome(reply: Any) -> Outcome:
    if reply["status"] != Status.DONE:
        return Outcome(reply["status"], reason=reply["reason"])
    flags = 0
    if reply["state"] != State.DECLINED:
        flags = reply["flags"] & (Flag.TO_SUSPENSE | (Flag.RAIL if reply["state"] == State.REFUNDING else 0))
    return Outcome(
        reply["status"], reply["state"], reply["reason"], reply["moved_minor"], reply["held_minor"], reply["fee_minor"],
        reply["left_minor"], flags,
    )  # fmt: skip


@settings(  # without shrinking: a smaller seed makes no smaller story; the failure says which command it was
    phases=[Phase.explicit, Phase.generate], max_examples=int(os.environ.get("PENSTOCK_EXAMPLES", "20")),
    deadline=None, suppress_health_check=list(HealthCheck), print_blob=False,
)  # fmt: skip
@given(
    setting=st.builds(
        Setting, st.sampled_from(["reject", "allow"]), st.booleans(), st.sampled_from([True, True, False]), st.booleans(),
        st.sampled_from([None, 0, 0, 1]),
    ),
    seed=st.integers(0, 2**32), batches=st.integers(1, 25), checkpoint_after=st.integers(0, 8), restart_after=st.integers(0, 30),
)  # fmt: skip
def test_lane_agrees_with_the_oracle_however_batches_are_cut(
    database: Database, home: Path, setting: Setting, seed: int, batches: int, checkpoint_after: int, restart_after: int
) -> None:
    with closing(Twin(database, home, setting)) as one, closing(Twin(database, home, setting)) as other:
        Comparison(setting, seed, one, other).run(batches, checkpoint_after, restart_after)


class Comparison:
    """Two lanes and the oracle, told the same."""

    def __init__(self, setting: Setting, seed: int, one: Twin, other: Twin) -> None:
        policy = life.life_policy(setting.overflow)
        self.setting = setting
        self.oracle = Oracle(policy, sandbox=setting.sandbox, bank=setting.bank, models=known_models(), **life.CAPS)
        self.life = life.Life(seed, self.oracle)
        self.one, self.other = one, other
        self.commands: list[NDArray[Any]] = []
        self.expected: list[Outcome] = []
        self.now_us = START_US

    def run(self, batches: int, checkpoint_after: int, restart_after: int) -> None:
        furniture = life.furnish(judge=self.setting.judge)
        self.expected = [self.oracle.tell(c[0], START_US + i, life.payload(c)) for i, c in enumerate(furniture)]
        self.one.run(furniture, START_US)
        self.other.run(furniture, START_US)
        self.now_us += life.SECOND
        for number in range(batches):
            self.now_us = self.life.later(self.now_us)
            if number == checkpoint_after:
                self.one.checkpointer.begin(self.one.lane.state)
            self._batch(_COMMANDS // batches)
            if number == restart_after:
                self.other.recover(self.now_us)
        self._time_goes_on()
        self.one.finish_checkpoint()
        self._compare()

    def _batch(self, count: int) -> None:
        batch: list[NDArray[Any]] = []
        for place in range(count):
            made = self.life.command(self.now_us + place, [*self.commands, *batch])
            batch.append(made)
            self.expected.append(self.oracle.tell(made[0], self.now_us + place, life.payload(made)))
        self.one.run(batch, self.now_us)
        for place, made in enumerate(batch):
            self.other.run([made], self.now_us + place)
        self.commands += batch
        self.now_us += count
        self.one.forget()
        self.other.forget()

    def _time_goes_on(self) -> None:
        """Nobody asks anything any more, and what is due falls due."""
        self.now_us = self.life.later(self.now_us)
        self.oracle.tick(self.now_us)
        self.one.lane.tick(self.now_us)
        self.other.lane.tick(self.now_us)

    def _compare(self) -> None:
        for twin in (self.one, self.other):
            told = zip(twin.outcomes, self.expected, strict=True)
            furniture = len(self.expected) - len(self.commands)
            for number, (was, expected) in enumerate(told):
                assert was == expected, _story(number, furniture, self.commands, was, expected)
            _compare_accounts(twin.lane, self.oracle)
            _compare_payments(twin.lane, self.oracle)
            _compare_counters(twin.lane, self.oracle)
        rows = rows_of(self.one.lane)
        compare_rows(rows, rows_of(self.other.lane))
        compare_judged(rows, self.oracle)
        before = image(self.one.lane.state)
        assert image(self.other.lane.state) == before
        for twin in (self.one, self.other):
            twin.recover(self.now_us)
            assert image(twin.lane.state) == before


def _story(number: int, furniture: int, commands: list[NDArray[Any]], was: Outcome, expected: Outcome) -> str:
    if number < furniture:
        return f"furniture {number}: lane {was}, oracle {expected}"
    c = commands[number - furniture][0]
    told = {name: int(c[name]) for name in c.dtype.names if c[name] and name not in ("token", "id_hi", "id_lo")}
    return f"command {number - furniture}, {Kind(int(c['kind'])).name} {told}: lane {was}, oracle {expected}"


def _compare_accounts(lane: Lane, oracle: Oracle) -> None:
    accounts = lane.state.accounts
    for number, account in enumerate(oracle.accounts):
        record = accounts[number]
        assert (record[at.AVAILABLE], record[at.HELD]) == (account.available, account.held), number
        assert (record[at.ACCOUNT_KIND] == at.KIND_CLOSED) == account.closed
        if number:
            assert record[at.OPEN_HOLDS] == oracle.book.open_holds(number)
    for slot in range(5):
        system = accounts[3 * slot + 1 : 3 * slot + 4][:, [at.AVAILABLE, at.HELD]].sum()
        mine = (accounts[:, at.ACCOUNT_CURRENCY] == slot) & (accounts[:, at.ACCOUNT_CUSTOMER] > 0)
        assert system + accounts[mine][:, [at.AVAILABLE, at.HELD]].sum() == 0, "money was made or lost"
        assert (accounts[mine][:, [at.AVAILABLE, at.HELD]] >= 0).all()


def _compare_payments(lane: Lane, oracle: Oracle) -> None:
    state = lane.state
    held = {int(hold[at.ORIGIN_SEQ]): hold for hold in state.holds if hold[at.ORIGIN_SEQ]}
    open_ones = {seq: payment for seq, payment in oracle.payments.items() if payment.holder}
    assert held.keys() == open_ones.keys()
    for seq, payment in open_ones.items():
        assert (held[seq][at.HOLD_STATE], held[seq][at.EXPIRES_US]) == (payment.state, payment.expires_us)
    for payment in oracle.payments.values():
        assert 0 <= payment.given_back <= payment.cleared <= payment.amount


def _compare_counters(lane: Lane, oracle: Oracle) -> None:
    """The purses' counters are what is counted under the names of today's windows."""
    for purse in lane.state.purses[1 : int(lane.state.scalars[0, at.PURSES]) + 1]:
        for (customer, currency, kind, window, what), used in oracle.used_now(int(purse[at.DAY])).items():
            if (customer, BY_CODE[currency].slot) == (purse[at.PURSE_CUSTOMER], purse[at.PURSE_CURRENCY]):
                cell = at.FIRST_CELL + kind * at.CELL_WIDTH
                assert purse[cell + 2 * window + (what == "count")] == used


@pytest.mark.parametrize("overflow", ["reject", "allow"])
def test_the_auditor_agrees_with_the_lane_and_the_oracle(database: Database, home: Path, overflow: str) -> None:
    """Three who share no code: what random commands wrote into the journal is recomputed from nothing else."""
    seeds = range(int(os.environ.get("PENSTOCK_EXAMPLES", "20")) // 3)
    for seed in seeds:
        setting = Setting(overflow, sandbox=seed % 2 == 1, bank=seed % 3 > 0, closing=seed % 2 == 0, judge=(0, None, 1)[seed % 3])
        with closing(Twin(database, home, setting)) as one, closing(Twin(database, home, setting)) as other:
            Comparison(setting, seed, one, other).run(10, 2, 99)
    heads = home / "heads"
    HeadSigner(heads, Ed25519PrivateKey.generate())
    request = Request(heads, home / "checkpoints", heads / "public.pem", checkpoint=True)
    report = verify(lambda: database.connect("penstock_auditor"), request)
    assert report.ok, "\n".join(line for line in as_words(report, 1.0) if not line.startswith("Lane"))
    assert len(report.lanes) == 2 * len(seeds)
