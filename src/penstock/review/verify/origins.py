"""Cleared payments are not kept in memory: the first give-back of one fetches it from the journal.

Which payments are cleared is known of every row (see ``refusals``); what was cleared is in the row that
ended the payment so, and that row is the one that the give-back must name as the one before it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import Kind, PaymentType
from penstock.contracts.money import MAX_AMOUNT_MINOR
from penstock.contracts.states import State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.read import Reader
from penstock.review.verify.steps import COLUMNS, Kept

_BEGINS: Final = (Kind.PAY, Kind.DEPOSIT, Kind.WITHDRAW)
_FETCHED: Final = (
    "seq", "payer_account", "payee_account", "purse", "client", "payment_type", "currency", "limit_day", "amount_minor",
    "flags", "kind", "state", "ref_seq", "left_minor",
)  # fmt: skip


class Origins:
    """Fetches payments of one lane."""

    def __init__(self, lane: int, reader: Reader, findings: Findings) -> None:
        self._lane = lane
        self._reader = reader
        self._findings = findings

    def fetch(self, rows: Rows, place: IntArray) -> Kept:
        """The payments of the give-backs at ``place``, each the first of its payment, in order of the payment."""
        refs, previous = rows["ref_seq"][place], rows["ref_prev_seq"][place]
        found = self._rows_at(np.concatenate((refs, previous)))
        origin, last = _at(found, refs), _at(found, previous)
        begins = (origin["seq"] == refs) & np.isin(origin["kind"], _BEGINS)
        ends = (last["seq"] == previous) & (last["state"] == State.CLEARED)
        ends &= (previous < rows["seq"][place]) & ((previous == refs) | (last["ref_seq"] == refs))
        self._findings.mark(
            "links", begins & ~ends, rows["seq"][place],
            "Row {seq} says that {found} is the row before it in its payment {expected}; it is not the one that cleared it.",
            expected=refs, found=previous,
        )  # fmt: skip
        kept = _kept(origin, last)
        kept["left_minor"][~ends] = 0
        return {name: column[begins] for name, column in kept.items()}

    def _rows_at(self, seqs: IntArray) -> dict[str, IntArray]:
        parts = list(self._reader.rows_at(self._lane, seqs.tolist()))
        return {name: np.concatenate([np.zeros(1, np.int64), *(part[name] for part in parts)]) for name in _FETCHED}


def is_fetchable(states: IntArray) -> BoolArray:
    """Whether payments in these states may be given back at all."""
    cleared: BoolArray = states == State.CLEARED
    return cleared


def _at(found: dict[str, IntArray], seqs: IntArray) -> dict[str, IntArray]:
    """The rows of some sequences; the row of zeros in front where there is none."""
    at = np.minimum(np.searchsorted(found["seq"], seqs), len(found["seq"]) - 1)
    at = np.where(found["seq"][at] == seqs, at, 0)
    return {name: column[at] for name, column in found.items()}


def _kept(origin: dict[str, IntArray], last: dict[str, IntArray]) -> Kept:
    renamed = {
        "origin_seq": origin["seq"], "payer": origin["payer_account"], "payee": origin["payee_account"],
        "currency_slot": slots_of(origin["currency"]), "last_seq": last["seq"], "state": last["state"],
        "left_minor": np.clip(last["left_minor"], 0, MAX_AMOUNT_MINOR), "given": np.ones(len(origin["seq"]), np.int64),
        "amount_minor": np.clip(origin["amount_minor"], 0, MAX_AMOUNT_MINOR),
        "payment_type": np.clip(origin["payment_type"], 0, max(PaymentType)),
    }  # fmt: skip
    nothing = np.zeros(len(origin["seq"]), dtype=np.int64)
    return {name: renamed.get(name, origin.get(name, nothing)).copy() for name in COLUMNS}
