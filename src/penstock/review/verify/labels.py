"""Labels: each copies the payment that it is about, says what was known before, and is given by who may."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import Flag, Kind, Option
from penstock.contracts.reasons import Reason
from penstock.contracts.states import STARTS, State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.groups import ends_of, order_by, start_places, starts_of
from penstock.review.verify.ranges import HASHES
from penstock.review.verify.read import Reader

_COPIED: Final = ("payer_account", "payee_account", "customer", "purse", "currency", "payment_type")
_FETCHED: Final = ("seq", "kind", "client", "feature_registry", "time_us", *_COPIED, *HASHES)
_OPTIONS: Final = (Option.LABEL_FRAUD, Option.LABEL_GENUINE, Option.LABEL_NONE)
Payments = dict[str, IntArray]


class Labels:
    """Follows the labels of one lane's payments, three numbers for each payment that ever had one."""

    def __init__(self, lane: int, reader: Reader, findings: Findings) -> None:
        self.payments: IntArray = np.zeros(0, dtype=np.int64)  # ascending
        self.options: IntArray = np.zeros(0, dtype=np.int64)
        self.seqs: IntArray = np.zeros(0, dtype=np.int64)
        self._lane = lane
        self._reader = reader
        self._findings = findings

    def feed(self, rows: Rows) -> None:
        """Check the labels among these rows, and learn those that took effect."""
        place = np.flatnonzero(rows["kind"] == Kind.LABEL)
        if not len(place):
            return
        refs, seqs = rows["ref_seq"][place], rows["seq"][place]
        unnamed = (refs == 0) & (rows["reason"][place] == Reason.PAYMENT_UNKNOWN) & (rows["payer_account"][place] == 0)
        inside = (refs > 0) & (refs < seqs)
        payment = self._fetch(np.where(inside, refs, 0))
        known = inside & (payment["seq"] == refs) & np.isin(payment["kind"], STARTS)
        self._findings.mark(
            "labels", ~known & ~unnamed, seqs, "Row {seq} labels row {found}, which begins no payment before it.", found=refs
        )
        order = np.flatnonzero(known)[order_by(refs[known])]
        if len(order):
            self._check(rows, place[order], {name: column[order] for name, column in payment.items()})

    def _fetch(self, seqs: IntArray) -> Payments:
        """The rows at some sequences (k,), zeros where there is none."""
        parts = list(self._reader.rows_at(self._lane, seqs[seqs > 0].tolist()))
        found = {name: np.concatenate([np.zeros(1, np.int64), *(part[name] for part in parts)]) for name in _FETCHED}
        at = np.minimum(np.searchsorted(found["seq"], seqs), len(found["seq"]) - 1)
        at = np.where(found["seq"][at] == seqs, at, 0)
        return {name: column[at] for name, column in found.items()}

    def _check(self, rows: Rows, place: IntArray, payment: Payments) -> None:
        """Check labels (k,), in order of their payments and then of their sequence."""
        done: BoolArray = rows["state"][place] != State.DECLINED
        self._check_owner(rows, place, payment["client"])
        self._check_copies(rows, place, payment, done)
        was = self._was(rows, place, done)
        self._findings.compare("labels", rows, place, "was", np.where(done, was, 0))
        self._check_reasons(rows, place, payment, was, done)
        self._learn(rows, place[done])

    def _check_owner(self, rows: Rows, place: IntArray, owner: IntArray) -> None:
        client = rows["client"][place]
        self._findings.mark(
            "ownership", (rows["flags"][place] & Flag.OPERATES == 0) & (client != owner), rows["seq"][place],
            "Row {seq} of client {found} labels a payment of client {expected}.", expected=owner, found=client,
        )  # fmt: skip

    def _check_copies(self, rows: Rows, place: IntArray, payment: Payments, done: BoolArray) -> None:
        compare = self._findings.compare
        compare("labels", rows, place, "amount_minor", 0)
        for name in (*_COPIED, *HASHES):  # a refused one says only which payment it is about
            compare("labels", rows, place, name, np.where(done, payment[name], 0))
        compare("labels", rows, place, "from_us", np.where(done, payment["time_us"], 0))

    def _was(self, rows: Rows, place: IntArray, done: BoolArray) -> IntArray:
        """The label of each payment before each row, 0 = none."""
        refs, numbers = rows["ref_seq"][place], np.arange(len(place))
        before = np.concatenate(([-1], np.maximum.accumulate(np.where(done, numbers, -1))[:-1]))
        here = before >= start_places(starts_of(refs))
        return np.where(here, rows["option"][place][np.maximum(before, 0)], self._kept(refs))

    def _kept(self, payments: IntArray) -> IntArray:
        if not len(self.payments):
            return np.zeros(len(payments), dtype=np.int64)
        at = np.minimum(np.searchsorted(self.payments, payments), len(self.payments) - 1)
        return np.where(self.payments[at] == payments, self.options[at], 0)

    def _check_reasons(self, rows: Rows, place: IntArray, payment: Payments, was: IntArray, done: BoolArray) -> None:
        option, reason, seqs = rows["option"][place], rows["reason"][place], rows["seq"][place]
        labellable = (payment["kind"] == Kind.PAY) & (payment["feature_registry"] > 0)
        unchanged = (was == option) | ((was == 0) & (option == Option.LABEL_NONE))
        expected = np.where(unchanged, int(Reason.LABEL_UNCHANGED), int(Reason.OK))
        expected = np.where(labellable, expected, int(Reason.NOT_LABELLABLE))
        full = (reason == Reason.LABELS_FULL) & (expected == Reason.OK) & (was == 0)
        self._findings.mark(
            "labels", (reason != expected) & ~full, seqs,
            "Row {seq} answers a label with the reason {found}; by its payment and the label before it is {expected}.",
            expected=expected, found=reason,
        )  # fmt: skip
        self._findings.mark(
            "range", done & ~np.isin(option, _OPTIONS), seqs,
            "Row {seq} labels a payment by the option {found}, which does not exist.", found=option,
        )  # fmt: skip

    def _learn(self, rows: Rows, place: IntArray) -> None:
        refs = rows["ref_seq"][place]
        last = place[ends_of(starts_of(refs))]
        if not len(last):
            return
        fresh = rows["ref_seq"][last]
        stays = ~np.isin(self.payments, fresh)
        payments = np.concatenate((self.payments[stays], fresh))
        order = np.argsort(payments)
        self.payments = payments[order]
        self.options = np.concatenate((self.options[stays], rows["option"][last]))[order]
        self.seqs = np.concatenate((self.seqs[stays], rows["seq"][last]))[order]
