"""The labels that payments carry: what has become known of them. Kernel."""

from __future__ import annotations

from typing import Any

from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.hashing import mix


@kernel
def find_label(state: Any, origin_seq: int) -> int:
    """The place of a payment's label, or the free one where it would go."""
    mask = state.labels.shape[0] - 1
    place = mix(origin_seq, state.hash_key[0]) & mask
    while state.labels[place, at.LABEL_ORIGIN] not in (0, origin_seq):
        place = (place + 1) & mask
    return place


@kernel
def fold_label(state: Any, row: Any) -> None:
    """Note the label that a row gives its payment."""
    place = find_label(state, row["ref_seq"])
    if state.labels[place, at.LABEL_ORIGIN] == 0:
        state.scalars[0, at.LABELS] += 1
        state.labels[place, at.LABEL_ORIGIN] = row["ref_seq"]
    state.labels[place, at.LABEL_OPTION] = row["option"]
    state.labels[place, at.LABEL_SEQ] = row["seq"]
