"""What is kept of a payment, and its follow-ups in a chunk: what each one found, and what it added up to."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from penstock.contracts.commands import Flag
from penstock.contracts.states import OPEN, State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.groups import order_by, running_sums, start_places, starts_of

#: What is kept of a payment that is open, or of which a part was given back; sorted by ``origin_seq``.
#: ``sent_…`` is about the refund that is on its way through the bank; ``given`` is 1 once anything was given back.
COLUMNS: Final = (
    "origin_seq", "payer", "payee", "purse", "client", "payment_type", "currency_slot", "limit_day", "amount_minor",
    "fee_minor", "cleared_minor", "released_minor", "expires_us", "last_seq", "state", "flags", "kind", "left_minor",
    "sent_minor", "sent_client", "sent_flags", "given",
)  # fmt: skip
Kept = dict[str, IntArray]
#: States in which the payer's own funds are held; in REFUNDING it is the payee's.
AUTHORISED: Final = (State.HELD, State.DELAYED, State.REVIEW)
OPEN_STATES: Final = np.array(sorted(OPEN))


@dataclass(frozen=True)
class Steps:
    """Follow-ups that took effect, sorted by payment and sequence; all (m,)."""

    place: IntArray  # in the rows
    at: IntArray  # in what is kept
    payment: Kept  # of each follow-up, as it was before the chunk
    starts: BoolArray
    before: IntArray  # the row of the same payment before it
    state: IntArray  # of the payment before it
    left: IntArray
    sent: IntArray
    expires: IntArray
    cleared_before: IntArray
    cleared: IntArray
    released_before: IntArray
    released: IntArray

    def pick(self, chosen: BoolArray) -> Steps:
        """Some of the steps; what is added up stays."""
        kept = {name: column[chosen] for name, column in self.payment.items()}
        others = {f.name: getattr(self, f.name)[chosen] for f in fields(self) if f.name != "payment"}
        return Steps(payment=kept, **others)

    @property
    def rest_before(self) -> IntArray:
        """What of the amount was neither cleared nor given back."""
        return self.payment["amount_minor"] - self.cleared_before - self.released_before

    @property
    def rest(self) -> IntArray:
        """The same after the step."""
        return self.payment["amount_minor"] - self.cleared - self.released

    @property
    def at_bank(self) -> BoolArray:
        """Whether only the bank's answer may end what is held."""
        banked: BoolArray = (self.state == State.HELD) & (self.payment["flags"] & Flag.RAIL != 0)
        refunding: BoolArray = self.state == State.REFUNDING
        return banked | refunding


def make_steps(rows: Rows, place: IntArray, at: IntArray, kept: Kept) -> Steps:
    """Sort follow-ups by payment and see what each one found: the row before it says, or what is kept."""
    order = order_by(at)
    place, at = place[order], at[order]
    payment = {name: column[at] for name, column in kept.items()}
    starts = starts_of(at)

    def before(name: str, kept_as: str) -> IntArray:
        return np.where(starts, payment[kept_as], np.roll(rows[name][place], 1))

    state = before("state", "state")
    authorised = np.isin(state, AUTHORISED)
    moved = np.where(authorised, rows["moved_minor"][place], 0)
    given = np.where(authorised, np.maximum(-rows["limit_minor"][place], 0), 0)
    cleared = running_sums(moved, starts) + payment["cleared_minor"]
    released = running_sums(given, starts) + payment["released_minor"]
    return Steps(
        place, at, payment, starts, before("seq", "last_seq"), state, before("left_minor", "left_minor"),
        before("held_minor", "sent_minor"), _expires(rows, place, payment, starts), cleared - moved, cleared,
        released - given, released,
    )  # fmt: skip


def _expires(rows: Rows, place: IntArray, payment: Kept, starts: BoolArray) -> IntArray:
    """When each payment was due before each step: a row that lets it go on sets another time."""
    if not len(place):
        return place
    set_here = rows["expires_us"][place] > 0
    last = np.maximum.accumulate(np.where(set_here, np.arange(len(place)), -1))
    last = np.concatenate(([-1], last[:-1]))
    return np.where(last >= start_places(starts), rows["expires_us"][place[np.maximum(last, 0)]], payment["expires_us"])


def fee_taken(payment: Kept, cleared: IntArray) -> IntArray:
    """The fee that has been taken after clearing a total, pro rata and rounded down."""
    amount = np.maximum(payment["amount_minor"], 1)
    return payment["fee_minor"] * np.clip(cleared, 0, amount) // amount


def frozen(payment: Kept, cleared: IntArray, released: IntArray) -> IntArray:
    """What stays held of an authorised payment after totals cleared and released."""
    amount = np.maximum(payment["amount_minor"], 1)
    rest = payment["amount_minor"] - cleared - released
    fee = payment["fee_minor"] * np.clip(amount - released, 0, amount) // amount - fee_taken(payment, cleared)
    return np.where(rest > 0, rest + fee, 0)
