"""The double entry: balances and the chains of each account's history, row by row.

Each row is up to three entries: the payer's, the payee's and the fee account's. Sorted by account they
give the running balances as sums, and the links as neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from penstock.contracts.commands import Flag, Kind, Option
from penstock.contracts.money import CURRENCIES, MAX_BALANCE_MINOR, format_minor
from penstock.contracts.states import State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import SUSPENSE, Entities, slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.freezes import Freezes
from penstock.review.verify.groups import ends_of, running_sums, starts_of

#: What a lane counts of each currency, by the names of its checkpoint.
TOTALS: Final = ("held", "cleared", "deposited", "withdrawn", "fees", "given_back")
_HELD, _CLEARED, _DEPOSITED, _WITHDRAWN, _FEES, _GIVEN_BACK = range(len(TOTALS))
_ROLES: Final = ("payer", "payee", "fee")
#: Commands that a frozen amount stops.
_STOPPED: Final = (Kind.PAY, Kind.WITHDRAW, Kind.REFUND, Kind.RETURN)


@dataclass(frozen=True)
class _Entries:
    """One role's entries: ``row`` is the place in the rows; all (m,)."""

    row: IntArray
    account: IntArray
    available: IntArray
    held: IntArray


class Ledger:
    """Follows the balances and links of one lane's accounts."""

    def __init__(self, entities: Entities, freezes: Freezes, findings: Findings) -> None:
        self._entities = entities
        self._freezes = freezes
        self._findings = findings
        self._totals: IntArray = np.zeros((len(CURRENCIES), len(TOTALS)), dtype=np.int64)

    def feed(self, rows: Rows) -> None:
        """Check these rows' accounts, and post them."""
        named = self._check_accounts(rows)
        roles = _entries(rows, named)
        row = np.concatenate([entries.row for entries in roles])
        account = np.concatenate([entries.account for entries in roles])
        order = np.argsort(account * len(rows) + row)
        self._post(rows, roles, row[order], account[order], order)
        self._freezes.check_credits(rows)
        self._count(rows)

    def totals(self) -> IntArray:
        """What was counted of each currency, int64 (slots, totals in the order of ``TOTALS``)."""
        return self._totals

    def sums(self) -> dict[str, int]:
        """The sum of all balances by currency code, in minor units."""
        accounts, count = self._entities.accounts, self._entities.accounts.count + 1
        total = accounts["available"][:count] + accounts["held"][:count]
        return {c.code: int(total[accounts["slot"][:count] == c.slot].sum()) for c in CURRENCIES}

    def finish(self, last_seq: int) -> None:
        """Check that each currency's balances sum to 0."""
        for code, total in self.sums().items():
            if total != 0:
                currency = next(c for c in CURRENCIES if c.code == code)
                self._findings.add(
                    "sums", last_seq, f"The balances in {code} sum to {format_minor(total, currency)} instead of 0.",
                    expected=0, found=total,
                )  # fmt: skip

    def _count(self, rows: Rows) -> None:
        slot, kind = slots_of(rows["currency"]), rows["kind"]
        place = np.flatnonzero(slot >= 0)
        slot, kind, moved = slot[place], kind[place], rows["moved_minor"][place]
        reverses = (kind == Kind.RECOVER) & (rows["option"][place] == Option.REVERSE)
        of = np.where(rows["payee_account"][place] == 3 * slot + 1, _WITHDRAWN, _CLEARED)
        of[np.isin(kind, (Kind.REFUND, Kind.RETURN, Kind.CHARGEBACK)) | reverses] = _GIVEN_BACK
        of[kind == Kind.DEPOSIT] = _DEPOSITED
        np.add.at(self._totals, (slot, of), moved)
        for column, name in ((_HELD, "held_minor"), (_FEES, "fee_minor")):
            np.add.at(self._totals[:, column], slot, rows[name][place])

    def _check_accounts(self, rows: Rows) -> dict[str, BoolArray]:
        """Which rows name an open account in each role; others are reported."""
        slot = slots_of(rows["currency"])
        fee_account = 3 * np.maximum(slot, 0) + 2
        wanted = {
            "payer": (rows["payer_account"] != 0) | (rows["held_minor"] != 0) | (rows["moved_minor"] != 0)
            | (rows["fee_minor"] != 0),
            "payee": rows["moved_minor"] > 0,
            "fee": rows["fee_minor"] > 0,
        }  # fmt: skip
        numbers = {"payer": rows["payer_account"], "payee": rows["payee_account"], "fee": fee_account}
        accounts, named = self._entities.accounts, {}
        for role in _ROLES:
            number, seqs = numbers[role], rows["seq"]
            known = accounts.exists(number, seqs)
            self._findings.mark(
                "accounts", wanted[role] & ~known, seqs,
                f"Row {{seq}} names the {role}'s account {{account}}, which is not open.", account=number,
            )  # fmt: skip
            named[role] = wanted[role] & known
            own = accounts["slot"][np.where(known, number, 0)]
            self._findings.mark(
                "accounts", named[role] & (own != slot) & _has_currency(rows), seqs,
                f"Row {{seq}} is in another currency than the {role}'s account {{account}}.", account=number,
            )  # fmt: skip
        return named

    def _post(self, rows: Rows, roles: tuple[_Entries, ...], row: IntArray, account: IntArray, order: IntArray) -> None:
        accounts, starts = self._entities.accounts, starts_of(account)
        available = np.concatenate([entries.available for entries in roles])[order]
        held = np.concatenate([entries.held for entries in roles])[order]
        available_after = running_sums(available, starts) + accounts["available"][account]
        held_after = running_sums(held, starts) + accounts["held"][account]
        seqs = rows["seq"][row]
        self._check_balance("available", account, available, available_after, seqs)
        self._check_balance("held", account, held, held_after, seqs)
        self._check_room(account, available + held, available_after + held_after, seqs)
        self._check_controls(rows, roles[0], account, available_after, held_after, order)
        self._check_links(rows, roles, row, account, starts, order)
        last = ends_of(starts)
        accounts["available"][account[last]] = available_after[last]
        accounts["held"][account[last]] = held_after[last]
        accounts["last_seq"][account[last]] = seqs[last]

    def _check_balance(self, name: str, account: IntArray, change: IntArray, after: IntArray, seqs: IntArray) -> None:
        """A customer's balance does not cross 0; what was below before is not reported again."""
        customer = self._entities.accounts["kind"][account] == 1
        self._findings.mark(
            "balances", customer & (after < 0) & (after - change >= 0), seqs,
            f"Row {{seq}} leaves account {{account}} with {{found}} minor units {name}.",
            expected=0, found=after, account=account,
        )  # fmt: skip

    def _check_room(self, account: IntArray, change: IntArray, after: IntArray, seqs: IntArray) -> None:
        full = (self._entities.accounts["kind"][account] == 1) & (after > MAX_BALANCE_MINOR)
        self._findings.mark(
            "balances", full & (after - change <= MAX_BALANCE_MINOR), seqs,
            "Row {seq} leaves account {account} with {found} minor units, above the largest balance {expected}.",
            expected=MAX_BALANCE_MINOR, found=after, account=account,
        )  # fmt: skip

    def _check_controls(
        self, rows: Rows, payer: _Entries, account: IntArray, available: IntArray, held: IntArray, order: IntArray
    ) -> None:
        """A frozen amount stays where it is, suspense is not overdrawn, and only an empty account is closed."""
        entries = np.flatnonzero(order < len(payer.row))  # the payers', in order of their accounts
        place, account = payer.row[order[entries]], account[entries]
        kind, done = rows["kind"][place], rows["state"][place] != State.DECLINED
        floor = np.where(done & np.isin(kind, _STOPPED), self._freezes.frozen_minor(rows, place, account), 0)
        self._findings.mark(
            "freezes", (floor > 0) & (available[entries] < floor), rows["seq"][place],
            "Row {seq} leaves account {account} with {found} minor units available; {expected} are frozen.",
            expected=floor, found=available[entries], account=account,
        )  # fmt: skip
        drawn = (self._entities.accounts["kind"][account] == SUSPENSE) & (rows["flags"][place] & Flag.FROM_SUSPENSE == 0)
        self._findings.mark(
            "suspense", done & drawn & (available[entries] < 0), rows["seq"][place],
            "Row {seq} takes more out of the suspense account {account} than it has: {found} minor units are left.",
            expected=0, found=available[entries], account=account,
        )  # fmt: skip
        closes = done & (kind == Kind.SET_ACCOUNT) & (rows["option"][place] == Option.CLOSE)
        left = available[entries] + held[entries]
        self._findings.mark(
            "freezes", closes & ((available[entries] != 0) | (held[entries] != 0)), rows["seq"][place],
            "Row {seq} closes account {account}, which still has {found} minor units.", expected=0, found=left,
            account=account,
        )  # fmt: skip

    def _check_links(
        self, rows: Rows, roles: tuple[_Entries, ...], row: IntArray, account: IntArray, starts: BoolArray,
        order: IntArray,
    ) -> None:  # fmt: skip
        """Compare each link with the entry before it in its account's history, and the absent ones with 0."""
        seqs = rows["seq"][row]
        before = np.where(starts, self._entities.accounts["last_seq"][account], np.roll(seqs, 1))
        for _ in roles[1:]:  # entries of one row in one account share what was before the row
            twin = ~starts & (seqs == np.roll(seqs, 1))
            before = np.where(twin, np.roll(before, 1), before)
        in_order = np.empty(len(before), dtype=np.int64)
        in_order[order] = before
        parts = np.split(in_order, np.cumsum([len(entries.row) for entries in roles])[:-1])
        for role, entries, links in zip(_ROLES, roles, parts, strict=True):
            expected = np.zeros(len(rows), dtype=np.int64)
            expected[entries.row] = links
            found = rows[f"{role}_prev_seq"]
            accounts = np.zeros(len(rows), dtype=np.int64)
            accounts[entries.row] = entries.account
            self._findings.mark(
                "links", found != expected, rows["seq"],
                f"Row {{seq}} says that {{found}} is the row before it in the {role}'s history; it is {{expected}}.",
                expected=expected, found=found, account=accounts,
            )  # fmt: skip


def _has_currency(rows: Rows) -> BoolArray:
    has: BoolArray = (rows["state"] != State.DECLINED) & ~np.isin(rows["kind"], (Kind.SET_ACCOUNT, Kind.LABEL))
    return has


def _entries(rows: Rows, named: dict[str, BoolArray]) -> tuple[_Entries, ...]:
    payer = np.flatnonzero(named["payer"])
    payee, fee = np.flatnonzero(named["payee"]), np.flatnonzero(named["fee"])
    held, moved, fees = rows["held_minor"], rows["moved_minor"], rows["fee_minor"]
    spent = held[payer] + moved[payer] + fees[payer]
    fee_account = 3 * np.maximum(slots_of(rows["currency"][fee]), 0) + 2
    nothing = np.zeros(len(rows), dtype=np.int64)
    return (
        _Entries(payer, rows["payer_account"][payer], -spent, held[payer]),
        _Entries(payee, rows["payee_account"][payee], moved[payee], nothing[: len(payee)]),
        _Entries(fee, fee_account, fees[fee], nothing[: len(fee)]),
    )
