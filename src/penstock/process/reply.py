"""Reply: the fixed-width answers to a batch of commands, from its rows and verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import REPLY
from penstock.kit.kernels import kernel
from penstock.process.post.terms import Verdicts


def reply(commands: NDArray[Any], rows: NDArray[Any], verdicts: Verdicts, as_of_seq: int) -> NDArray[Any]:
    """The replies (n,) of ``REPLY`` to commands (n,); nobody may see them before ``as_of_seq`` has been committed."""
    replies = np.zeros(len(commands), REPLY)
    fill_replies(commands, rows, verdicts, as_of_seq, replies)
    return replies


@kernel
def fill_replies(commands: Any, rows: Any, verdicts: Any, as_of_seq: int, replies: Any) -> None:
    """Fill replies (n,), zero before, to commands (n,)."""
    for i in range(commands.shape[0]):
        out = replies[i]
        out["token"] = commands[i]["token"]
        out["kind"] = commands[i]["kind"]
        out["status"] = verdicts.status[i]
        out["reason"] = verdicts.reason[i]
        out["seq"] = verdicts.seq[i]
        out["as_of_seq"] = as_of_seq
        if verdicts.row[i] >= 0:
            _tell_row(out, rows[verdicts.row[i]])


@kernel
def _tell_row(out: Any, row: Any) -> None:
    out["time_us"] = row["time_us"]
    out["ref_seq"] = row["ref_seq"] if row["ref_seq"] > 0 else row["seq"]
    out["payer_account"] = row["payer_account"]
    out["payee_account"] = row["payee_account"]
    out["amount_minor"] = row["amount_minor"]
    out["held_minor"] = row["held_minor"]
    out["moved_minor"] = row["moved_minor"]
    out["fee_minor"] = row["fee_minor"]
    out["expires_us"] = row["expires_us"]
    out["left_minor"] = row["left_minor"]
    out["score"] = row["score"]
    out["model_version"] = row["model_version"]
    out["customer"] = row["customer"]
    out["state"] = row["state"]
    out["payment_type"] = row["payment_type"]
    out["currency"] = row["currency"]
    out["flags"] = row["flags"]
