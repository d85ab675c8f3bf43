"""Numbers that cannot be: reported once, and worked on as nearest possible, so that no later check overflows."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import FACTOR_KINDS, Channel, Factor, Kind, PaymentType
from penstock.contracts.money import MAX_AMOUNT_MINOR, MAX_FEE_MINOR
from penstock.contracts.reasons import WITHOUT_TRACE, Reason
from penstock.contracts.states import State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import slots_of
from penstock.review.verify.findings import Findings

#: By what a payment came, as keyed hashes.
HASHES: Final = ("instrument", "device", "network", "place", "category")
_MOST_HELD: Final = MAX_AMOUNT_MINOR + MAX_FEE_MINOR
#: Column → the least and the most that a row may say.
_BOUNDS: Final = {
    "amount_minor": (0, MAX_AMOUNT_MINOR),
    "held_minor": (-_MOST_HELD, _MOST_HELD),
    "moved_minor": (0, MAX_AMOUNT_MINOR),
    "fee_minor": (0, MAX_FEE_MINOR),
    "limit_minor": (-MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR),
    "limit_count": (-1, 1),
    "expires_us": (0, 2**62),
    "payment_type": (0, max(PaymentType)),
    "client": (0, 2**31 - 1),
    "from_us": (0, 2**62),
    "left_minor": (0, MAX_AMOUNT_MINOR),
    "maker": (0, 2**31 - 1),
    "approval_1": (0, 2**31 - 1),
    "approval_2": (0, 2**31 - 1),
    "approval_3": (0, 2**31 - 1),
    "option": (0, 2**15 - 1),
    "model_version": (0, 2**31 - 1),
    "verification": (0, len(FACTOR_KINDS)),
    "factors": (0, 2 * max(Factor) - 1),
    "channel": (0, max(Channel)),
    "latitude_e4": (-900_000, 900_000),
    "longitude_e4": (-1_800_000, 1_800_000),
    **dict.fromkeys(HASHES, (0, 2**63 - 1)),
}
#: Columns in which only some kinds of command say anything.
_ONLY: Final = {
    **dict.fromkeys(HASHES, (Kind.PAY, Kind.LABEL)), "was": (Kind.LABEL,), "from_us": (Kind.LABEL, Kind.SET_ACCOUNT),
    **dict.fromkeys(("channel", "factors", "latitude_e4", "longitude_e4"), (Kind.PAY,)),
}  # fmt: skip
_MONEY: Final = ("held_minor", "moved_minor", "fee_minor", "limit_minor", "limit_count", "left_minor")
#: A payment that fell due ends with the reason why it could not go on.
_ENDED_DUE: Final = (State.EXPIRED, State.REJECTED)
#: Rows that are about no money of one currency.
_WITHOUT_CURRENCY: Final = (
    Kind.OPEN_CUSTOMER, Kind.PUBLISH, Kind.SET_ACCOUNT, Kind.SET_CUSTOMER, Kind.SET_APPROVALS, Kind.PUBLISH_MODEL,
    Kind.LABEL,  # has that of its payment
)  # fmt: skip
_REASONS: Final = np.array(sorted(set(Reason) - WITHOUT_TRACE))


def check_ranges(rows: Rows, findings: Findings) -> Rows:
    """Report what is out of bounds or no word of the contracts; the rows with numbers inside the bounds.

    Declined and challenged rows come back without money, which is reported.
    """
    _check_words(rows, findings)
    seqs, replaced = rows["seq"], {}
    for name, (least, most) in _BOUNDS.items():
        values = rows[name]
        wrong = (values < least) | (values > most)
        if wrong.any():
            findings.mark(
                "range", wrong, seqs, f"Row {{seq}} has the {name} {{found}}; it must lie from {least} to {most}.",
                found=values,
            )  # fmt: skip
            replaced[name] = np.clip(values, least, most)
    for name, kinds in _ONLY.items():
        findings.compare("range", rows, np.flatnonzero(~np.isin(rows["kind"], kinds)), name, 0)
    return _strip_declined(rows.replace(**replaced), findings)


def _check_words(rows: Rows, findings: Findings) -> None:
    seqs, declined = rows["seq"], rows["state"] == State.DECLINED
    words: dict[str, IntArray] = {"kind": np.array(Kind), "state": np.array(sorted(set(State) - {State.NONE}))}
    for name, known in (words | {"reason": _REASONS}).items():
        findings.mark(
            "range", ~np.isin(rows[name], known), seqs, f"Row {{seq}} has the {name} {{found}}, which does not exist.",
            found=rows[name],
        )  # fmt: skip
    findings.mark(
        "range", ~declined & (slots_of(rows["currency"]) < 0) & _has_currency(rows["kind"]), seqs,
        "Row {seq} has the currency {found}, which is not kept.", found=rows["currency"],
    )  # fmt: skip
    due = (rows["kind"] == Kind.EXPIRE) & np.isin(rows["state"], _ENDED_DUE)
    challenged = rows["state"] == State.CHALLENGE
    wrong = np.where(challenged, rows["reason"] != Reason.VERIFICATION_NEEDED, declined == (rows["reason"] == Reason.OK))
    findings.mark(
        "state", ~due & wrong, seqs,
        "Row {seq} has the reason {found}: a declined row needs one, another has none.", found=rows["reason"],
    )  # fmt: skip


def _has_currency(kinds: IntArray) -> BoolArray:
    return ~np.isin(kinds, _WITHOUT_CURRENCY)


def _strip_declined(rows: Rows, findings: Findings) -> Rows:
    declined = np.isin(rows["state"], (State.DECLINED, State.CHALLENGE))
    replaced = {}
    for name in _MONEY:
        wrong = declined & (rows[name] != 0)
        if wrong.any():
            findings.mark(
                "declined", wrong, rows["seq"], f"Row {{seq}} is declined or challenged, but its {name} is {{found}}.",
                expected=0, found=rows[name],
            )  # fmt: skip
            replaced[name] = np.where(declined, 0, rows[name])
    return rows.replace(**replaced)
