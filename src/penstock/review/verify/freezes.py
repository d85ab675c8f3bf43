"""Freezes, closed accounts: what ``set_account`` rows set, and that no money passes against it."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import Flag, Kind, Operation, Option
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.review.verify.approvals import Approvals
from penstock.review.verify.changes import Changes
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import Entities
from penstock.review.verify.findings import Findings

_DEBIT: Final = (Option.FREEZE_DEBIT, Option.FREEZE_ALL, Option.UNFREEZE_DEBIT, Option.UNFREEZE_ALL)
_CREDIT: Final = (Option.FREEZE_CREDIT, Option.FREEZE_ALL, Option.UNFREEZE_CREDIT, Option.UNFREEZE_ALL)
_AMOUNT: Final = (Option.FREEZE_AMOUNT, Option.UNFREEZE_AMOUNT)
_UNFREEZES: Final = (Option.UNFREEZE_DEBIT, Option.UNFREEZE_CREDIT, Option.UNFREEZE_ALL, Option.UNFREEZE_AMOUNT)
_OPTIONS: Final = (*_DEBIT, *_CREDIT, *_AMOUNT, Option.CLOSE)


class Freezes:
    """The freezes of each account: (from, until) of debit and credit, (amount, from, until) of an amount."""

    def __init__(self, entities: Entities, approvals: Approvals, findings: Findings) -> None:
        self.debit = Changes(2)
        self.credit = Changes(2)
        self.amount = Changes(3)
        self.closed = Changes(1)
        self._entities = entities
        self._approvals = approvals
        self._findings = findings

    def feed(self, rows: Rows) -> None:
        """Learn what these rows freeze, unfreeze and close, and check those rows."""
        place = np.flatnonzero((rows["kind"] == Kind.SET_ACCOUNT) & (rows["state"] != State.DECLINED))
        account, option = rows["payer_account"][place], rows["option"][place]
        known = self._entities.accounts.exists(account, rows["seq"][place])
        known &= self._entities.accounts["customer"][np.where(known, account, 0)] > 0
        self._findings.mark(
            "accounts", ~known, rows["seq"][place],
            "Row {seq} freezes, unfreezes or closes account {account}, which is no customer's.", account=account,
        )  # fmt: skip
        self._findings.mark(
            "range", ~np.isin(option, _OPTIONS), rows["seq"][place], "Row {seq} changes an account by the option {found}, "
            "which does not exist.", found=option,
        )  # fmt: skip
        place = place[known]
        self._learn(rows, place)
        self._check(rows, place)

    def debit_frozen(self, rows: Rows, place: IntArray, account: IntArray) -> BoolArray:
        """Whether nothing may leave accounts at the times of the rows at ``place``."""
        return self._holds(self.debit, rows, place, account)

    def credit_frozen(self, rows: Rows, place: IntArray, account: IntArray) -> BoolArray:
        """Whether nothing may be credited to accounts."""
        return self._holds(self.credit, rows, place, account)

    def is_closed(self, place: IntArray, account: IntArray) -> BoolArray:
        """Whether accounts are closed."""
        if not self.closed.ever:
            return np.zeros(len(place), dtype=np.bool_)
        return self.closed.before(account, place)[:, 0] > 0

    def frozen_minor(self, rows: Rows, place: IntArray, account: IntArray) -> IntArray:
        """How much of the available balance of accounts may not leave."""
        if not self.amount.ever:
            return np.zeros(len(place), dtype=np.int64)
        found, times = self.amount.before(account, place), rows["time_us"][place]
        return np.where((found[:, 1] <= times) & (times < found[:, 2]), found[:, 0], 0)

    def turned_away(self, rows: Rows, place: IntArray, account: IntArray) -> BoolArray:
        """Whether a credit to accounts goes to suspense instead."""
        return self.is_closed(place, account) | self.credit_frozen(rows, place, account)

    def objection(self, rows: Rows, place: IntArray, payer: IntArray, payee: IntArray) -> IntArray:
        """The reason for which money may not go from payer to payee (k,), 0 = none, in the order of the codes."""
        reasons = np.zeros(len(place), dtype=np.int64)
        found = (
            (self.credit_frozen(rows, place, payee), Reason.PAYEE_FROZEN),
            (self.debit_frozen(rows, place, payer), Reason.PAYER_FROZEN),
            (self.is_closed(place, payee), Reason.PAYEE_CLOSED),
            (self.is_closed(place, payer), Reason.PAYER_CLOSED),
        )
        for holds, reason in found:
            reasons[holds] = reason
        return reasons

    def check_passage(self, rows: Rows, place: IntArray, payer: IntArray, payee: IntArray) -> None:
        """No money goes, or is taken aside to go, from a frozen or closed account or to one."""
        reasons = self.objection(rows, place, payer, payee)
        sentences = {
            Reason.PAYER_CLOSED: "Row {seq} takes money from account {account}, which is closed.",
            Reason.PAYEE_CLOSED: "Row {seq} sends money to account {account}, which is closed.",
            Reason.PAYER_FROZEN: "Row {seq} takes money from account {account}, from which nothing may leave.",
            Reason.PAYEE_FROZEN: "Row {seq} sends money to account {account}, to which nothing may be credited.",
        }
        for reason, sentence in sentences.items():
            account = payer if reason in {Reason.PAYER_CLOSED, Reason.PAYER_FROZEN} else payee
            self._findings.mark("freezes", reasons == reason, rows["seq"][place], sentence, account=account)

    def check_credits(self, rows: Rows) -> None:
        """Whatever a row is: what it moves does not reach a credit-frozen or closed account."""
        if not (self.credit.ever or self.closed.ever):
            return
        place = np.flatnonzero(rows["moved_minor"] > 0)
        account = rows["payee_account"][place]
        self._findings.mark(
            "freezes", self.turned_away(rows, place, account), rows["seq"][place],
            "Row {seq} credits account {account}, which is closed or takes no credits.", account=account,
        )  # fmt: skip

    @staticmethod
    def _holds(freeze: Changes, rows: Rows, place: IntArray, account: IntArray) -> BoolArray:
        if not freeze.ever:
            return np.zeros(len(place), dtype=np.bool_)
        found, times = freeze.before(account, place), rows["time_us"][place]
        return (found[:, 0] <= times) & (times < found[:, 1])

    def _learn(self, rows: Rows, place: IntArray) -> None:
        option, account = rows["option"][place], rows["payer_account"][place]
        span = np.stack((rows["from_us"][place], rows["expires_us"][place]), axis=1)
        amounts = np.column_stack((rows["amount_minor"][place], span))
        for freeze, options, values in (
            (self.debit, _DEBIT, span), (self.credit, _CREDIT, span), (self.amount, _AMOUNT, amounts),
        ):  # fmt: skip
            mine = np.isin(option, options)
            freeze.begin(len(rows), account[mine], place[mine], values[mine])
        closes = option == Option.CLOSE
        self.closed.begin(len(rows), account[closes], place[closes], np.ones((int(closes.sum()), 1), dtype=np.int64))

    def _check(self, rows: Rows, place: IntArray) -> None:
        account, option, seqs = rows["payer_account"][place], rows["option"][place], rows["seq"][place]
        self._findings.mark(
            "accounts", self.is_closed(place, account), seqs, "Row {seq} changes account {account}, which is closed.",
            account=account,
        )  # fmt: skip
        customer = self._entities.accounts["customer"][account]
        owner, client = self._entities.customers["client"][customer], rows["client"][place]
        operates = rows["flags"][place] & Flag.OPERATES != 0
        self._findings.mark(
            "ownership", ~operates & (owner != client), seqs,
            "Row {seq} of client {found} changes account {account}, which belongs to client {expected}.",
            expected=owner, found=client, account=account,
        )  # fmt: skip
        self._check_span(rows, place, np.isin(option, (*_UNFREEZES, Option.CLOSE)))
        lessens = np.isin(option, _UNFREEZES) | self._lessens(rows, place)
        self._findings.mark(
            "ownership", lessens & ~operates, seqs, "Row {seq} of client {found} lessens a freeze of account {account} "
            "without operating the system.", found=client, account=account,
        )  # fmt: skip
        self._approvals.check(rows, place[lessens], Operation.UNFREEZE)

    def _check_span(self, rows: Rows, place: IntArray, without: BoolArray) -> None:
        """A freeze begins at its row or later; what is no freeze has no span."""
        begins, ends, seqs = rows["from_us"][place], rows["expires_us"][place], rows["seq"][place]
        wrong = np.where(without, (begins != 0) | (ends != 0), (begins < rows["time_us"][place]) | (ends == 0))
        self._findings.mark(
            "freezes", wrong, seqs, "Row {seq} has a span from {found} µs; a freeze begins at its row ({expected} µs) or "
            "later, an unfreeze and a closing have no span.", expected=rows["time_us"][place], found=begins,
            account=rows["payer_account"][place],
        )  # fmt: skip

    def _lessens(self, rows: Rows, place: IntArray) -> BoolArray:
        """Whether a new freeze lets through what the one of the same side would have stopped that it replaces."""
        lessens = np.zeros(len(place), dtype=np.bool_)
        account, option = rows["payer_account"][place], rows["option"][place]
        begins, ends, times = rows["from_us"][place], rows["expires_us"][place], rows["time_us"][place]
        for freeze, options in ((self.debit, _DEBIT), (self.credit, _CREDIT), (self.amount, _AMOUNT)):
            before = freeze.before(account, place)
            began, ended = before[:, -2], before[:, -1]
            less = (ends < ended) | (begins > np.maximum(began, times))
            if freeze is self.amount:
                less |= rows["amount_minor"][place] < before[:, 0]
            less &= ended > times
            lessens |= np.isin(option, options) & less
        return lessens
