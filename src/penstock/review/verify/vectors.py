"""Feature vectors: every attempt has one, nothing else has, and what it says of the payment is what the row says.

What it says of the past of payer, payee and others is not recomputed.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import REGISTRY_VERSION, SLOT_OF, UNKNOWN, Entity, Measure
from penstock.review.verify.columns import FEATURE_BYTES, BoolArray, IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.models import is_attempt
from penstock.review.verify.policies import Policies

#: Half precision is coarser than this nowhere below log2 of the largest amount, and so is the table of logarithms.
_NEAR: Final = 0.02
_MEASURES: Final = (Measure.AMOUNT, Measure.HOUR, Measure.WEEKDAY, Measure.TYPE, Measure.CHANNEL)
_SLOTS: Final = [SLOT_OF[Entity.PAYMENT, measure] for measure in _MEASURES]
_MONDAY: Final = 3  # 1970-01-01 was a Thursday


class Vectors:
    """Checks the vectors of one lane."""

    def __init__(self, policies: Policies, findings: Findings) -> None:
        self._policies = policies
        self._findings = findings

    def feed(self, rows: Rows, in_force: IntArray) -> None:
        """Check these rows; ``in_force`` (n,) is each row's policy version."""
        attempts = is_attempt(rows)
        registry = np.zeros(len(rows), dtype=np.int64)
        registry[attempts] = REGISTRY_VERSION
        self._findings.compare("features", rows, np.arange(len(rows)), "feature_registry", registry)
        length, found = (np.where(has, FEATURE_BYTES, -1) for has in (rows["feature_registry"] > 0, rows.has_vector))
        self._findings.mark(
            "features", found != length, rows["seq"],
            "Row {seq} has a vector of {found} bytes (-1: none); by its feature registry it should be {expected}.",
            expected=length, found=found,
        )  # fmt: skip
        self._check_values(rows, attempts[rows.has_vector[attempts]], in_force)

    def _check_values(self, rows: Rows, place: IntArray, in_force: IntArray) -> None:
        vectors, seqs = rows.vectors(place), rows["seq"][place]
        broken: BoolArray = np.any(~np.isfinite(vectors), axis=1)
        self._findings.mark(
            "features", broken, seqs,
            "Row {seq} has a vector with a value that is no number: unknown has a number of its own.",
        )  # fmt: skip
        found, expected = vectors[:, _SLOTS].astype(np.float64), self._expected(rows, place, in_force)
        for column, measure in enumerate(_MEASURES):
            wrong = ~(np.abs(found[:, column] - expected[:, column]) <= _NEAR)  # true for what is no number
            self._findings.mark(
                "features", wrong, seqs,
                f"Row {{seq}} has a vector whose {measure.name.lower()} is not that of the payment (in hundredths: "
                "{expected}, found {found}).",
                expected=_hundredths(expected[:, column]), found=_hundredths(found[:, column]),
            )  # fmt: skip

    def _expected(self, rows: Rows, place: IntArray, in_force: IntArray) -> NDArray[np.float64]:
        """What the vectors must say of their payments (k, measures)."""
        kind, channel = rows["payment_type"][place], rows["channel"][place]
        quarter = self._policies.quarters(rows["time_us"][place], in_force[place])
        return np.column_stack((
            np.log2(1.0 + np.clip(rows["amount_minor"][place], 0, None)), quarter / 4.0,
            (rows["business_day"][place] + _MONDAY) % 7.0, np.where(kind > 0, kind, UNKNOWN),
            np.where(channel > 0, channel, UNKNOWN),
        ))  # fmt: skip


def _hundredths(values: NDArray[np.float64]) -> IntArray:
    return (np.nan_to_num(values, nan=-1e6, posinf=1e6, neginf=-1e6) * 100).round().astype(np.int64)
