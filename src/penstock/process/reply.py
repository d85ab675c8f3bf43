"""Reply: the fixed-width answers to a batch of commands, from its rows and verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import REPLY
from penstock.process.post.terms import Verdicts

_FROM_ROW = (
    "time_us", "payer_account", "payee_account", "amount_minor", "held_minor", "moved_minor", "fee_minor",
    "expires_us", "left_minor", "score", "model_version", "customer", "state", "payment_type", "currency", "flags",
)  # fmt: skip


def reply(commands: NDArray[Any], rows: NDArray[Any], verdicts: Verdicts, as_of_seq: int) -> NDArray[Any]:
    """The replies (n,) to commands (n,); called when ``as_of_seq`` has been committed."""
    count = len(commands)
    replies = np.zeros(count, REPLY)
    replies["token"] = commands["token"]
    replies["kind"] = commands["kind"]
    replies["status"] = verdicts.status[:count]
    replies["reason"] = verdicts.reason[:count]
    replies["seq"] = verdicts.seq[:count]
    replies["as_of_seq"] = as_of_seq
    places = verdicts.row[:count]
    done = places >= 0
    own = rows[places[done]]
    for name in _FROM_ROW:
        replies[name][done] = own[name]
    replies["ref_seq"][done] = np.where(own["ref_seq"] > 0, own["ref_seq"], own["seq"])
    return replies
