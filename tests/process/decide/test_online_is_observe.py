"""A history sent through a real lane, payment by payment and label by label, gives the vectors that `observe` gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from support.database import Database
from support.labelled import labelled_history
from support.lanes import (
    CNY,
    POLICY,
    command,
    next_lane,
    open_accounts,
    policy_toml,
    run,
    settings_for,
    start_lane,
)

from penstock.contracts.commands import Flag, Kind
from penstock.contracts.features import BY_NAME, FEATURES
from penstock.contracts.states import State
from penstock.improve.history.columns import FRAUD, History
from penstock.improve.observing.events import events_of
from penstock.improve.observing.observing import observe
from penstock.journal import reader
from penstock.process.lane import Lane
from penstock.state.behaviour.events import ATTEMPT

MATURITY_DAYS: Final = 3
#: From the town's first Monday to the first after the lane's start: hours and weekdays stay what they are.
_LATER_US: Final = 52 * 7 * 86_400_000_000
_HASHED: Final = ("instrument", "device", "network", "place", "category")


def moved(history: History) -> History:
    """The same after the lane's start; amounts within its limits."""
    return replace(
        history, time_us=history.time_us + _LATER_US, known_us=history.known_us + _LATER_US,
        amount_minor=history.amount_minor // 100 + 1,
    )  # fmt: skip


def send(lane: Lane, history: History, accounts: list[int]) -> None:
    """Send the payments and labels of a history, each when it happened."""
    events, _ = events_of(history)
    origins: dict[int, int] = {}  # time of a payment → its sequence
    for number, event in enumerate(events, 1):
        now = int(event["time_us"])
        if event["kind"] == ATTEMPT:
            (paid,) = run(lane, [pay(event, number, now, accounts)], now)
            origins[now] = int(paid["ref_seq"])
        else:
            origin = origins[int(event["paid_us"])]
            label = command(Kind.LABEL, number, now, ref_seq=origin, option=int(event["option"]))
            (told,) = run(lane, [label], now)
            assert told["state"] == State.DONE


def pay(event: Any, number: int, now: int, accounts: list[int]) -> NDArray[Any]:
    """The command of an attempt."""
    fields = {name: event[name] for name in (*_HASHED, "amount_minor", "channel", "payment_type", "extras_given")}
    fields |= {name: event[name] for name in ("extra_1", "extra_2", "extra_3", "extra_4", "latitude_e4", "longitude_e4")}
    return command(
        Kind.PAY, number, now, payer_account=accounts[event["payer"] - 1], payee_account=accounts[event["payee"] - 1],
        currency=CNY, flags=Flag.LOCATED if event["located"] else 0, **fields,
    )  # fmt: skip


def test_online_is_observe(database: Database, home: Path) -> None:
    history = moved(labelled_history(4, 90, days=14, maturity_days=MATURITY_DAYS, fraud_share=0.2, unlabelled_share=0.0,
                                     mean_label_delay_days=1.0))  # fmt: skip
    (home / "policy.toml").write_text(policy_toml(msgspec.structs.replace(POLICY, label_maturity_s=MATURITY_DAYS * 86_400)), "utf-8")
    lane = start_lane(database, settings_for(home, next_lane(), clock_jump_s=30 * 86_400.0))
    accounts = open_accounts(lane, len(history.names["payer"]), 400)  # too little for some
    assert 0 not in accounts
    send(lane, history, accounts)
    rows = np.concatenate(list(reader.read_rows(lane.writer.connection, lane.settings.lane, 0, lane.last_seq, 1_000)))
    paid = rows[rows["kind"] == Kind.PAY]
    lane.writer.close()
    assert len(paid) == len(history)
    online = paid["features"].view(np.float16)
    expected = observe(replace(history, failed=paid["state"] == State.DECLINED))
    wrong = [
        (place, FEATURES[slot].name, float(expected[place, slot]), float(online[place, slot]))
        for place, slot in np.argwhere(online != expected)
    ]
    assert wrong == []
    for name in ("payee.fraud_share", "payer.genuine", "payer.speed", "payer.failed", "payer_device.seen"):
        assert (online[:, BY_NAME[name].slot] > 0).any(), f"{name} is tried"
    assert np.count_nonzero(history.label == FRAUD) > 10
