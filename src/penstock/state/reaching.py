"""Reaching ahead: asking for the money's records that the next commands or rows will need, before they are needed. Kernels.

The lane's tables are far larger than a processor's caches, and each payment needs a dozen places in them. One
payment after another would wait for each; asked for several at once, the waits overlap. Nothing is changed, and
nothing depends on it. The behaviour's records are reached in ``state/behaviour/reaching.py``.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.kit.kernels import kernel
from penstock.kit.prefetch import prefetch
from penstock.state import layout as at
from penstock.state.recent import id_hash

#: Records (commands or rows) whose memory is asked for together.
AHEAD: Final = 16
_LINE: Final = 8  # int64 in a line of the cache


@kernel
def reach_ids(state: Any, records: Any, first: int) -> None:
    """Ask for the places where the ids of the records from ``first`` on lie or will lie."""
    for i in range(first, min(first + AHEAD, records.shape[0])):
        record = records[i]
        place_hash = id_hash(state, record["client"], record["id_hi"], record["id_lo"])
        for generation in range(at.GENERATIONS):
            if state.generations[generation, at.GENERATION_PARTITION] != 0:
                table = state.ids[generation]
                prefetch(table, place_hash & (table.shape[0] - 1), 0)


@kernel
def reach_money(state: Any, records: Any, first: int) -> None:
    """Ask for accounts, customers and purses of the records from ``first`` on, which may name accounts that do not exist."""
    last = min(first + AHEAD, records.shape[0])
    for i in range(first, last):
        _reach_account(state, records[i]["payer_account"])
        _reach_account(state, records[i]["payee_account"])
    for i in range(first, last):
        account = state.accounts[_known(state, records[i]["payer_account"])]
        prefetch(state.customers, account[at.ACCOUNT_CUSTOMER], 0)
        for column in range(0, at.PURSE_WIDTH, _LINE):
            prefetch(state.purses, account[at.ACCOUNT_PURSE], column)


@kernel
def _reach_account(state: Any, account: int) -> None:
    for column in range(0, at.ACCOUNT_WIDTH, _LINE):
        prefetch(state.accounts, _known(state, account), column)


@kernel
def _known(state: Any, account: int) -> int:
    return account if 0 < account <= state.scalars[0, at.ACCOUNTS] else 0
