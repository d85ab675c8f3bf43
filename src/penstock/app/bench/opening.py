"""Open many accounts with money, quickly: as an edge would, through the lane's ring.

What HTTP and JSON would cost is spared, and nothing else: each customer, account and deposit is a command that
the lane decides and records like any other, so the journal is a whole one and ``penstock verify`` checks it.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.app import local, wiring
from penstock.app.bench.payments import Bytes, command_ids
from penstock.contracts import ids as public
from penstock.contracts.commands import COMMAND, REPLY, Kind, Status
from penstock.contracts.ids import PublicIds
from penstock.contracts.money import BY_CODE
from penstock.contracts.policy import Policy
from penstock.kit.client import NoAnswer
from penstock.kit.ring import LaneAway, RingClient
from penstock.kit.settings import Settings

_CHUNK: Final = 40_000
_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.05
_TIER: Final = "merchant"
_CURRENCY: Final = BY_CODE["CNY"].numeric
#: What each account begins with: 5,000,000,000.00, so that the most popular payer can pay for ten minutes.
FUNDS_MINOR: Final = 500_000_000_000
_REMEDY: Final = "give the home room with PENSTOCK_CUSTOMERS_MAX and _ACCOUNTS_MAX"


def open_accounts(
    settings: Settings, policy: Policy, client: int, accounts: int, seed: int, report: Callable[[str, int, int], None]
) -> Bytes:
    """Open customers with one account each; the accounts' public ids as letters (accounts, 17).

    :param client: whose customers they are: the number of an API client.
    :raises NoAnswer: when the lane refuses one, or does not answer.
    """
    opener = _Opener(settings, client, policy.tiers.index(_TIER), np.random.default_rng([seed, accounts]))
    opened = np.empty(accounts, np.int64)
    try:
        for first in range(0, accounts, _CHUNK):
            piece = opened[first : first + _CHUNK]
            piece[:] = opener.open(len(piece))
            report("opening accounts", first + len(piece), accounts)
    finally:
        opener.close()
    ids = PublicIds(wiring.secrets(settings).public_id_key())
    return ids.encode_column(public.Kind.ACCOUNT, opened)


class _Opener:
    """One connection to the lane."""

    def __init__(self, settings: Settings, client: int, tier: int, chance: np.random.Generator) -> None:
        self._client, self._tier, self._chance = client, tier, chance
        self._ring = RingClient.connect(
            wiring.lane_socket(settings), slots=settings.ring_slots, payload_bytes=settings.payload_bytes,
            command=COMMAND, reply=REPLY,
        )  # fmt: skip

    def open(self, count: int) -> NDArray[np.int64]:
        """Open so many accounts; their indices (count,)."""
        customers = self._carry_out(self._commands(Kind.OPEN_CUSTOMER, count, tier=self._tier))["customer"]
        wanted = self._commands(Kind.OPEN_ACCOUNT, count, customer=customers, currency=_CURRENCY)
        opened: NDArray[np.int64] = self._carry_out(wanted)["payee_account"]
        deposits = {"payee_account": opened, "amount_minor": FUNDS_MINOR, "currency": _CURRENCY}
        self._carry_out(self._commands(Kind.DEPOSIT, count, **deposits))
        return opened

    def close(self) -> None:
        """Leave the lane."""
        self._ring.close()

    def _commands(self, kind: Kind, count: int, **fields: Any) -> NDArray[Any]:
        commands = np.zeros(count, COMMAND)
        halves = command_ids(count, local.now_ms(), self._chance).view(">i8")
        commands["token"] = np.arange(count)
        commands["id_hi"], commands["id_lo"] = halves[:, 0], halves[:, 1]
        commands["client"], commands["kind"] = self._client, kind
        for name, value in fields.items():
            commands[name] = value
        return commands

    def _carry_out(self, commands: NDArray[Any]) -> NDArray[Any]:
        """Send commands; their replies in the same order."""
        replies = np.zeros(len(commands), REPLY)
        sent = heard = 0
        deadline_s = time.monotonic() + _PATIENCE_S
        try:
            while heard < len(commands):
                sent += self._ring.send(commands[sent:])
                got = self._hear()
                replies[got["token"]] = got
                heard += len(got)
                if len(got):
                    deadline_s = time.monotonic() + _PATIENCE_S
                elif time.monotonic() > deadline_s:
                    raise NoAnswer(f"opening accounts: the lane has not answered for {_PATIENCE_S:.0f} s; see its log")
        except LaneAway as error:
            raise NoAnswer(f"opening accounts: {error}; see the lane's log") from error
        _demand(replies)
        return replies

    def _hear(self) -> NDArray[Any]:
        select.select([self._ring.fileno()], [], [], _LOOK_S)
        replies, _ = self._ring.receive()
        return replies


def _demand(replies: NDArray[Any]) -> None:
    """Every command must have taken effect."""
    bad = (replies["status"] != Status.DONE) | (replies["reason"] != 0)
    if bad.any():
        first = replies[bad.argmax()]
        raise NoAnswer(f"opening accounts: status {first['status']}, reason {first['reason']} (docs/reasons.md); {_REMEDY}")
