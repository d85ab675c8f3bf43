"""The lane's own rows: the system accounts of a new journal, and the policy in force."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Kind
from penstock.contracts.ids import lane_command_id
from penstock.contracts.money import CURRENCIES
from penstock.contracts.policy import BadPolicy, Policy
from penstock.contracts.row import ROW
from penstock.contracts.states import State

_ACCOUNTS_PER_CURRENCY = 3  # settlement, fees, suspense: see docs/journal-format.md


def publish_row(policy: Policy, version: int, lane: int, seq: int, time_us: int, day: int) -> NDArray[Any]:
    """The row (1,) that puts a policy in force; its side record is the policy's canonical bytes."""
    row = _own_rows(1, lane, seq, time_us, day, version)
    row["kind"] = Kind.PUBLISH
    row["side_hash"][0] = np.frombuffer(hashlib.sha256(policy.canonical()).digest(), "<i8")
    return row


def system_account_rows(lane: int, seq: int, time_us: int, day: int, policy_version: int) -> NDArray[Any]:
    """The rows that open the system's own accounts, numbered from 1."""
    count = _ACCOUNTS_PER_CURRENCY * len(CURRENCIES)
    rows = _own_rows(count, lane, seq, time_us, day, policy_version)
    rows["kind"] = Kind.OPEN_ACCOUNT
    rows["payee_account"] = np.arange(1, count + 1)
    rows["currency"] = np.repeat([c.numeric for c in CURRENCIES], _ACCOUNTS_PER_CURRENCY)
    return rows


def check_successor(before: Policy, after: Policy) -> None:
    """Customers carry the number of their tier, so a policy may add tiers at the end only; the maturity of labels stays.

    :raises BadPolicy: when it does otherwise.
    """
    if after.tiers[: len(before.tiers)] != before.tiers:
        raise BadPolicy(f"tiers: must begin with {', '.join(before.tiers)}; add new tiers at the end")
    if after.label_maturity_s != before.label_maturity_s:
        raise BadPolicy(f"label_maturity_s: must stay {before.label_maturity_s}; what waits for its maturity counts by it")


def _own_rows(count: int, lane: int, seq: int, time_us: int, day: int, policy_version: int) -> NDArray[Any]:
    rows = np.zeros(count, ROW)
    rows["lane"] = lane
    rows["seq"] = np.arange(seq, seq + count)
    rows["time_us"] = time_us
    rows["business_day"] = day
    rows["policy_version"] = policy_version
    rows["state"] = State.DONE
    for row in rows:
        row["id_hi"], row["id_lo"] = lane_command_id(int(row["seq"]))
    return rows
