"""While one batch becomes durable the next is decided: nobody hears of either before it is there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.cutting import lane_through_proxy
from support.database import Database
from support.lanes import CNY, START_US, command, image, next_lane, open_accounts, settings_for, start_lane

from penstock.contracts.commands import Kind, Query, Status
from penstock.journal.writer import Fenced
from penstock.process.lane import Lane

_T = START_US + 5_000_000


def _pay(number: int, payer: int, payee: int) -> NDArray[Any]:
    return command(Kind.PAY, number, _T, payer_account=payer, payee_account=payee, amount_minor=5, currency=CNY)


def _held_back(lane: Lane) -> threading.Event:
    """Hold the committing thread back until the event is set."""
    gate = threading.Event()
    lane.committer.soon(lambda: gate.wait(30))
    return gate


def test_the_second_batch_is_decided_on_what_the_first_one_did_and_both_wait_for_their_commits(
    database: Database, home: Path
) -> None:
    lane = start_lane(database, settings_for(home, next_lane()))
    payer, payee = open_accounts(lane, 2, 10, _T)
    before = lane.last_seq
    gate = _held_back(lane)
    first = lane.begin(_pay(1, payer, payee), {}, _T)
    second = lane.begin(np.concatenate([_pay(2, payer, payee), _pay(3, payer, payee)]), {}, _T)
    asked = lane.begin(command(Query.ACCOUNT, 4, _T, ref_seq=payer), {}, _T)  # type: ignore[arg-type] - the same record
    assert not any(answers.durable.done() for answers in (first, second, asked))
    with database.connect() as connection:
        assert connection.execute("SELECT last_seq FROM lane WHERE lane = %s", [lane.settings.lane]).fetchone() == (before,)
    gate.set()
    replies = np.concatenate([first.wait()[0], second.wait()[0]])
    assert replies["reason"].tolist()[:2] == [0, 0]
    assert replies["reason"][2] != 0, "the first two took all there was"
    found, payloads = asked.wait()
    assert found[0]["status"] == Status.ANSWERED
    assert found[0]["as_of_seq"] == before + 3
    assert np.frombuffer(payloads[0], "<i8")[0] == 0
    lane.writer.close()


def test_a_look_up_waits_for_the_rows_that_are_on_their_way(database: Database, home: Path) -> None:
    lane = start_lane(database, settings_for(home, next_lane()))
    payer, payee = open_accounts(lane, 2, 100, _T)
    gate = _held_back(lane)
    paid = lane.begin(_pay(1, payer, payee), {}, _T)
    threading.Timer(0.2, gate.set).start()
    refund = command(Kind.REFUND, 2, _T, ref_seq=int(paid.replies[0]["seq"]), amount_minor=5)
    given_back = lane.begin(refund, {}, _T)  # the payment is cleared: only the journal knows it
    assert given_back.wait()[0]["reason"].tolist() == [0]
    lane.writer.close()


@pytest.mark.parametrize(("count", "steps"), [(1, 6), (65, 10)], ids=["few rows", "many rows"])
@pytest.mark.parametrize("lose_answer", [False, True], ids=["request lost", "answer lost"])
def test_two_batches_are_recorded_once_wherever_the_connection_breaks(
    database: Database, home: Path, lose_answer: bool, count: int, steps: int
) -> None:
    proxy, lane, (payer, payee) = lane_through_proxy(database, home, _T)
    settings = lane.settings
    step, cuts = 0, 0
    while True:
        step += 1
        proxy.arm(step, lose_answer=lose_answer)
        before = lane.last_seq
        pays = [np.concatenate([_pay(100 * (2 * step + place) + number, payer, payee) for number in range(count)]) for place in (0, 1)]
        both = [lane.begin(batch, {}, _T) for batch in pays]
        seqs = np.concatenate([answers.wait()[0]["seq"] for answers in both])
        assert seqs.tolist() == list(range(before + 1, before + 2 * count + 1))
        if proxy.disarm():
            break
        cuts += 1
    assert cuts >= steps, "two commits have more steps than that"
    with database.connect() as connection:
        rows = connection.execute("SELECT count(DISTINCT command_id) FROM journal WHERE lane = %s", [settings.lane]).fetchone()
    assert rows == (lane.last_seq,)
    lane.writer.close()
    again = start_lane(database, settings, _T + 1_000_000)
    again.writer.close()
    assert image(again.state) == image(lane.state)
    proxy.close()


def test_a_fenced_lane_answers_neither_of_two_batches(database: Database, home: Path) -> None:
    settings = settings_for(home, next_lane())
    lane = start_lane(database, settings)
    payer, payee = open_accounts(lane, 2, 1_000)
    gate = _held_back(lane)
    both = [lane.begin(_pay(number, payer, payee), {}, _T) for number in (1, 2)]
    end_seq = lane.writer.position.last_seq
    other = start_lane(database, settings, _T)
    gate.set()
    for answers in both:
        with pytest.raises(Fenced):
            answers.wait()
    assert other.last_seq == end_seq
    for each in (lane, other):
        each.writer.close()
