"""Steps that give back what was cleared, and those on a refund that is on its way through the bank.

What can still be given back of a payment is in ``left_minor`` of its newest row; nothing ever goes above it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import NEVER_US, Flag, Kind, Option
from penstock.contracts.states import State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import SYSTEM_ACCOUNTS, Entities, slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.freezes import Freezes
from penstock.review.verify.policies import CHARGEBACK, Policies
from penstock.review.verify.steps import Steps

#: Which payments each command gives back.
_GIVES_BACK: Final = {
    Kind.REFUND: (Kind.PAY, Kind.DEPOSIT), Kind.RETURN: (Kind.PAY, Kind.WITHDRAW),
    Kind.CHARGEBACK: (Kind.PAY, Kind.DEPOSIT), Kind.RECOVER: (Kind.PAY, Kind.DEPOSIT),
}  # fmt: skip
_ENDS_AS: Final = {
    Kind.REFUND: State.REFUNDED, Kind.RETURN: State.RETURNED, Kind.CHARGEBACK: State.CHARGED_BACK,
    Kind.RECOVER: State.REVERSED,
}  # fmt: skip
_FORCED: Final = (Kind.CHARGEBACK, Kind.RECOVER)


class GivingBack:
    """Checks steps on cleared payments and on refunds at the bank."""

    def __init__(self, entities: Entities, policies: Policies, freezes: Freezes, findings: Findings) -> None:
        self._entities = entities
        self._policies = policies
        self._freezes = freezes
        self._findings = findings

    def check_cleared(self, rows: Rows, steps: Steps, in_force: IntArray) -> None:
        """Check steps whose payments were cleared."""
        place, kind = steps.place, rows["kind"][steps.place]
        self._check_kind(rows, steps)
        asked = rows["amount_minor"][place]
        amount = np.where(asked > 0, asked, steps.left)
        self._findings.mark(
            "left", amount > steps.left, rows["seq"][place],
            "Row {seq} gives back {found} minor units of a payment; only {expected} are left of it.",
            expected=steps.left, found=amount, account=rows["payer_account"][place],
        )  # fmt: skip
        sends = (kind == Kind.REFUND) & (steps.payment["kind"] == Kind.DEPOSIT)
        after = np.where(sends, steps.left, steps.left - amount)
        self._check_money(rows, steps, amount, sends, in_force)
        self._compare_left(rows, steps, after)
        ended = np.full(len(place), int(State.CLEARED))
        for command, state in _ENDS_AS.items():
            ended[(kind == command) & (after <= 0)] = state
        self._findings.compare("state", rows, place, "state", np.where(sends, int(State.REFUNDING), ended))
        self._findings.compare("expiry", rows, place, "expires_us", np.where(sends, NEVER_US, 0))
        self._check_parties(rows, steps, sends)
        self._check_sender(rows, steps)

    def check_refunding(self, rows: Rows, steps: Steps) -> None:
        """Check the bank's answers to refunds: all of it left, or none."""
        place, kind, compare = steps.place, rows["kind"][steps.place], self._findings.compare
        paid = (kind == Kind.CLEAR) | ((kind == Kind.RECOVER) & (rows["option"][place] == Option.FINISH_PAID))
        asked = rows["amount_minor"][place]
        whole = (kind == Kind.RECOVER) | (asked == 0)
        compare("payments", rows, place, "amount_minor", np.where(whole, asked, steps.sent))
        compare("payments", rows, place, "moved_minor", np.where(paid, steps.sent, 0))
        compare("holds", rows, place, "held_minor", -steps.sent)
        compare("fees", rows, place, "fee_minor", 0)
        after = np.where(paid, steps.left - steps.sent, steps.left)
        self._compare_left(rows, steps, after)
        compare("state", rows, place, "state", np.where(after > 0, int(State.CLEARED), int(State.REFUNDED)))
        compare("expiry", rows, place, "expires_us", 0)
        compare("accounts", rows, place, "payer_account", steps.payment["payee"])
        compare("accounts", rows, place, "payee_account", steps.payment["payer"])
        self._check_repeated(rows, steps)
        operates = rows["flags"][place] & Flag.OPERATES != 0
        compare("ownership", rows, place, "client", np.where(operates, rows["client"][place], 0))
        known = (kind != Kind.RECOVER) | np.isin(rows["option"][place], (Option.FINISH_PAID, Option.FINISH_UNPAID))
        self._findings.mark(
            "range", ~known, rows["seq"][place], "Row {seq} finishes a refund by the option {found}, which does not exist.",
            found=rows["option"][place],
        )  # fmt: skip

    def _check_kind(self, rows: Rows, steps: Steps) -> None:
        kind, of = rows["kind"][steps.place], steps.payment["kind"]
        allowed = np.zeros(len(kind), dtype=np.bool_)
        for command, payments in _GIVES_BACK.items():
            allowed |= (kind == command) & np.isin(of, payments)
        allowed &= (kind != Kind.RECOVER) | (rows["option"][steps.place] == Option.REVERSE)
        self._findings.mark(
            "payments", ~allowed, rows["seq"][steps.place],
            "Row {seq} gives back the payment {found} in a way that there is not for payments of its kind.",
            found=steps.payment["origin_seq"],
        )  # fmt: skip

    def _check_money(
        self, rows: Rows, steps: Steps, amount: IntArray, sends: BoolArray, in_force: IntArray
    ) -> None:
        place, compare = steps.place, self._findings.compare
        compare("left", rows, place, "moved_minor", np.where(sends, 0, amount))
        compare("holds", rows, place, "held_minor", np.where(sends, amount, 0))
        slot = steps.payment["currency_slot"]
        rule = self._policies.fees[in_force[place], CHARGEBACK, slot]
        fee = np.minimum(rule[:, 2], rule[:, 0] + (amount * rule[:, 1] + 5000) // 10000)
        own_money = rows["flags"][place] & Flag.FROM_SUSPENSE == 0
        charged = (rows["kind"][place] == Kind.CHARGEBACK) & own_money
        compare("fees", rows, place, "fee_minor", np.where(charged, fee, 0))
        self._check_repeated(rows, steps)

    def _check_repeated(self, rows: Rows, steps: Steps) -> None:
        """A give-back uses no limits, and repeats type and currency of its payment."""
        place, compare = steps.place, self._findings.compare
        for name in ("limit_minor", "limit_count", "limit_day"):
            compare("limits", rows, place, name, 0)
        compare("payments", rows, place, "payment_type", steps.payment["payment_type"])
        slots = slots_of(rows["currency"][place])
        compare("payments", rows, place, "currency's slot", steps.payment["currency_slot"], slots)

    def _compare_left(self, rows: Rows, steps: Steps, after: IntArray) -> None:
        self._findings.compare("left", rows, steps.place, "left_minor", np.maximum(after, 0))

    def _check_parties(self, rows: Rows, steps: Steps, sends: BoolArray) -> None:
        """The money comes from the payment's payee, or from suspense, and goes to its payer, or to suspense."""
        place, kind, flags = steps.place, rows["kind"][steps.place], rows["flags"][steps.place]
        suspense = 3 * np.maximum(steps.payment["currency_slot"], 0) + 3
        from_suspense = np.isin(kind, _FORCED) & (flags & Flag.FROM_SUSPENSE != 0)
        source = np.where(from_suspense, suspense, steps.payment["payee"])
        target = steps.payment["payer"]
        turned_away = ~sends & self._freezes.turned_away(rows, place, target)
        compare = self._findings.compare
        compare("accounts", rows, place, "payer_account", source)
        compare("suspense", rows, place, "payee_account", np.where(turned_away, suspense, target))
        expected = np.where(turned_away, int(Flag.TO_SUSPENSE), 0)
        compare("suspense", rows, place, "flag to_suspense", expected, flags & Flag.TO_SUSPENSE)
        compare("payments", rows, place, "flag rail", np.where(sends, int(Flag.RAIL), 0), flags & Flag.RAIL)
        stopped = ~np.isin(kind, _FORCED) & (source > SYSTEM_ACCOUNTS)
        stopped_place, source = place[stopped], source[stopped]
        self._freezes.check_passage(rows, stopped_place, source, np.zeros(len(source), dtype=np.int64))

    def _check_sender(self, rows: Rows, steps: Steps) -> None:
        """A refund or return is the payment's client's, or its payee's; everything else is the operator's."""
        place, kind, client = steps.place, rows["kind"][steps.place], rows["client"][steps.place]
        accounts, customers = self._entities.accounts, self._entities.customers
        payee = steps.payment["payee"]
        known = accounts.exists(payee, rows["seq"][place])
        customer = accounts["customer"][np.where(known, payee, 0)]
        of_payee = (customer > 0) & (customers["client"][customer] == client)
        own = (client == steps.payment["client"]) | of_payee
        own &= ~np.isin(kind, _FORCED) & ((kind != Kind.RETURN) | (steps.payment["kind"] != Kind.WITHDRAW))
        operates = rows["flags"][place] & Flag.OPERATES != 0
        self._findings.mark(
            "ownership", ~own & ~operates, rows["seq"][place],
            "Row {seq} of client {found} gives back a payment of client {expected} without operating the system.",
            expected=steps.payment["client"], found=client,
        )  # fmt: skip
