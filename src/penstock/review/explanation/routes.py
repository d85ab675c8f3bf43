"""The route of explanations: translate only."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from penstock.contracts import ids as public
from penstock.contracts.principal import Principal
from penstock.contracts.reading import Reading
from penstock.review.explanation.access import may_explain
from penstock.review.explanation.actions import Explainer, explain
from penstock.review.explanation.views import ExplanationView

Given = NamedDependency[SkipValidation[Reading]]
Caller = NamedDependency[SkipValidation[Principal]]
Own = NamedDependency[SkipValidation[Explainer]]


@get("/v1/payments/{payment:str}/explanation", summary="Explain how a payment was decided", tags=["review"])
async def read_explanation(
    payment: FromPath[str], principal: Caller, reading: Given, explainer: Own
) -> ExplanationView:
    """Verdict, thresholds, score and its strongest reasons, in words, beside the payer's normal. Scope: review or operate."""
    may_explain(principal)
    seq = reading.decode(public.Kind.PAYMENT, "payment", payment)
    return await explain(seq, principal, reading, explainer)
