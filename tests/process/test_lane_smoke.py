"""The lane's path on a real journal: open, deposit, pay, hold, clear, release, refuse, repeat, recover."""

from __future__ import annotations

from pathlib import Path

from support.database import Database
from support.lanes import CNY, START_US, command, image, next_lane, open_accounts, run, settings_for, start_lane

from penstock.contracts.commands import Flag, Kind, Status
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.state import layout as at


def test_a_payment_moves_money_and_survives(database: Database, home: Path) -> None:
    settings = settings_for(home, next_lane())
    lane = start_lane(database, settings)
    payer, payee = open_accounts(lane, 2, 10_000)
    t = START_US + 5_000_000
    pay = command(Kind.PAY, 1, t, payer_account=payer, payee_account=payee, amount_minor=700, currency=CNY)
    (paid,) = run(lane, [pay], t)
    assert (paid["status"], paid["state"], paid["moved_minor"]) == (Status.DONE, State.CLEARED, 700)
    (again,) = run(lane, [pay], t)
    assert (again["status"], again["seq"]) == (Status.REPLAYED, paid["seq"])
    hold = command(
        Kind.PAY, 2, t, payer_account=payer, payee_account=payee, amount_minor=300, currency=CNY, flags=Flag.HOLD_ONLY
    )
    (held,) = run(lane, [hold], t)
    assert (held["state"], held["held_minor"]) == (State.HELD, 300)
    (part,) = run(lane, [command(Kind.CLEAR, 3, t, ref_seq=held["ref_seq"], amount_minor=100)], t)
    assert (part["state"], part["moved_minor"], part["held_minor"]) == (State.HELD, 100, -100)
    (gone,) = run(lane, [command(Kind.RELEASE, 4, t, ref_seq=held["ref_seq"])], t)
    assert (gone["state"], gone["held_minor"]) == (State.CLEARED, -200)
    (late,) = run(lane, [command(Kind.CLEAR, 5, t, ref_seq=held["ref_seq"])], t)
    assert (late["state"], late["reason"]) == (State.DECLINED, Reason.PAYMENT_CLEARED)
    assert lane.state.accounts[[payer, payee], at.AVAILABLE].tolist() == [9_200, 10_800]
    before = image(lane.state)
    lane.writer.close()
    again_lane = start_lane(database, settings, t)
    assert image(again_lane.state) == before
    again_lane.writer.close()
