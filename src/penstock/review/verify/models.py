"""Which model was in force at each row: the versions that ``publish_model`` rows count, and who let them."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import numpy as np

from penstock.contracts.commands import Flag, Kind, Operation, Option
from penstock.contracts.states import State
from penstock.review.verify.approvals import Approvals
from penstock.review.verify.columns import IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.read import Sides

_OPTIONS: Final = (Option.MODEL_IN_FORCE, Option.MODEL_WITHDRAWN)


class _Named(msgspec.Struct):
    """The side record of a model that is put in force."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Models:
    """Follows the model in force in one lane. ``version`` 0 = none; ``count`` is how many there have ever been."""

    def __init__(self, approvals: Approvals, findings: Findings) -> None:
        self.version = 0
        self.seq = 0
        self.count = 0
        self._approvals = approvals
        self._findings = findings

    def feed(self, rows: Rows, sides: Sides) -> IntArray:
        """Learn what these rows put in force; the version in force just before each row (n,)."""
        published = np.flatnonzero((rows["kind"] == Kind.PUBLISH_MODEL) & (rows["state"] != State.DECLINED))
        before = np.full(len(rows), self.version, dtype=np.int64)
        said = np.zeros(len(rows), dtype=np.int64)  # by the rows themselves
        for place in published.tolist():
            self._learn(rows, place, sides)
            said[place], before[place + 1 :] = self.version, self.version
        attempts = is_attempt(rows)
        said[attempts] = before[attempts]
        self._findings.compare("models", rows, np.arange(len(rows)), "model_version", said)
        self._check_senders(rows, published)
        return before

    def _learn(self, rows: Rows, place: int, sides: Sides) -> None:
        seq = int(rows["seq"][place])
        self.seq, self.version = seq, 0
        if rows["option"][place] == Option.MODEL_WITHDRAWN:
            return
        self.count += 1
        self.version = self.count
        try:
            msgspec.json.decode(sides.body_of(seq), type=_Named)
        except msgspec.MsgspecError as error:
            self._findings.add("models", seq, f"Row {seq} puts a model in force, but its side record names none: {error}.")

    def _check_senders(self, rows: Rows, place: IntArray) -> None:
        seqs, option = rows["seq"][place], rows["option"][place]
        self._findings.mark(
            "range", ~np.isin(option, _OPTIONS), seqs, "Row {seq} publishes a model by the option {found}, which does not "
            "exist.", found=option,
        )  # fmt: skip
        self._findings.mark(
            "ownership", rows["flags"][place] & Flag.OPERATES == 0, seqs,
            "Row {seq} of client {found} publishes a model without operating the system.", found=rows["client"][place],
        )  # fmt: skip
        self._approvals.check(rows, place, Operation.PUBLISH)


def is_attempt(rows: Rows) -> IntArray:
    """The places of the attempts: payments by a payer who is known, whatever became of them."""
    return np.flatnonzero((rows["kind"] == Kind.PAY) & (rows["payer_account"] > 0))
