"""Payments, withdrawals and deposits: each row says what its command and the policy's fee rule ask for."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import Flag, Kind, Option, PaymentType
from penstock.contracts.states import FOLLOW_UPS, OPEN, State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import SYSTEM_ACCOUNTS, Entities, slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.freezes import Freezes
from penstock.review.verify.own_limits import OwnLimits
from penstock.review.verify.policies import Policies

_MOVING: Final = (Kind.PAY, Kind.WITHDRAW, Kind.DEPOSIT)
_MONEY: Final = ("held_minor", "moved_minor", "fee_minor", "limit_minor", "limit_count", "left_minor")
_OPEN: Final = sorted(OPEN)


class Movements:
    """Checks the rows that begin to move money, and that others move none."""

    def __init__(
        self, entities: Entities, policies: Policies, freezes: Freezes, own: OwnLimits, findings: Findings
    ) -> None:
        self._entities = entities
        self._policies = policies
        self._freezes = freezes
        self._own = own
        self._findings = findings

    def feed(self, rows: Rows, in_force: IntArray) -> None:
        """Check these rows; ``in_force`` (n,) is each row's policy version."""
        done, kind = rows["state"] != State.DECLINED, rows["kind"]
        moves_suspense = (kind == Kind.RECOVER) & (rows["option"] == Option.MOVE_SUSPENSE)
        self._check_payer(rows)
        spends = np.isin(kind, (Kind.PAY, Kind.WITHDRAW))
        challenged = rows["state"] == State.CHALLENGE
        self._check_spending(rows, np.flatnonzero(done & spends & ~challenged), in_force)
        self._check_parties(rows, np.flatnonzero(done & spends))
        self._check_deposits(rows, np.flatnonzero(done & (kind == Kind.DEPOSIT)))
        self._check_suspense(rows, np.flatnonzero(done & moves_suspense))
        self._check_others(rows, np.flatnonzero(done & ~np.isin(kind, (*_MOVING, *FOLLOW_UPS))))
        astray = done & (rows["flags"] & Flag.TO_SUSPENSE != 0) & ~_credits_suspense(rows)
        self._findings.mark(
            "suspense", astray, rows["seq"],
            "Row {seq} has the flag to_suspense, but credits account {account}.", account=rows["payee_account"],
        )  # fmt: skip

    def _check_payer(self, rows: Rows) -> None:
        """A row carries its payer's customer, purse and tier."""
        accounts = self._entities.accounts
        known = accounts.exists(rows["payer_account"], rows["seq"]) & (rows["kind"] != Kind.LABEL)  # has its payment's
        place = np.flatnonzero(known)
        payer = rows["payer_account"][place]
        customer = accounts["customer"][payer]
        tier = self._entities.customers["tier"][customer]
        if self._own.tier.ever:
            changed = self._own.tier.before(customer, place)[:, 0]
            tier = np.where(changed > 0, changed - 1, tier)
        for name, expected in {"customer": customer, "purse": accounts["purse"][payer], "tier": tier}.items():
            self._findings.compare("ownership", rows, place, name, expected)

    def _check_spending(self, rows: Rows, place: IntArray, in_force: IntArray) -> None:
        amount, held = rows["amount_minor"][place], np.isin(rows["state"][place], _OPEN)
        slot = np.maximum(slots_of(rows["currency"][place]), 0)
        rule = self._policies.fees[in_force[place], rows["payment_type"][place], slot]
        fee = np.minimum(rule[:, 2], rule[:, 0] + (amount * rule[:, 1] + 5000) // 10000)
        compare = self._findings.compare
        compare("range", rows, place, "amount_minor", np.maximum(amount, 1))
        compare("fees", rows, place, "held_minor", np.where(held, amount + fee, 0))
        compare("payments", rows, place, "moved_minor", np.where(held, 0, amount))
        compare("fees", rows, place, "fee_minor", np.where(held, 0, fee))
        compare("left", rows, place, "left_minor", np.where(held, 0, amount))
        compare("limits", rows, place, "limit_minor", amount)
        compare("limits", rows, place, "limit_count", 1)
        compare("limits", rows, place, "limit_day", rows["business_day"][place])

    def _check_parties(self, rows: Rows, place: IntArray) -> None:
        slot = np.maximum(slots_of(rows["currency"][place]), 0)
        kind, payer, payee = rows["kind"][place], rows["payer_account"][place], rows["payee_account"][place]
        pay = kind == Kind.PAY
        types = rows["payment_type"][place]
        allowed = np.where(pay, np.clip(types, PaymentType.TRANSFER, PaymentType.BILL), int(PaymentType.WITHDRAWAL))
        self._findings.compare("payments", rows, place, "payment_type", allowed)
        self._findings.compare("accounts", rows, place, "payee_account", np.where(pay, payee, 3 * slot + 1))
        seqs = rows["seq"][place]
        self._findings.mark(
            "accounts", pay & ((payee <= SYSTEM_ACCOUNTS) | (payee == payer)), seqs,
            "Row {seq} pays into account {account}, which is the system's or the payer's own.", account=payee,
        )  # fmt: skip
        self._findings.mark(
            "range", pay & (rows["flags"][place] & Flag.RAIL != 0), seqs, "Row {seq} is a payment within, but has the flag "
            "rail of a withdrawal.",
        )  # fmt: skip
        known = self._entities.accounts.exists(payee, seqs)
        self._findings.mark(
            "accounts", ~known, seqs, "Row {seq} names the payee's account {account}, which is not open.", account=payee
        )
        own = self._entities.accounts["slot"][np.where(known, payee, 0)]
        self._findings.mark(
            "accounts", known & (own != slot), seqs,
            "Row {seq} is in another currency than the payee's account {account}.", account=payee,
        )  # fmt: skip
        self._check_client(rows, place, payer, np.zeros(len(place), dtype=np.bool_))
        self._freezes.check_passage(rows, place, payer, payee)

    def _check_deposits(self, rows: Rows, place: IntArray) -> None:
        slot = np.maximum(slots_of(rows["currency"][place]), 0)
        amount, compare = np.maximum(rows["amount_minor"][place], 1), self._findings.compare
        compare("accounts", rows, place, "payer_account", 3 * slot + 1)
        compare("payments", rows, place, "moved_minor", amount)
        compare("left", rows, place, "left_minor", amount)
        for name in ("held_minor", "fee_minor", "limit_minor", "limit_count", "expires_us"):
            compare("payments", rows, place, name, 0)
        compare("state", rows, place, "state", int(State.CLEARED))
        to_suspense = rows["flags"][place] & Flag.TO_SUSPENSE != 0
        suspense = rows["payee_account"][place] == 3 * slot + 3
        self._findings.mark(
            "suspense", suspense & ~to_suspense, rows["seq"][place],
            "Row {seq} credits the suspense account {account} without the flag to_suspense.",
            account=rows["payee_account"][place],
        )  # fmt: skip
        operates = rows["flags"][place] & Flag.OPERATES != 0
        self._check_client(rows, place, rows["payee_account"][place], operates | (suspense & to_suspense))

    def _check_suspense(self, rows: Rows, place: IntArray) -> None:
        """Suspense is moved to a customer, by who operates the system, and never below zero."""
        slot, compare = np.maximum(slots_of(rows["currency"][place]), 0), self._findings.compare
        payee, operates = rows["payee_account"][place], rows["flags"][place] & Flag.OPERATES != 0
        compare("accounts", rows, place, "payer_account", 3 * slot + 3)
        compare("payments", rows, place, "moved_minor", np.maximum(rows["amount_minor"][place], 1))
        for name in ("held_minor", "fee_minor", "limit_minor", "limit_count", "left_minor", "expires_us"):
            compare("payments", rows, place, name, 0)
        compare("state", rows, place, "state", int(State.DONE))
        self._findings.mark(
            "ownership", (payee <= SYSTEM_ACCOUNTS) | ~operates, rows["seq"][place],
            "Row {seq} of client {found} moves suspense to account {account}: it is no customer's, or the client does not "
            "operate the system.", found=rows["client"][place], account=payee,
        )  # fmt: skip

    def _check_others(self, rows: Rows, place: IntArray) -> None:
        """Opening, publishing and setting moves nothing."""
        for name in _MONEY:
            self._findings.compare("payments", rows, place, name, 0)
        nobody = place[~np.isin(rows["kind"][place], (Kind.SET_ACCOUNT, Kind.LABEL))]
        self._findings.compare("payments", rows, nobody, "payer_account", 0)
        self._findings.compare("state", rows, place, "state", int(State.DONE))

    def _check_client(self, rows: Rows, place: IntArray, account: IntArray, excused: BoolArray) -> None:
        """The client of a command owns the account that it disposes of, but for ``excused`` ones."""
        known = self._entities.accounts.exists(account, rows["seq"][place])
        customer = self._entities.accounts["customer"][np.where(known, account, 0)]
        owner, client = self._entities.customers["client"][customer], rows["client"][place]
        wrong = ~known | (~excused & ((owner != client) | (customer == 0)))
        self._findings.mark(
            "ownership", wrong, rows["seq"][place],
            "Row {seq} of client {found} disposes of account {account}, which belongs to client {expected}.",
            expected=owner, found=client, account=account,
        )  # fmt: skip


def _credits_suspense(rows: Rows) -> BoolArray:
    slot = np.maximum(slots_of(rows["currency"]), 0)
    reaches: BoolArray = (rows["moved_minor"] > 0) & (rows["payee_account"] == 3 * slot + 3)
    return reaches
