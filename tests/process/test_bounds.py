"""What an edge must have refused stops the lane, and names what it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.lanes import CNY, START_US, command

from penstock.contracts.commands import NEVER_US, Kind, Option
from penstock.contracts.money import MAX_AMOUNT_MINOR
from penstock.process.bounds import check_bounds

_FINE: dict[str, Any] = {"payer_account": 1, "payee_account": 2, "amount_minor": 5, "currency": CNY}


def _commands(of: Kind, **fields: Any) -> Any:
    """A good payment, then the command in question, then another good one."""
    good = [command(Kind.PAY, number, START_US, **_FINE) for number in (1, 3)]
    return np.concatenate([good[0], _with(command(of, 2, START_US), {**_FINE, **fields}), good[1]])


def _with(record: Any, fields: dict[str, Any]) -> Any:
    for name, value in fields.items():
        record[name] = value
    return record


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Kind.PAY, {"amount_minor": MAX_AMOUNT_MINOR, "client": (1 << 22) - 1, "lifetime_us": 366 * 86_400_000_000}),
        (Kind.PAY, {"latitude_e4": -900_000, "longitude_e4": 1_800_000, "option": 1_234, "device": 2**63 - 1}),
        (Kind.CLEAR, {"amount_minor": 0}),
        (Kind.SET_ACCOUNT, {"amount_minor": 0, "option": Option.CLOSE, "until_us": NEVER_US}),
        (Kind.SET_APPROVALS, {"amount_minor": 0, "option": Option.APPROVALS}),
    ],
)
def test_the_bounds_themselves_are_within(kind: Kind, fields: dict[str, Any]) -> None:
    check_bounds(_commands(kind, **fields))
    check_bounds(_commands(kind, **fields)[:0])


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (Kind.EXPIRE, {}, "what only the lane makes"),
        (Kind.PUBLISH, {}, "what only the lane makes"),
        (Kind.PAY, {"kind": 0}, "what only the lane makes"),
        (Kind.PAY, {"kind": max(Kind) + 1}, "what only the lane makes"),
        (Kind.PAY, {"kind": -1}, "what only the lane makes"),
        (Kind.PAY, {"amount_minor": 0}, "an amount"),
        (Kind.CLEAR, {"amount_minor": -1}, "an amount"),
        (Kind.DEPOSIT, {"amount_minor": MAX_AMOUNT_MINOR + 1}, "an amount"),
        (Kind.PAY, {"lifetime_us": -1}, "a lifetime"),
        (Kind.PAY, {"lifetime_us": 366 * 86_400_000_000 + 1}, "a lifetime"),
        (Kind.PAY, {"client": 0}, "a client"),
        (Kind.PAY, {"client": 1 << 22}, "a client"),
        (Kind.SET_ACCOUNT, {"from_us": -1, "option": Option.CLOSE}, "a time"),
        (Kind.SET_ACCOUNT, {"until_us": NEVER_US + 1, "option": Option.CLOSE}, "a time"),
        *((Kind.PAY, {name: -1}, "a hash") for name in ("instrument", "device", "network", "place", "category")),
        (Kind.PAY, {"latitude_e4": 900_001}, "a place on Earth"),
        (Kind.PAY, {"latitude_e4": -(2**31)}, "a place on Earth"),
        (Kind.PAY, {"longitude_e4": -1_800_001}, "a place on Earth"),
        (Kind.SET_ACCOUNT, {"option": Option.FREEZE_DEBIT - 1}, "an option"),
        (Kind.SET_CUSTOMER, {"option": Option.LIMIT_YEAR_COUNT + 1}, "an option"),
        (Kind.PUBLISH_MODEL, {"option": 0}, "an option"),
    ],
)
def test_what_is_out_of_bounds_is_named(kind: Kind, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(AssertionError, match=f"an edge sent {words}"):
        check_bounds(_commands(kind, **fields))
