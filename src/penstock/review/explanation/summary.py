"""How a payment was decided, in a few sentences: verdict, thresholds, and what else decided. Pure."""

from __future__ import annotations

from typing import Final

from penstock.contracts.reasons import EXPLANATIONS, Reason
from penstock.contracts.states import State
from penstock.contracts.words import score_told
from penstock.review.explanation.rules import Verdict, was_forced
from penstock.review.explanation.store import Row
from penstock.review.explanation.views import Thresholds, Words

NO_MODEL: Final = Words(
    "No model was in force, so there is no score and no verdict from one.",
    "当时没有生效的模型，因此没有评分，也没有据此作出的判定。",
)
NO_SCORE: Final = Words("The model in force could not score this payment.", "生效的模型未能对该笔支付评分。")
_FORCED: Final = Words(
    "A test value of the sandbox decided this payment, whatever the score.", "该笔支付由沙箱测试值决定，与评分无关。"
)
_AMOUNT: Final = Words("The policy has payments of this amount reviewed.", "政策规定该金额的支付须人工审核。")
_OVERFLOW: Final = Words(
    "As many reviews had begun in this hour as the policy takes on, and it lets payments pass then.",
    "该小时内的审核数量已达政策上限，政策规定此时放行。",
)
_BEFORE: Final = Words(
    "This is judged before the risk, so the verdict did not matter.", "该项检查先于风险判定，因此判定结果未起作用。"
)
_GONE_ON: Final = frozenset({State.CLEARED, State.HELD, State.DELAYED})
_OF_RISK: Final = frozenset({Reason.RISK_BLOCKED, Reason.REVIEWS_FULL})
_VERDICTS: Final = {
    "allow": Words("let it pass", "放行"),
    "challenge": Words("verify the payer more strongly", "加强验证付款人"),
    "review": Words("have a person look at it", "转人工审核"),
    "block": Words("decline it", "拒绝"),
}
_STATES: Final = {
    State.CLEARED: Words("The payment was carried out.", "该笔支付已执行。"),
    State.HELD: Words("The funds were held until they are cleared or released.", "资金已冻结，等待清算或解冻。"),
    State.DELAYED: Words("The payment was accepted and arrives later.", "该笔支付已受理，将延迟到账。"),
    State.REVIEW: Words("The funds were held until a person decides.", "资金已冻结，等待人工审核。"),
    State.CHALLENGE: Words(
        "The payment was not carried out: the payer has to be verified more strongly first.",
        "该笔支付未执行：须先加强验证付款人。",
    ),
}


def summary(row: Row, verdict: Verdict | None, limits: Thresholds) -> list[Words]:
    """The decision in order: what the score asked for, what became of the payment, and what else decided."""
    said = [_FORCED] if was_forced(row) else []
    said += [NO_MODEL] if verdict is None else _verdict(row, verdict, limits)
    return [*said, _outcome(row), *_else(row, verdict)]


def _verdict(row: Row, verdict: Verdict, limits: Thresholds) -> list[Words]:
    wish, score = _VERDICTS[verdict.asked], score_told(row.score, row.model_version)
    if score is None:
        then = Words(f"The policy says for this case: {wish.en}.", f"政策对此的规定是：{wish.zh}。")
        return [NO_SCORE, then]
    if verdict.asked == "allow":
        return [_below(score, limits)]
    threshold = getattr(limits, verdict.asked)
    said = [
        Words(
            f"The score {score:.4g} reaches {threshold:g}, from where on the policy says: {wish.en}.",
            f"评分 {score:.4g} 达到阈值 {threshold:g}，政策规定：{wish.zh}。",
        )
    ]
    if verdict.challenge_passed:
        said.append(Words(
            f"The payer had been verified by {row.verification} kinds of factor, which passes the challenge.",
            f"付款人已通过 {row.verification} 类要素的验证，视为通过加强验证。",
        ))  # fmt: skip
    return said


def _below(score: float, limits: Thresholds) -> Words:
    given = [value for value in (limits.challenge, limits.review, limits.block) if value is not None]
    if not given:
        return Words(
            f"The score is {score:.4g}; the policy has no thresholds for this type of payment.",
            f"评分为 {score:.4g}；政策未为该类支付设置阈值。",
        )
    return Words(
        f"The score {score:.4g} is below {min(given):g}, the lowest threshold: let it pass.",
        f"评分 {score:.4g} 低于最低阈值 {min(given):g}：放行。",
    )


def _outcome(row: Row) -> Words:
    if row.reason and row.state != State.CHALLENGE:
        why = EXPLANATIONS[Reason(row.reason)]
        return Words(f"The payment was declined: {why.en}", f"该笔支付被拒绝：{why.zh}")
    return _STATES[State(row.state)]


def _else(row: Row, verdict: Verdict | None) -> list[Words]:
    """Where something else than the verdict decided."""
    if was_forced(row):
        return []
    wished = "allow" if verdict is None else verdict.name
    if row.state == State.REVIEW and wished != "review":
        return [_AMOUNT]
    if row.state in _GONE_ON and wished == "review":
        return [_OVERFLOW]
    if row.state == State.DECLINED and verdict is not None and row.reason not in _OF_RISK:
        return [_BEFORE]
    return []
