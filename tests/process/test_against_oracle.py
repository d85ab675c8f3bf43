"""Hypothesis drives random commands, repeats and all, through the lane and the oracle, cut into batches anywhere.

Then the same commands go through a second lane in other batches, and both lanes are recovered from
scratch and from a checkpoint: same outcomes, same balances, byte-identical state.
"""

from __future__ import annotations

import os
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from numpy.typing import NDArray
from support.database import Database
from support.lanes import (
    CLIENT,
    CNY,
    POLICY,
    START_US,
    command,
    image,
    next_lane,
    settings_for,
    start_lane,
)
from support.oracle import Oracle, Outcome

from penstock.contracts.commands import Flag, Kind, PaymentType, Status
from penstock.process.lane import Lane
from penstock.state import layout as at
from penstock.state.checkpoint import Checkpointer

_MINUTE = 60_000_000
_accounts = st.integers(14, 26)
_amounts = st.sampled_from([1, 2, 7, 33, 100, 499, 1_000, 2_000, 2_001, 3_000, 8_000])
_ages_us = st.sampled_from([0, 0, 0, 0, 3_000_000, 86_000_000_000, 86_500_000_000, -4_000_000, -6_000_000])

_pay = st.fixed_dictionaries(
    {
        "kind": st.just(Kind.PAY),
        "payer_account": _accounts,
        "payee_account": _accounts,
        "amount_minor": _amounts,
        "currency": st.sampled_from([CNY, CNY, CNY, CNY, 840]),
        "payment_type": st.sampled_from([PaymentType.TRANSFER, PaymentType.PURCHASE, PaymentType.BILL]),
        "flags": st.sampled_from([0, Flag.HOLD_ONLY, Flag.HOLD_ONLY]),
        "lifetime_us": st.sampled_from([0, 0, 1_000_000, 20 * _MINUTE, 86_400_000_000]),
    }
)
_follow_up = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([Kind.CLEAR, Kind.CLEAR, Kind.RELEASE, Kind.CANCEL]),
        "ref_seq": st.integers(1, 90),
        "amount_minor": st.sampled_from([0, 0, 1, 7, 33, 60, 5_000]),
        "flags": st.sampled_from([0, Flag.RELEASE_REST]),
    }
)
_money = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([Kind.DEPOSIT, Kind.WITHDRAW]),
        "payer_account": _accounts,
        "payee_account": _accounts,
        "amount_minor": _amounts,
        "currency": st.sampled_from([CNY, CNY, CNY, 840]),
    }
)
_opening = st.one_of(
    st.fixed_dictionaries({"kind": st.just(Kind.OPEN_CUSTOMER), "tier": st.sampled_from([0, 1, 1, 2])}),
    st.fixed_dictionaries(
        {
            "kind": st.just(Kind.OPEN_ACCOUNT),
            "customer": st.integers(0, 8),
            "currency": st.sampled_from([CNY, CNY, 840, 1]),
        }
    ),
)
_wish = st.tuples(
    st.one_of(_pay, _pay, _follow_up, _money, _opening),
    st.sampled_from([CLIENT] * 12 + [CLIENT + 1]),
    _ages_us,
    st.sampled_from(["new"] * 8 + ["repeat", "conflict"]),
)
_pauses_us = st.sampled_from([1_000, 1_000, 1_000, 500_000, 90_000_000, 280_000_000])


def _command(number: int, wish: tuple[Any, ...], now_us: int, earlier: list[NDArray[Any]]) -> NDArray[Any]:
    fields, client, age_us, how = wish
    if how == "repeat" and earlier:
        return earlier[number % len(earlier)].copy()
    made = command(
        fields["kind"], number, now_us - age_us, client=client, **{k: v for k, v in fields.items() if k != "kind"}
    )
    if fields["kind"] in (Kind.CLEAR, Kind.RELEASE, Kind.CANCEL):
        made["currency"] = 0
    if how == "conflict" and earlier:
        before = earlier[number % len(earlier)]
        made["id_hi"], made["id_lo"], made["client"] = before["id_hi"], before["id_lo"], before["client"]
    return made


