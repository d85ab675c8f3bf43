"""The tail that keeps the review queue: rows that send a payment to a review open an item, the next one closes it."""

from __future__ import annotations

from typing import Final

from penstock.contracts.commands import Kind
from penstock.contracts.states import State
from penstock.contracts.words import score_told
from penstock.journal.stretches import Mask, Stretch
from penstock.journal.tails import Connection, Span, Tail, TailRow, by_columns, read_span
from penstock.kit.settings import Settings
from penstock.review.reviews import rules, store
from penstock.review.reviews.store import Closing, NewItem

NAME: Final = "reviews"
_OPENS: Final = f"row.kind IN ({int(Kind.PAY)}, {int(Kind.WITHDRAW)}) AND row.state = {int(State.REVIEW)}"
_ENDS: Final = (Kind.DECIDE_REVIEW, Kind.EXPIRE, Kind.CANCEL)
#: Only these end a review, see contracts/states.py, and the first row after the payment's own is the one that does.
_ENDINGS: Final = ", ".join(str(int(kind)) for kind in _ENDS)
_CLOSES: Final = f"row.kind IN ({_ENDINGS}) AND row.ref_seq > 0 AND row.ref_prev_seq = row.ref_seq"


def make_tail(settings: Settings) -> Tail:
    """The tail of the review queue.

    :raises BadSetting: when ``review_rates`` cannot be read.
    """
    rates = rules.rates(settings.review_rates)

    async def handle(connection: Connection, span: Span) -> None:
        rows = await read_span(connection, span, f"({_OPENS}) OR ({_CLOSES})")
        items = [_item(row, span.lane, settings, rates) for row in rows if not row.ref_seq]
        await store.add(connection, items)
        await store.close(connection, [_closing(row, span.lane) for row in rows if row.ref_seq])

    return Tail(NAME, handle, by_columns(wants))


def wants(stretch: Stretch) -> Mask:
    """The rows that open or may close a review."""
    opens = stretch.among("kind", Kind.PAY, Kind.WITHDRAW) & stretch.among("state", State.REVIEW)
    first_after: Mask = stretch.column("ref_prev_seq") == stretch.column("ref_seq")
    return opens | (stretch.among("kind", *_ENDS) & stretch.positive("ref_seq") & first_after)


def _item(row: TailRow, lane: int, settings: Settings, rates: dict[int, int]) -> NewItem:
    score = score_told(row.score, row.model_version)
    loss = rules.expected_loss(row.amount_minor, score, settings.review_prior_basis_points)
    return NewItem(
        lane, row.seq, row.kind, row.client, row.payer_account, row.payee_account, row.amount_minor, row.currency,
        row.payment_type, row.time_us, row.expires_us, score, loss, rules.weight(loss, row.currency, rates),
    )  # fmt: skip


def _closing(row: TailRow, lane: int) -> Closing:
    return Closing(lane, row.ref_seq, row.seq, row.time_us, row.kind, row.state, row.maker)
