"""The row of a label: a copy of whom the payment was about, and what is known of it now. Kernel."""

from __future__ import annotations

from typing import Any

from penstock.contracts.reasons import Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import constant, kernel
from penstock.process.post.rows import close_row, decline

_DONE, _UNKNOWN = constant(PaymentState.DONE), constant(Reason.PAYMENT_UNKNOWN)


@kernel
def label(state: Any, row: Any, command: Any, judged: Any, i: int) -> None:
    """Write what the decision stage has found out and learned already."""
    reason = judged.reason[i]
    if reason == _UNKNOWN:
        decline(state, row, reason)
        return
    payment = judged.labelled[i]
    row["ref_seq"] = command["ref_seq"]
    if reason != 0:
        decline(state, row, reason)
        return
    row["payer_account"] = payment["payer"]
    row["payee_account"] = payment["payee"]
    row["customer"] = payment["customer"]
    row["purse"] = payment["purse"]
    row["currency"] = payment["currency"]
    row["payment_type"] = payment["payment_type"]
    row["instrument"] = payment["instrument"]
    row["device"] = payment["device"]
    row["network"] = payment["network"]
    row["place"] = payment["place"]
    row["category"] = payment["category"]
    row["from_us"] = payment["time_us"]
    row["was"] = judged.was[i]
    close_row(state, row, _DONE, 0)
