"""How comparisons and differences are shown."""

from __future__ import annotations

import msgspec

from penstock.contracts import ids as public
from penstock.contracts.ids import PublicIds
from penstock.contracts.words import CURRENCY_CODES
from penstock.process.rails.reconcile.store import DifferenceRow, ReconciliationRow


class Words(msgspec.Struct, frozen=True):
    """A sentence in both languages."""

    en: str
    zh: str


#: What each kind of difference means, and what to look at.
MEANINGS = {
    "missing_at_bank": Words(
        "Booked here, but in no statement of the bank. Ask the bank; if the money never moved, correct the payment.",
        "本系统已入账，但银行对账单中没有该笔。请向银行核实；若资金并未变动，请更正该笔支付。",
    ),
    "missing_here": Words(
        "In the bank's statement, but not booked here yet. It settles by itself when the booking follows.",
        "银行对账单中有该笔，但本系统尚未入账。入账后将自动平账。",
    ),
    "amount_differs": Words(
        "The bank's amount and ours differ, or the bank moved the money more than once. Ask the bank.",
        "银行金额与本系统金额不一致，或银行重复划款。请向银行核实。",
    ),
    "rejected_but_paid": Words(
        "The bank said rejected, so the payer got the money back; but the bank has paid. Recall it, or claim it from the payer.",
        "银行曾答复拒绝，款项已退回付款人，但银行实际已付款。请追回该款项，或向付款人追索。",
    ),
    "statement_sum": Words(
        "The statement does not add up, or does not begin where the one before ended. Ask the bank for a right one.",
        "对账单金额勾稽不符，或期初余额与上一日期末余额不一致。请向银行索取正确的对账单。",
    ),
}


class DifferenceView(msgspec.Struct, frozen=True):
    """A difference between the bank's books and ours; amounts in minor units, null = that side has nothing."""

    difference: str
    date: str
    kind: str
    meaning: Words
    reference: str
    currency: str
    bank_minor: int | None
    our_minor: int | None
    payment: str | None
    state: str
    found: str
    resolved: str | None
    #: The person's number; 0 = a later comparison found it settled.
    resolved_by: int | None
    note: str


class DifferencePage(msgspec.Struct, frozen=True):
    """Differences, newest first; `next_cursor` is null at the end."""

    differences: list[DifferenceView]
    next_cursor: str | None


class ReconciliationView(msgspec.Struct, frozen=True):
    """One day's comparison; ``differences``: those of the day that were open after the newest run."""

    date: str
    done: str
    runs: int
    bank_entries: int
    our_bookings: int
    differences: int


def difference_view(row: DifferenceRow, ids: PublicIds) -> DifferenceView:
    """Show a difference."""
    resolved = row.state == "resolved"
    return DifferenceView(
        difference=ids.encode(public.Kind.DIFFERENCE, row.difference),
        date=row.date.isoformat(),
        kind=row.kind,
        meaning=MEANINGS[row.kind],
        reference=row.reference,
        currency=CURRENCY_CODES.get(row.currency, ""),
        bank_minor=row.bank_minor,
        our_minor=row.our_minor,
        payment=ids.encode(public.Kind.PAYMENT, row.payment_seq) if row.payment_seq else None,
        state=row.state,
        found=row.found_at.isoformat(),
        resolved=row.resolved_at.isoformat() if row.resolved_at else None,
        resolved_by=row.resolved_by if resolved else None,
        note=row.note,
    )


def reconciliation_view(row: ReconciliationRow) -> ReconciliationView:
    """Show a comparison."""
    counted = (row.runs, row.bank_entries, row.our_bookings, row.differences)
    return ReconciliationView(row.date.isoformat(), row.done_at.isoformat(), *counted)
