"""The newest checkpoint against what the journal says: each segment at its own sequence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from penstock.contracts.commands import Operation, PaymentType
from penstock.contracts.money import CURRENCIES
from penstock.review.verify.approvals import Approvals
from penstock.review.verify.columns import BoolArray, IntArray
from penstock.review.verify.entities import CUSTOMERS, Entities, Table
from penstock.review.verify.findings import Findings
from penstock.review.verify.freezes import Freezes
from penstock.review.verify.labels import Labels
from penstock.review.verify.ledger import TOTALS, Ledger
from penstock.review.verify.limits import Limits, month_of
from penstock.review.verify.manifest import Checkpoint, Damaged, Segment, SegmentEntry, Stored
from penstock.review.verify.models import Models
from penstock.review.verify.own_limits import OwnLimits
from penstock.review.verify.payments import Payments
from penstock.review.verify.policies import WINDOW_FIELDS, Policies
from penstock.review.verify.reviews import Reviews

_ACCOUNT: Final = {
    "available_minor": "available", "held_minor": "held", "last_seq": "last_seq", "customer": "customer",
    "purse": "purse", "currency_slot": "slot", "opened_seq": "opened_seq", "open_holds": "open_holds",
}  # fmt: skip
_DEBIT: Final = ("debit_from_us", "debit_until_us")
_CREDIT: Final = ("credit_from_us", "credit_until_us")
_FROZEN: Final = ("frozen_minor", "frozen_from_us", "frozen_until_us")
_CLOSED: Final = 5  # the kind of a customer's account that is closed
_CUSTOMER: Final = {name: name for name in ("tier", "client", "last_seq", "opened_seq", "accounts")}
_PURSE: Final = {"customer": "customer", "currency_slot": "slot", "last_seq": "last_seq", "overridden": "overridden"}
_HOLD: Final = (
    "origin_seq", "payer", "payee", "purse", "client", "payment_type", "currency_slot", "limit_day", "amount_minor",
    "fee_minor", "cleared_minor", "fee_taken_minor", "released_minor", "expires_us", "last_seq", "state", "flags", "kind",
    "left_minor",
)  # fmt: skip
_OVERRIDE: Final = ("key", "value", "until_us", "seq")
_APPROVERS: Final = tuple(f"approvers_{operation.name.lower()}" for operation in sorted(Operation))
_LABEL: Final = ("origin_seq", "option", "seq")
_COUNTS: Final = (
    "last_seq", "accounts", "customers", "purses", "holds_open", "overrides", "review_hour", "reviews_in_hour",
    "maturity_us", "model_version", "model_seq", "models", "labels",
)  # fmt: skip


@dataclass(frozen=True)
class Recomputed:
    """Everything that the audit keeps, as far as a checkpoint says it too."""

    entities: Entities
    limits: Limits
    own_limits: OwnLimits
    payments: Payments
    freezes: Freezes
    approvals: Approvals
    reviews: Reviews
    ledger: Ledger
    labels: Labels
    models: Models
    policies: Policies


class CheckpointCheck:
    """Compares the segments of one checkpoint as the audit passes their sequences."""

    def __init__(self, checkpoint: Checkpoint, mine: Recomputed, findings: Findings) -> None:
        self._checkpoint = checkpoint
        self._entities = mine.entities
        self._mine = mine
        self._findings = findings
        self._compare: dict[str, Callable[[Segment, int], None]] = {
            "accounts": self._compare_accounts, "customers": self._compare_customers, "purses": self._compare_purses,
            "overrides": self._compare_overrides, "holds": self._compare_holds, "totals": self._compare_totals,
            "scalars": self._compare_scalars,
            "labels": self._compare_labels,
        }  # fmt: skip
        self._open_from: dict[int, IntArray] = {}
        self._found_holds: list[IntArray] = []
        self.compared = 0

    def stops(self) -> set[int]:
        """The sequences at which the audit must pause."""
        return {stored.entry.seq for stored in self._checkpoint.segments}

    def at(self, seq: int, day: int) -> None:
        """Compare the segments that are true at ``seq``; ``day`` is that row's business day."""
        for stored in self._checkpoint.segments:
            if stored.entry.seq == seq:
                self._compare_stored(stored, day)

    def _compare_stored(self, stored: Stored, day: int) -> None:
        table, seq = stored.entry.table, stored.entry.seq
        if missing := _needed(table) - set(stored.columns):
            self._add(seq, f"lacks the columns {', '.join(sorted(missing))} of its table {table}")
            return
        try:
            segment = stored.load()
        except Damaged as error:
            self._add(seq, f"is damaged: {error}")
            return
        self._compare[table](segment, day)
        self.compared += 1

    def finish(self, last_seq: int, digests: dict[int, bytes]) -> None:
        """Compare the manifest with the chain, and look for segments that were never reached."""
        manifest = self._checkpoint.manifest
        if manifest.seq > last_seq:
            self._add(last_seq, f"lies above the journal's last row {last_seq}", expected=last_seq, found=manifest.seq)
        elif manifest.seq > 0 and (digest := digests.get(manifest.seq, b"").hex()) != manifest.digest:
            self._add(manifest.seq, "has another digest than the chain", expected=digest, found=manifest.digest)
        for seq in sorted(self.stops()):
            if seq > last_seq or seq > manifest.seq:
                self._add(last_seq, f"has a segment that claims to be true at row {seq}", found=seq)
        self._check_all_holds()

    def _compare_accounts(self, segment: Segment, _day: int) -> None:
        self._compare_table(segment, self._entities.accounts, _ACCOUNT, account=True)
        number, freezes = _numbers(segment), self._mine.freezes
        kind = np.where(number <= self._entities.accounts.count, self._entities.accounts["kind"][
            np.minimum(number, self._entities.accounts.count)], 0)  # fmt: skip
        closed = freezes.closed.now(number)[:, 0] > 0
        self._report(
            segment, "kind", np.where(closed & (kind == CUSTOMERS), _CLOSED, kind), segment["kind"], account=True
        )
        for changes, names in ((freezes.debit, _DEBIT), (freezes.credit, _CREDIT), (freezes.amount, _FROZEN)):
            expected = changes.now(number)
            for column, name in enumerate(names):
                self._report(segment, name, expected[:, column], segment[name], account=True)

    def _compare_customers(self, segment: Segment, _day: int) -> None:
        self._compare_table(segment, self._entities.customers, _CUSTOMER)
        number = _numbers(segment)
        known = (number > 0) & (number <= self._entities.customers.count)
        for currency in CURRENCIES:
            expected = np.where(known, self._entities.purse_of[np.where(known, number, 0), currency.slot], 0)
            self._report(segment, f"purse_{currency.code}", expected, segment[f"purse_{currency.code}"])

    def _compare_purses(self, segment: Segment, day: int) -> None:
        purses = self._entities.purses
        self._compare_table(segment, purses, _PURSE)
        number = _numbers(segment)
        known = (number > 0) & (number <= purses.count)
        expected = self._mine.limits.at_day(purses.count, day)[np.where(known, number, 0)]
        current = {"day": segment["day"] == day}
        month, this_month = segment["month"], _month(day)
        current |= {"month": month == this_month, "year": month // 12 == this_month // 12}
        for kind in PaymentType:
            for column, field in enumerate(WINDOW_FIELDS):
                name = f"{field}_{kind.name.lower()}"
                found = np.where(current[field.split("_")[0]], segment[name], 0)
                self._report(segment, name, np.where(known, expected[:, kind, column], 0), found)

    def _compare_overrides(self, segment: Segment, _day: int) -> None:
        """The own limits lie anywhere in their table, so they are compared as a set."""
        expected, found = self._mine.own_limits.records(), {}
        for place in np.flatnonzero(segment["key"] != 0).tolist():
            key, *rest = (int(segment[name][place]) for name in _OVERRIDE)
            if key in found:
                self._add(segment.seq, f"has the own limit {key} twice", found=key)
            found[key] = tuple(rest)
        for key in sorted(expected.keys() | found.keys()):
            if expected.get(key) != found.get(key):
                self._add(
                    segment.seq, f"has the own limit {key} with value, end and sequence {found.get(key)}; by the journal "
                    f"it is {expected.get(key)} (table overrides)",
                )  # fmt: skip

    def _compare_totals(self, segment: Segment, _day: int) -> None:
        expected = self._mine.ledger.totals()
        for column, name in enumerate(TOTALS):
            found = segment[name]
            for slot in np.flatnonzero(found[: len(expected)] != expected[: len(found), column]).tolist():
                self._add(
                    segment.seq, f"says {int(found[slot])} for {name} of currency slot {slot}; by the journal it is "
                    f"{int(expected[slot, column])}", int(expected[slot, column]), int(found[slot]),
                )  # fmt: skip

    def _compare_holds(self, segment: Segment, _day: int) -> None:
        used = np.flatnonzero(segment["origin_seq"] != 0)
        origins, mine = segment["origin_seq"][used], self._mine.payments.holds()
        at = np.minimum(np.searchsorted(mine["origin_seq"], origins), max(len(mine["origin_seq"]) - 1, 0))
        known = mine["origin_seq"][at] == origins if len(mine["origin_seq"]) else np.zeros(len(origins), np.bool_)
        self._mark(segment, ~known, used, "holds the payment {found}, which is not open", origins, origins)
        for name in _HOLD:
            expected, found = mine[name][at[known]], segment[name][used[known]]
            self._mark(
                segment, found != expected, used[known],
                f"has the {name} {{found}} for an open payment; by the journal it is {{expected}}", expected, found,
            )  # fmt: skip
        self._found_holds.append(origins)
        self._open_from.setdefault(segment.seq, mine["origin_seq"].copy())

    def _compare_labels(self, segment: Segment, _day: int) -> None:
        """The labels lie anywhere in their table too; there may be many."""
        used = np.flatnonzero(segment["origin_seq"] != 0)
        used = used[np.argsort(segment["origin_seq"][used], kind="stable")]
        mine, found = self._mine.labels, segment["origin_seq"][used]
        at = np.minimum(np.searchsorted(mine.payments, found), max(len(mine.payments) - 1, 0))
        known = mine.payments[at] == found if len(mine.payments) else np.zeros(len(found), np.bool_)
        again = np.concatenate(([False], found[1:] == found[:-1])) if len(found) else known
        self._mark(
            segment, ~known | again, used, "has a label of the payment {found}, which has none, or twice", found, found
        )
        for lacking in np.setdiff1d(mine.payments, found)[:100].tolist():
            self._add(segment.seq, f"lacks the label of the payment {lacking}", expected=lacking)
        for name, expected in (("option", mine.options), ("seq", mine.seqs)):
            values = segment[name][used[known]]
            self._mark(
                segment, values != expected[at[known]], used[known],
                f"has the {name} {{found}} for a label; by the journal it is {{expected}}", expected[at[known]], values,
            )  # fmt: skip

    def _compare_scalars(self, segment: Segment, _day: int) -> None:
        counts = {
            "last_seq": segment.seq, "accounts": self._entities.accounts.count,
            "customers": self._entities.customers.count, "purses": self._entities.purses.count,
            "holds_open": len(self._mine.payments.holds()["origin_seq"]),
            "overrides": len(self._mine.own_limits.records()), "review_hour": self._mine.reviews.hour,
            "reviews_in_hour": self._mine.reviews.begun, "maturity_us": self._mine.policies.maturity_us,
            "model_version": self._mine.models.version, "model_seq": self._mine.models.seq,
            "models": self._mine.models.count, "labels": len(self._mine.labels.payments),
        }  # fmt: skip
        counts |= dict(zip(_APPROVERS, self._mine.approvals.needed(), strict=True))
        for name, expected in counts.items():
            found = int(segment[name][0]) if len(segment.values) else 0
            if found != expected:
                self._add(segment.seq, f"says {found} for {name}; by the journal it is {expected}", expected, found)

    def _check_all_holds(self) -> None:
        """A payment that was open at the sequences of all segments is in one of them, and in one only."""
        if not self._open_from:
            return
        found, counts = np.unique(np.concatenate(self._found_holds), return_counts=True)
        always = None
        for origins in self._open_from.values():
            always = origins if always is None else np.intersect1d(always, origins)
        assert always is not None
        for origin in np.setdiff1d(always, found)[:100].tolist():
            self._add(max(self._open_from), f"lacks the open payment {origin}", expected=origin)
        for origin in found[counts > 1][:100].tolist():
            self._add(max(self._open_from), f"has the open payment {origin} twice", found=origin)

    def _compare_table(self, segment: Segment, table: Table, names: dict[str, str], *, account: bool = False) -> None:
        number = _numbers(segment)
        known = (number > 0) & (number <= table.count)
        for name, mine in names.items():
            expected = np.where(known, table[mine][np.where(known, number, 0)], 0)
            self._report(segment, name, expected, segment[name], account=account)
        # what was opened before the table's first segment is in one of them; what came later is replayed
        entries = [stored.entry for stored in self._checkpoint.segments if stored.entry.table == segment.table]
        earliest = min(entries, key=lambda entry: entry.seq)
        if segment.first == earliest.first:
            self._check_cover(entries, earliest, table.count)

    def _check_cover(self, entries: list[SegmentEntry], earliest: SegmentEntry, count: int) -> None:
        end = 0
        for entry in sorted(entries, key=lambda entry: entry.first):
            if entry.first > end:
                break
            end = max(end, entry.first + entry.count)
        if end <= count:
            self._add(
                earliest.seq, f"lacks the record {end} of its table {earliest.table}", expected=count, found=end - 1
            )

    def _report(
        self, segment: Segment, name: str, expected: IntArray, found: IntArray, *, account: bool = False
    ) -> None:
        wrong = (expected != found) & (_numbers(segment) > 0)
        sentence = f"has the {name} {{found}} in record {{account}}; by the journal it is {{expected}}"
        self._mark(segment, wrong, np.arange(len(found)), sentence, expected, found, account=account)

    def _mark(
        self, segment: Segment, wrong: BoolArray, places: IntArray, sentence: str, expected: IntArray, found: IntArray,
        *, account: bool = False,
    ) -> None:  # fmt: skip
        """Note records that differ, at the sequence at which the segment is true."""
        for n, place in enumerate(np.flatnonzero(wrong)):
            if n >= 100:
                self._findings.counts["checkpoint"] += int(wrong.sum()) - n
                return
            record = int(places[place]) + segment.first
            values = {"expected": int(expected[place]), "found": int(found[place])}
            text = f"The checkpoint's table {segment.table} {sentence.format(account=record, **values)}, as of row {segment.seq}."
            self._findings.add("checkpoint", segment.seq, text, account=record if account else 0, **values)

    def _add(self, seq: int, what: str, expected: int | str | None = None, found: int | str | None = None) -> None:
        text = f"The checkpoint {self._checkpoint.manifest.seq} {what}."
        self._findings.add("checkpoint", seq, text, expected=expected, found=found)


def _numbers(segment: Segment) -> IntArray:
    return np.arange(segment.first, segment.first + len(segment.values))


def _needed(table: str) -> set[str]:
    counters = {f"{field}_{kind.name.lower()}" for kind in PaymentType for field in WINDOW_FIELDS}
    needed = {
        "accounts": {*_ACCOUNT, "kind", *_DEBIT, *_CREDIT, *_FROZEN}, "overrides": set(_OVERRIDE), "totals": set(TOTALS),
        "customers": set(_CUSTOMER) | {f"purse_{c.code}" for c in CURRENCIES},
        "purses": set(_PURSE) | {"day", "month"} | counters, "holds": set(_HOLD),
        "scalars": {*_COUNTS, *_APPROVERS}, "labels": set(_LABEL),
    }  # fmt: skip
    return needed[table]


def _month(day: int) -> int:
    return int(month_of(np.array([day], dtype=np.int64))[0])
