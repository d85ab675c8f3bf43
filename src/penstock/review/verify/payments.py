"""The life of payments: what each row may do after the state × command table, in which order, and to which payment."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import Kind, Operation, Option
from penstock.contracts.reasons import Reason
from penstock.contracts.states import FOLLOW_UPS, TRANSITIONS, State
from penstock.review.verify.approvals import Approvals
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import Entities, slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.freezes import Freezes
from penstock.review.verify.giving_back import GivingBack
from penstock.review.verify.groups import ends_of
from penstock.review.verify.limits import Approved
from penstock.review.verify.origins import Origins, is_fetchable
from penstock.review.verify.policies import Policies
from penstock.review.verify.refusals import Refusals
from penstock.review.verify.settling import Settling
from penstock.review.verify.steps import AUTHORISED, COLUMNS, OPEN_STATES, Kept, Steps, fee_taken, frozen, make_steps

#: Whether a command takes effect on a payment in a state.
_EFFECTIVE: Final = np.zeros((max(State) + 1, max(Kind) + 1), dtype=np.bool_)
for (_state, _kind), _transition in TRANSITIONS.items():
    _EFFECTIVE[_state, _kind] = _transition.reason == Reason.OK
_LATE_US: Final = 5_000_000
#: Bounds a fee so that F x A fits whatever a changed row says; the change itself is found by `fees`.
_MOST_FEE: Final = 9 * 10**6


class Payments:
    """Follows the payments of one lane; keeps those that are open, and cleared ones of which a part was given back."""

    def __init__(
        self, entities: Entities, policies: Policies, freezes: Freezes, approvals: Approvals, origins: Origins,
        findings: Findings,
    ) -> None:  # fmt: skip
        self.kept: Kept = {name: np.zeros(0, dtype=np.int64) for name in COLUMNS}
        self._entities = entities
        self._approvals = approvals
        self._origins = origins
        self._findings = findings
        self._refusals = Refusals(findings)
        self._settling = Settling(policies, freezes, approvals, findings)
        self._giving_back = GivingBack(entities, policies, freezes, findings)
        self._last_time_us = 0

    def feed(self, rows: Rows, in_force: IntArray) -> Approved:
        """Check what these rows do to payments; the rows that let a reviewed payment go on."""
        self._refusals.remember(rows)
        self._begin(rows)
        done = rows["state"] != State.DECLINED
        about = np.isin(rows["kind"], FOLLOW_UPS) & ~_moves_suspense(rows)
        recovers = np.flatnonzero(done & (rows["kind"] == Kind.RECOVER))
        self._approvals.check(rows, recovers, Operation.RECOVER)
        effective = about & done
        steps = self._match(rows, np.flatnonzero(effective))
        approved = self._check(rows, steps, in_force)
        self._refusals.feed(rows, about, effective)
        self._close(rows, steps)
        # before a client's command everything that is due happens; the lane's own rows may be a part of many
        self._last_time_us = int(rows["time_us"][rows["client"] > 0].max(initial=self._last_time_us))
        return approved

    def finish(self, last_seq: int) -> None:
        """Compare the held balances with the open payments, and look for payments that should have fallen due."""
        self._check_held(last_seq)
        authorised = np.isin(self.kept["state"], AUTHORISED)
        overdue = authorised & (self.kept["expires_us"] < self._last_time_us - _LATE_US)
        self._findings.mark(
            "expiry", overdue, self.kept["origin_seq"],
            "The payment of row {seq} fell due at {expected} µs and was still open when the last command was decided, at "
            "{found} µs.", expected=self.kept["expires_us"], found=np.full(len(overdue), self._last_time_us),
            account=self.kept["payer"], until_seq=last_seq,
        )  # fmt: skip

    def holds(self) -> Kept:
        """What is held open, as a checkpoint has it: for a refund at the bank what the refund holds."""
        chosen = np.isin(self.kept["state"], OPEN_STATES)
        kept = {name: column[chosen] for name, column in self.kept.items()}
        sent = kept["state"] == State.REFUNDING
        nothing = np.zeros(len(sent), dtype=np.int64)
        account = np.where((kept["payee"] > 0) & (kept["payee"] <= self._entities.accounts.count), kept["payee"], 0)
        instead = {
            "payer": kept["payee"], "payee": kept["payer"], "purse": self._entities.accounts["purse"][account],
            "client": kept["sent_client"], "limit_day": nothing, "amount_minor": kept["sent_minor"],
            "fee_minor": nothing, "cleared_minor": nothing, "released_minor": nothing, "flags": kept["sent_flags"],
            "kind": np.full(len(sent), int(Kind.REFUND)),
        }  # fmt: skip
        held = kept | {name: np.where(sent, values, kept[name]) for name, values in instead.items()}
        held["left_minor"] = np.where(sent, kept["left_minor"], 0)
        held["fee_taken_minor"] = fee_taken(held, held["cleared_minor"])
        for name in ("sent_minor", "sent_client", "sent_flags", "given"):
            del held[name]
        return held

    def _begin(self, rows: Rows) -> None:
        """Take up the payments that these rows begin to hold."""
        begins = np.isin(rows["kind"], (Kind.PAY, Kind.WITHDRAW)) & np.isin(rows["state"], OPEN_STATES)
        place = np.flatnonzero(begins)
        fresh = {
            "origin_seq": rows["seq"], "payer": rows["payer_account"], "payee": rows["payee_account"],
            "currency_slot": slots_of(rows["currency"]), "last_seq": rows["seq"],
            "fee_minor": np.clip(rows["held_minor"] - rows["amount_minor"], 0, _MOST_FEE),
        }  # fmt: skip
        for name in ("purse", "client", "payment_type", "limit_day", "amount_minor", "expires_us", "state", "flags", "kind"):
            fresh[name] = rows[name]
        nothing = np.zeros(len(rows), dtype=np.int64)
        self._keep({name: fresh.get(name, nothing)[place] for name in COLUMNS})
        self._count_holds(rows["payer_account"][place], rows["seq"][place], 1)

    def _keep(self, more: Kept) -> None:
        self.kept = {name: np.concatenate((column, more[name])) for name, column in self.kept.items()}

    def _match(self, rows: Rows, place: IntArray) -> Steps:
        """Find each follow-up's payment, and add up what was done to it."""
        self._fetch(rows, place)
        refs = rows["ref_seq"][place]
        at, known = self._find(refs, rows["seq"][place])
        self._findings.mark(
            "payments", ~known, rows["seq"][place],
            "Row {seq} takes effect on the payment {found}, which is neither held nor cleared with something left.", found=refs,
        )  # fmt: skip
        return make_steps(rows, place[known], at[known], self.kept)

    def _find(self, refs: IntArray, seqs: IntArray) -> tuple[IntArray, BoolArray]:
        origins = self.kept["origin_seq"]
        if not len(origins):
            return np.zeros(len(refs), dtype=np.int64), np.zeros(len(refs), dtype=np.bool_)
        at = np.minimum(np.searchsorted(origins, refs), len(origins) - 1)
        return at, (origins[at] == refs) & (refs < seqs)

    def _fetch(self, rows: Rows, place: IntArray) -> None:
        """Fetch the cleared payments that are given back for the first time, and keep them from now on."""
        refs, seqs = rows["ref_seq"][place], rows["seq"][place]
        _, known = self._find(refs, seqs)
        fetchable = ~known & (refs > 0) & (refs < seqs)
        fetchable &= is_fetchable(self._refusals.states_of(np.where(fetchable, refs, 0)))
        missing = place[fetchable]
        _, first = np.unique(rows["ref_seq"][missing], return_index=True)
        if len(first):
            self._keep(self._origins.fetch(rows, missing[first]))
            order = np.argsort(self.kept["origin_seq"], kind="stable")
            self.kept = {name: column[order] for name, column in self.kept.items()}

    def _check(self, rows: Rows, steps: Steps, in_force: IntArray) -> Approved:
        self._check_links(rows, steps)
        kinds = np.clip(rows["kind"][steps.place], 0, max(Kind))
        allowed = _EFFECTIVE[np.clip(steps.state, 0, max(State)), kinds]
        self._findings.mark(
            "payments", ~allowed, rows["seq"][steps.place],
            "Row {seq} takes effect on a payment in the state {found}, in which its command is refused: it had ended before, "
            "or is not there yet.", found=steps.state,
        )  # fmt: skip
        self._giving_back.check_cleared(rows, steps.pick(allowed & (steps.state == State.CLEARED)), in_force)
        self._giving_back.check_refunding(rows, steps.pick(allowed & (steps.state == State.REFUNDING)))
        return self._settling.check(rows, steps.pick(allowed & np.isin(steps.state, AUTHORISED)), in_force)

    def _check_links(self, rows: Rows, steps: Steps) -> None:
        """The rows of a payment are chained, and only rows about a payment name one."""
        expected = np.zeros(len(rows), dtype=np.int64)
        expected[steps.place] = steps.before
        self._findings.mark(
            "links", rows["ref_prev_seq"] != expected, rows["seq"],
            "Row {seq} says that {found} is the row before it in its payment; it is {expected}.",
            expected=expected, found=rows["ref_prev_seq"],
        )  # fmt: skip
        pointless = (rows["ref_seq"] != 0) & (~np.isin(rows["kind"], (*FOLLOW_UPS, Kind.LABEL)) | _moves_suspense(rows))
        self._findings.mark(
            "links", pointless, rows["seq"], "Row {seq} names the payment {found}, but is of a kind that is about none.",
            expected=0, found=rows["ref_seq"],
        )  # fmt: skip

    def _close(self, rows: Rows, steps: Steps) -> None:
        """Keep what is open or has been given back in part, as it is after these rows."""
        state = rows["state"][steps.place]
        leaves = np.isin(steps.state, OPEN_STATES) & ~np.isin(state, OPEN_STATES)
        sends = (state == State.REFUNDING) & (rows["kind"][steps.place] == Kind.REFUND)
        payer, seqs = rows["payer_account"][steps.place], rows["seq"][steps.place]
        self._count_holds(payer[leaves], seqs[leaves], -1)
        self._count_holds(payer[sends], seqs[sends], 1)
        self._update(rows, steps, np.flatnonzero(ends_of(steps.starts)))
        given = np.isin(steps.state, (State.CLEARED, State.REFUNDING))
        self.kept["given"][steps.at[given]] = 1
        states = self.kept["state"]
        stays = np.isin(states, OPEN_STATES) | ((states == State.CLEARED) & (self.kept["given"] == 1))
        if not stays.all():
            self.kept = {name: column[stays] for name, column in self.kept.items()}

    def _update(self, rows: Rows, steps: Steps, last: IntArray) -> None:
        at, place, kept = steps.at[last], steps.place[last], self.kept
        kept["cleared_minor"][at], kept["released_minor"][at] = steps.cleared[last], steps.released[last]
        for name in ("state", "left_minor"):
            kept[name][at] = rows[name][place]
        kept["last_seq"][at] = rows["seq"][place]
        expires = rows["expires_us"][place]
        kept["expires_us"][at] = np.where(expires > 0, expires, steps.expires[last])
        for name, column in (("sent_minor", "held_minor"), ("sent_client", "client"), ("sent_flags", "flags")):
            kept[name][at] = rows[column][place]

    def _count_holds(self, payer: IntArray, seqs: IntArray, change: int) -> None:
        known = self._entities.accounts.exists(payer, seqs)
        np.add.at(self._entities.accounts["open_holds"], payer[known], change)

    def _check_held(self, last_seq: int) -> None:
        accounts, held = self._entities.accounts, self.holds()
        count = accounts.count + 1
        known = (held["payer"] > 0) & (held["payer"] < count)
        expected = np.zeros(count, dtype=np.int64)
        amounts = frozen(held, held["cleared_minor"], held["released_minor"])
        np.add.at(expected, held["payer"][known], amounts[known])
        self._findings.mark(
            "holds", accounts["held"][:count] != expected, np.full(count, last_seq),
            "Account {account} has {found} minor units held after row {seq}; its open payments sum to {expected}.",
            expected=expected, found=accounts["held"][:count], account=np.arange(count),
        )  # fmt: skip


def _moves_suspense(rows: Rows) -> BoolArray:
    moves: BoolArray = (rows["kind"] == Kind.RECOVER) & (rows["option"] == Option.MOVE_SUSPENSE)
    return moves
