"""Verdicts: what a payment's score, the policy's thresholds and the payer's factors say must become of it."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import FACTOR_KINDS, FORCE_REASON, FORCE_STATE, Kind
from penstock.contracts.policy import VERDICTS
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.models import is_attempt
from penstock.review.verify.policies import Policies

ALLOW, CHALLENGE, REVIEW, BLOCK = (VERDICTS.index(name) for name in ("allow", "challenge", "review", "block"))
#: The score of a payment that the model in force could not score.
_FAILED: Final = -1.0
#: Refusals that are found only after the verdict let the payment pass.
_AFTERWARDS: Final = (Reason.REVIEWS_FULL, Reason.TOO_MANY_HOLDS, Reason.HOLDS_FULL)
#: Scores are told in millionths, as findings hold whole numbers.
_MILLION: Final = 1e6


class Verdicts:
    """Checks scores and verdicts of one lane's payments."""

    def __init__(self, policies: Policies, findings: Findings) -> None:
        self._policies = policies
        self._findings = findings

    def feed(self, rows: Rows, in_force: IntArray, model: IntArray) -> IntArray:
        """Check these rows; the verdict on each (n,), ``ALLOW`` where there is no score.

        :param in_force: each row's policy version (n,); ``model`` the version of the model in force before it (n,).
        """
        verdicts = np.full(len(rows), ALLOW, dtype=np.int64)
        attempts = is_attempt(rows)
        scored = attempts[model[attempts] > 0]
        self._check_scores(rows, scored)
        self._check_factors(rows)
        verdicts[scored] = self._judge(rows, scored, in_force[scored])
        self._check_refusals(rows, verdicts)
        self._check_challenges(rows, verdicts)
        return verdicts

    def _check_scores(self, rows: Rows, scored: IntArray) -> None:
        """A probability, or the number that says that there is none; 0 where no model scored."""
        scores = rows.scores(np.arange(len(rows)))
        right = scores == 0
        right[scored] = ((scores[scored] >= 0) & (scores[scored] <= 1)) | (scores[scored] == _FAILED)
        told = np.nan_to_num(scores, nan=-9, posinf=9e9, neginf=-9e9).clip(-9e9, 9e9).astype(np.float64) * _MILLION
        self._findings.mark(
            "verdicts", ~right, rows["seq"], "Row {seq} has the score {found} (in millionths): it must be from 0 to 1, -1 when "
            "the model failed, 0 where no model is in force or nothing is scored.", found=told.astype(np.int64),
        )  # fmt: skip

    def _check_factors(self, rows: Rows) -> None:
        """How strongly a payer was verified follows from the factors."""
        factors = rows["factors"]
        kinds = np.sum([(factors & kind) != 0 for kind in FACTOR_KINDS], axis=0)
        expected = np.where(rows["kind"] == Kind.PAY, kinds, 0)
        self._findings.compare("verdicts", rows, np.arange(len(rows)), "verification", expected)

    def _judge(self, rows: Rows, place: IntArray, version: IntArray) -> IntArray:
        """The strongest verdict whose threshold is reached; enough factors pass a challenge."""
        scores = rows.scores(place)
        reached = scores[:, np.newaxis] >= self._policies.risk[version, rows["payment_type"][place]]
        verdicts = np.select([reached[:, 2], reached[:, 1], reached[:, 0]], [BLOCK, REVIEW, CHALLENGE], ALLOW)
        strength, without = self._policies.verdicts[version].T
        passed = (verdicts == CHALLENGE) & (rows["verification"][place] >= strength)
        verdicts = np.where(passed, ALLOW, verdicts)
        return np.where(scores == _FAILED, without, verdicts)

    def _check_refusals(self, rows: Rows, verdicts: IntArray) -> None:
        declined, reason, seqs = rows["state"] == State.DECLINED, rows["reason"], rows["seq"]
        for risk in (Reason.RISK_BLOCKED, Reason.VERIFICATION_NEEDED):
            forced = rows["option"] == FORCE_REASON + risk
            asked = (verdicts == BLOCK) & (risk == Reason.RISK_BLOCKED)
            self._findings.mark(
                "verdicts", declined & (reason == risk) & ~forced & ~asked, seqs,
                f"Row {{seq}} is refused with {risk.name.lower()}; by its score it should not be.",
            )  # fmt: skip
        stopped = np.isin(verdicts, (BLOCK, CHALLENGE)) & (rows["option"] == 0)
        self._findings.mark(
            "verdicts", declined & np.isin(reason, _AFTERWARDS) & stopped, seqs,
            "Row {seq} is refused with the reason {found}; its score should have stopped the payment before.", found=reason,
        )  # fmt: skip

    def _check_challenges(self, rows: Rows, verdicts: IntArray) -> None:
        challenged: BoolArray = rows["state"] == State.CHALLENGE
        forced = rows["option"] == FORCE_STATE + State.CHALLENGE
        right = (rows["kind"] == Kind.PAY) & (forced | (verdicts == CHALLENGE))
        self._findings.mark(
            "verdicts", challenged & ~right, rows["seq"],
            "Row {seq} asks for the payer's verification; by its score and factors it should not.",
        )  # fmt: skip
        spends = np.isin(rows["kind"], (Kind.PAY, Kind.WITHDRAW)) & (rows["option"] < FORCE_STATE)
        passed = spends & ~challenged & (rows["state"] != State.DECLINED) & np.isin(verdicts, (BLOCK, CHALLENGE))
        self._findings.mark(
            "verdicts", passed, rows["seq"], "Row {seq} lets a payment pass that its score should have stopped (verdict "
            "{found}: 1 challenge, 3 block).", found=verdicts,
        )  # fmt: skip
