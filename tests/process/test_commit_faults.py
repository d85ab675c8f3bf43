"""Every step of a commit is lost in turn, or its answer is: the batch is there exactly once, or the lane stops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.cutting import CuttingProxy, lane_through_proxy
from support.database import Database
from support.lanes import (
    CNY,
    HASH_KEY,
    START_US,
    command,
    image,
    next_lane,
    open_accounts,
    run,
    settings_for,
    start_lane,
)

from penstock.app.lane_start import open_lane
from penstock.contracts.commands import Kind, Status
from penstock.journal.writer import DatabaseAway, Fenced

_T = START_US + 5_000_000


@pytest.mark.parametrize(("count", "steps"), [(1, 3), (65, 6)], ids=["few rows", "many rows"])
@pytest.mark.parametrize("lose_answer", [False, True], ids=["request lost", "answer lost"])
def test_a_batch_is_recorded_once_wherever_the_connection_breaks(
    database: Database, home: Path, lose_answer: bool, count: int, steps: int
) -> None:
    proxy, lane, (payer, payee) = lane_through_proxy(database, home, _T)
    settings = lane.settings
    step = 0
    while True:
        step += 1
        pays = np.concatenate([
            command(Kind.PAY, 100 * step + place, _T, payer_account=payer, payee_account=payee, amount_minor=1, currency=CNY)
            for place in range(count)
        ])  # fmt: skip
        pays["payload_bytes"][0] = 13
        before = lane.last_seq
        proxy.arm(step, lose_answer=lose_answer)
        replies, _ = lane.process(pays, {0: b'{"reference":"x"}'}, _T + step)
        never_came = proxy.disarm()
        assert set(replies["status"]) == {Status.DONE}
        assert replies["seq"].tolist() == list(range(before + 1, before + count + 1))
        (again,) = run(lane, [pays[:1]], _T + step)
        assert (again["status"], again["reason"]) == (Status.REFUSED, 10)  # without its reference it is another wish
        with database.connect() as connection:
            rows = connection.execute(
                "SELECT count(*), count(DISTINCT command_id) FROM journal WHERE lane = %s", [settings.lane]
            ).fetchone()
        assert rows == (lane.last_seq, lane.last_seq)
        if never_came:
            break
    assert proxy.cuts == step - 1
    assert proxy.cuts >= steps, "a commit has more steps than that"
    lane.writer.close()
    again_lane = start_lane(database, settings, _T + 1_000_000)
    again_lane.writer.close()
    assert image(again_lane.state) == image(lane.state)
    proxy.close()


def test_a_fenced_lane_writes_nothing_and_answers_nothing(database: Database, home: Path) -> None:
    settings = settings_for(home, next_lane())
    first = start_lane(database, settings)
    payer, payee = open_accounts(first, 2, 1_000)
    second = start_lane(database, settings, _T)
    pay = command(Kind.PAY, 1, _T, payer_account=payer, payee_account=payee, amount_minor=1, currency=CNY)
    (paid,) = run(second, [pay], _T)
    other = command(Kind.PAY, 2, _T, payer_account=payer, payee_account=payee, amount_minor=1, currency=CNY)
    with pytest.raises(Fenced):
        run(first, [other], _T)
    third = start_lane(database, settings, _T)
    with pytest.raises(Fenced):  # neither a repeat nor a question is answered from memory that may be old
        run(second, [pay], _T)
    assert third.last_seq == paid["seq"]
    for lane in (first, second, third):
        lane.writer.close()


def test_a_lane_without_a_database_gives_up_within_its_budget(database: Database, home: Path) -> None:
    settings = settings_for(home, next_lane(), commit_retry_s=0.3)
    start_lane(database, settings).writer.close()
    proxy = CuttingProxy(home, database.dsn("penstock_lane"))
    lane = open_lane(settings, proxy.dsn, HASH_KEY, _T)
    proxy.close()
    (home / ".s.PGSQL.5432").unlink()
    proxy.arm(1, lose_answer=False)
    with pytest.raises(DatabaseAway):
        open_accounts(lane, 1, 0, _T)
    lane.writer.close()
