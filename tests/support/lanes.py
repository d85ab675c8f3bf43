"""A lane in the test's own process, on the test's database."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.app.lane_start import open_lane
from penstock.contracts.commands import COMMAND, Kind, PaymentType
from penstock.contracts.ids import make_uuid7, split_uuid
from penstock.contracts.policy import FeeRule, LimitRule, Policy
from penstock.journal import closing, partitions, reader
from penstock.journal.gathering import Gathering
from penstock.kit.settings import Settings
from penstock.process.lane import Lane
from penstock.state.tables import State
from support.database import PARTITION_ROWS, Database

HASH_KEY = 0x1234_5678_9ABC
#: 2026-03-01 00:00 UTC
START_US = 1_772_323_200_000_000
CLIENT = 7
CNY = 156

#: Narrow limits and odd fees, so that short sequences reach them.
POLICY = Policy(
    name="test",
    time_zone="Asia/Shanghai",
    tiers=("small", "large"),
    hold_lifetime_s=600,
    limits=(
        LimitRule("small", "any", "CNY", day_amount=9_000, month_amount=30_000, year_amount=60_000),
        LimitRule("small", "transfer", "CNY", single=2_000, day_amount=5_000, day_count=6),
        LimitRule("small", "withdrawal", "CNY", single=2_000, month_count=8),
        LimitRule("small", "purchase", "CNY", single=3_000, month_amount=20_000, year_count=20),
        LimitRule("large", "transfer", "CNY"),
        LimitRule("large", "transfer", "USD"),
        LimitRule("large", "purchase", "CNY"),
        LimitRule("large", "withdrawal", "CNY"),
    ),
    fees=(FeeRule("purchase", "CNY", fixed=3, basis_points=125, most=40), FeeRule("withdrawal", "CNY", fixed=7)),
)

_lanes = itertools.count(1)


def next_lane() -> int:
    """A lane number that no test has used in this process."""
    return next(_lanes)


def settings_for(home: Path, lane: int, **changes: Any) -> Settings:
    """Small tables, and the test's policy."""
    file = home / "policy.toml"
    if not file.exists():
        file.write_text(policy_toml(POLICY), "utf-8")
    small = Settings(
        home=home, lane=lane, policy_file=str(file), customers_max=64, accounts_max=96, holds_max=12, holds_per_account=5,
        partition_rows=PARTITION_ROWS, batch_rows=64, expiries_per_batch=4, commit_retry_s=5.0, entities_max=256,
        pairs_max=512, labels_max=32,
    )  # fmt: skip
    return replace(small, **changes)


def policy_toml(policy: Policy) -> str:
    """Write a policy as its author would."""
    numbers = (
        "hold_lifetime_s", "reviews_per_hour", "review_approval_above", "ordinary_s", "next_day_s", "challenge_factors",
        "label_maturity_s",
    )  # fmt: skip
    texts = ("name", "time_zone", "review_overflow", "without_score")
    lines = [f'{name} = "{getattr(policy, name)}"' for name in texts]
    lines += [f"{name} = {getattr(policy, name)}" for name in numbers]
    lines.append("tiers = [" + ", ".join(f'"{tier}"' for tier in policy.tiers) + "]")
    for table in ("limits", "fees", "reviews", "risk"):
        for rule in getattr(policy, table):
            lines.append(f"[[{table}]]")
            values = {name: getattr(rule, name) for name in rule.__struct_fields__}
            lines += [
                f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}"
                for name, value in values.items()
                if value is not None
            ]
    return "\n".join(lines) + "\n"


def start_lane(database: Database, settings: Settings, now_us: int = START_US) -> Lane:
    """Attach the lane's partitions if need be, and open it."""
    with database.connect("penstock_keeper") as connection:
        partitions.ensure_ahead(connection, settings.lane, 0, settings.partition_rows, 3)
    return open_lane(settings, database.dsn("penstock_lane"), HASH_KEY, now_us)


def command(kind: Kind, number: int, time_us: int, **fields: Any) -> NDArray[Any]:
    """One command (1,) with the ``number``-th id of its time."""
    record = np.zeros(1, COMMAND)
    record["kind"], record["client"], record["token"] = kind, CLIENT, number
    record["id_hi"], record["id_lo"] = command_id(number, time_us)
    if kind == Kind.PAY:
        record["payment_type"] = PaymentType.TRANSFER
    for name, value in fields.items():
        record[name] = value
    return record


def command_id(number: int, time_us: int) -> tuple[int, int]:
    """The two halves of the ``number``-th id of a time."""
    return split_uuid(make_uuid7(time_us // 1000, number.to_bytes(10, "big")))


def command_uuid(record: NDArray[Any]) -> uuid.UUID:
    """The id of a command or row."""
    hi, lo = int(record["id_hi"]), int(record["id_lo"])
    return uuid.UUID(int=(hi % 2**64) << 64 | lo % 2**64)


def run(
    lane: Lane, commands: Sequence[NDArray[Any]], now_us: int, payloads: dict[int, bytes] | None = None
) -> NDArray[Any]:
    """Take commands through a lane in one call; their replies."""
    replies, _ = lane.process(np.concatenate(list(commands)), payloads or {}, now_us)
    return replies


def open_accounts(
    lane: Lane, count: int, deposit: int, now_us: int = START_US, tier: int = 1, currency: int = CNY
) -> list[int]:
    """Open customers of a tier with one account each, with money; their account numbers."""
    base = 1_000_000 + lane.last_seq * 1_000
    customers = run(lane, [command(Kind.OPEN_CUSTOMER, base + i, now_us, tier=tier) for i in range(count)], now_us)
    accounts = run(
        lane,
        [
            command(Kind.OPEN_ACCOUNT, base + count + i, now_us, customer=customer, currency=currency)
            for i, customer in enumerate(customers["customer"])
        ],
        now_us,
    )["payee_account"].tolist()
    if deposit:
        run(
            lane,
            [
                command(
                    Kind.DEPOSIT, base + 2 * count + i, now_us, payee_account=a, amount_minor=deposit, currency=currency
                )
                for i, a in enumerate(accounts)
            ],
            now_us,
        )
    return accounts


def close_partitions(database: Database, lane: Lane) -> None:
    """Give every full partition its index, as the keeper does, and let the lane forget it."""
    number, rows = lane.settings.lane, lane.settings.partition_rows
    with database.connect("penstock_keeper", autocommit=True) as connection:
        closing.close_and_index(connection, Gathering(number), lane.last_seq)
    with database.connect("penstock_keeper") as connection:
        partitions.ensure_ahead(connection, number, lane.last_seq, rows, 3)
    lane.learn_partitions(reader.read_partitions(lane.writer.connection, number))


def image(state: State) -> dict[str, bytes]:
    """The state's bytes, without what is derived."""
    derived = {"hold_index", "expiry", "expiry_place", "hash_key"}
    return {name: getattr(state, name).tobytes() for name in state._fields if name not in derived}