def _furnish(number: int = 500_000) -> list[NDArray[Any]]:
    """Two small and two large customers with an account each, one of them with dollars as well; money for all."""
    commands = [command(Kind.OPEN_CUSTOMER, number + i, START_US, tier=i // 2) for i in range(4)]
    owners = [1, 2, 3, 4, 1, 4]
    currencies = [CNY, CNY, CNY, CNY, CNY, 840]
    for i, (owner, currency) in enumerate(zip(owners, currencies, strict=True)):
        commands.append(command(Kind.OPEN_ACCOUNT, number + 10 + i, START_US, customer=owner, currency=currency))
    for i, currency in enumerate(currencies):
        account = {"payee_account": 16 + i, "amount_minor": 9_000, "currency": currency}
        commands.append(command(Kind.DEPOSIT, number + 20 + i, START_US, **account))
    return commands


class Twin:
    """A lane and what it answered."""

    def __init__(self, database: Database, home: Path) -> None:
        self.settings = settings_for(home, next_lane())
        self.database = database
        self.lane: Lane = start_lane(database, self.settings)
        self.outcomes: list[Outcome] = []

    def run(self, commands: list[NDArray[Any]], now_us: int) -> None:
        replies, _ = self.lane.process(np.concatenate(commands), {}, now_us)
        for r in replies:
            known = r["status"] == Status.DONE
            self.outcomes.append(
                Outcome(r["status"], r["state"], r["reason"], r["moved_minor"], r["held_minor"], r["fee_minor"])
                if known
                else Outcome(r["status"], reason=r["reason"])
            )

    def close(self) -> None:
        self.lane.writer.close()

    def recover(self, now_us: int) -> None:
        self.lane.writer.close()
        self.lane = start_lane(self.database, self.settings, now_us)


def _cut(count: int, cuts: list[int]) -> list[tuple[int, int]]:
    places = sorted({0, count, *(cut % (count + 1) for cut in cuts)})
    return list(pairwise(places))


def _checkpoint(twin: Twin) -> None:
    """A checkpoint caught piece by piece, as the lane process does it."""
    checkpointer = Checkpointer(twin.settings.home, twin.settings.lane, 1_024, 2)
    checkpointer.begin(twin.lane.state)
    while checkpointer.running:
        checkpointer.step(twin.lane.state, twin.lane.writer.position.digest)
    checkpointer.wait()
    assert checkpointer.published[0] == twin.lane.last_seq


@settings(
    phases=[Phase.explicit, Phase.generate], max_examples=int(os.environ.get("PENSTOCK_EXAMPLES", "20")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(
    wishes=st.lists(_wish, min_size=1, max_size=60),
    pauses_us=st.lists(_pauses_us, min_size=6, max_size=6),
    cuts=st.lists(st.integers(0, 100), max_size=6),
    checkpoint_after=st.integers(0, 6),
)
def test_lane_agrees_with_the_oracle_however_batches_are_cut(
    database: Database, home: Path, wishes: list[Any], pauses_us: list[int], cuts: list[int], checkpoint_after: int
) -> None:
    with closing(Twin(database, home)) as one, closing(Twin(database, home)) as other:
        _compare(one, other, wishes, pauses_us, cuts, checkpoint_after)


def _compare(
    one: Twin, other: Twin, wishes: list[Any], pauses_us: list[int], cuts: list[int], checkpoint_after: int
) -> None:
    oracle = Oracle(POLICY, customers_max=64, accounts_max=96, holds_max=12, holds_per_account=5)
    furniture = _furnish()
    expected = [oracle.tell(c[0], START_US) for c in furniture]
    one.run(furniture, START_US)
    other.run(furniture, START_US)
    now_us = START_US + 1_000_000
    commands: list[NDArray[Any]] = []
    for number, (first, last) in enumerate(_cut(len(wishes), cuts)):
        now_us += pauses_us[number % len(pauses_us)]
        batch: list[NDArray[Any]] = []
        for place in range(first, last):
            batch.append(_command(place + 1, wishes[place], now_us, [*commands, *batch]))
        expected += [oracle.tell(c[0], now_us + i) for i, c in enumerate(batch)]
        one.run(batch, now_us)
        for i, c in enumerate(batch):
            other.run([c], now_us + i)
        if number == checkpoint_after:
            _checkpoint(one)
        commands += batch
    assert one.outcomes == expected
    assert other.outcomes == expected
    accounts = one.lane.state.accounts
    for number, account in enumerate(oracle.accounts):
        assert (accounts[number, at.AVAILABLE], accounts[number, at.HELD]) == (account.available, account.held)
    before = image(one.lane.state)
    assert image(other.lane.state) == before
    one.recover(now_us)
    other.recover(now_us)
    assert image(one.lane.state) == before
    assert image(other.lane.state) == before
