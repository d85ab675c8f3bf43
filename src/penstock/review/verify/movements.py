"""Payments, withdrawals and deposits: each row says what its command and the policy's fee rule ask for."""

from __future__ import annotations

import numpy as np

from penstock.contracts.commands import Flag, Kind, PaymentType
from penstock.contracts.states import State
from penstock.review.verify.columns import IntArray, Rows
from penstock.review.verify.entities import SYSTEM_ACCOUNTS, Entities, slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.policies import Policies

_MOVING = (Kind.PAY, Kind.WITHDRAW, Kind.DEPOSIT)
_FOLLOWING = (Kind.CLEAR, Kind.RELEASE, Kind.CANCEL, Kind.EXPIRE)


class Movements:
    """Checks the rows that begin to move money, and that others move none."""

    def __init__(self, entities: Entities, policies: Policies, findings: Findings) -> None:
        self._entities = entities
        self._policies = policies
        self._findings = findings

    def feed(self, rows: Rows, in_force: IntArray) -> None:
        """Check these rows; ``in_force`` (n,) is each row's policy version."""
        done = rows["state"] != State.DECLINED
        self._check_payer(rows)
        self._check_spending(rows, np.flatnonzero(done & np.isin(rows["kind"], (Kind.PAY, Kind.WITHDRAW))), in_force)
        self._check_deposits(rows, np.flatnonzero(done & (rows["kind"] == Kind.DEPOSIT)))
        self._check_others(rows, np.flatnonzero(done & ~np.isin(rows["kind"], (*_MOVING, *_FOLLOWING))))

    def _check_payer(self, rows: Rows) -> None:
        """A row carries its payer's customer, purse and tier."""
        accounts, customers = self._entities.accounts, self._entities.customers
        place = np.flatnonzero(accounts.exists(rows["payer_account"], rows["seq"]))
        payer = rows["payer_account"][place]
        customer = accounts["customer"][payer]
        facts = {"customer": customer, "purse": accounts["purse"][payer], "tier": customers["tier"][customer]}
        for name, expected in facts.items():
            self._compare("ownership", rows, place, name, expected)

    def _check_spending(self, rows: Rows, place: IntArray, in_force: IntArray) -> None:
        kind, amount, held = rows["kind"][place], rows["amount_minor"][place], rows["state"][place] == State.HELD
        slot = np.maximum(slots_of(rows["currency"][place]), 0)
        rule = self._policies.fees[in_force[place], rows["payment_type"][place], slot]
        fee = np.minimum(rule[:, 2], rule[:, 0] + (amount * rule[:, 1] + 5000) // 10000)
        self._compare("range", rows, place, "amount_minor", np.maximum(amount, 1))
        self._compare("fees", rows, place, "held_minor", np.where(held, amount + fee, 0))
        self._compare("payments", rows, place, "moved_minor", np.where(held, 0, amount))
        self._compare("fees", rows, place, "fee_minor", np.where(held, 0, fee))
        self._compare("limits", rows, place, "limit_minor", amount)
        self._compare("limits", rows, place, "limit_count", np.ones(len(place), dtype=np.int64))
        self._compare("limits", rows, place, "limit_day", rows["business_day"][place])
        hold_only = (kind == Kind.PAY) & (rows["flags"][place] & Flag.HOLD_ONLY != 0)
        self._compare("state", rows, place, "state", np.where(hold_only, int(State.HELD), int(State.CLEARED)))
        expires, times = rows["expires_us"][place], rows["time_us"][place]
        self._compare("expiry", rows, place, "expires_us", np.where(held, np.maximum(expires, times + 1), 0))
        self._check_parties(rows, place, slot)

    def _check_parties(self, rows: Rows, place: IntArray, slot: IntArray) -> None:
        kind, payer, payee = rows["kind"][place], rows["payer_account"][place], rows["payee_account"][place]
        pay = kind == Kind.PAY
        types = rows["payment_type"][place]
        allowed = np.where(pay, np.clip(types, PaymentType.TRANSFER, PaymentType.BILL), int(PaymentType.WITHDRAWAL))
        self._compare("payments", rows, place, "payment_type", allowed)
        self._compare("accounts", rows, place, "payee_account", np.where(pay, payee, 3 * slot + 1))
        seqs = rows["seq"][place]
        self._findings.mark(
            "accounts", pay & ((payee <= SYSTEM_ACCOUNTS) | (payee == payer)), seqs,
            "Row {seq} pays into account {account}, which is the system's or the payer's own.", account=payee,
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
        self._check_client(rows, place, payer)

    def _check_deposits(self, rows: Rows, place: IntArray) -> None:
        slot = np.maximum(slots_of(rows["currency"][place]), 0)
        nothing = np.zeros(len(place), dtype=np.int64)
        self._compare("accounts", rows, place, "payer_account", 3 * slot + 1)
        self._compare("payments", rows, place, "moved_minor", np.maximum(rows["amount_minor"][place], 1))
        for name in ("held_minor", "fee_minor", "limit_minor", "limit_count", "expires_us"):
            self._compare("payments", rows, place, name, nothing)
        self._compare("state", rows, place, "state", np.full(len(place), int(State.DONE)))
        self._check_client(rows, place, rows["payee_account"][place])

    def _check_others(self, rows: Rows, place: IntArray) -> None:
        """Opening and publishing moves nothing."""
        nothing = np.zeros(len(place), dtype=np.int64)
        for name in ("held_minor", "moved_minor", "fee_minor", "limit_minor", "limit_count", "payer_account"):
            self._compare("payments", rows, place, name, nothing)
        self._compare("state", rows, place, "state", np.full(len(place), int(State.DONE)))

    def _check_client(self, rows: Rows, place: IntArray, account: IntArray) -> None:
        """The client of a command owns the account that it disposes of."""
        known = self._entities.accounts.exists(account, rows["seq"][place])
        customer = self._entities.accounts["customer"][np.where(known, account, 0)]
        owner, client = self._entities.customers["client"][customer], rows["client"][place]
        self._findings.mark(
            "ownership", ~known | (owner != client) | (customer == 0), rows["seq"][place],
            "Row {seq} of client {found} disposes of account {account}, which belongs to client {expected}.",
            expected=owner, found=client, account=account,
        )  # fmt: skip

    def _compare(self, check: str, rows: Rows, place: IntArray, name: str, expected: IntArray) -> None:
        found = rows[name][place]
        self._findings.mark(
            check, found != expected, rows["seq"][place],
            f"Row {{seq}} has the {name} {{found}} instead of {{expected}}.",
            expected=expected, found=found, account=rows["payer_account"][place],
        )  # fmt: skip
