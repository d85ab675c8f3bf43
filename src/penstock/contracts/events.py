"""What can happen: the closed table of event types, with titles in English and Chinese.

An event is one row of the journal, told to those whom it concerns; ``GET /v1/events`` and webhooks show the same
events. The first word of a type says what it is about. ``docs/events.md`` renders this table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple


class EventType(NamedTuple):
    """One type of event, for people."""

    name: str
    en: str
    zh: str


EVENT_TYPES: Final = {
    kind.name: kind
    for kind in (
        EventType("payment.cleared", "A payment has cleared.", "支付已完成。"),
        EventType("payment.partly_cleared", "A part of a held payment has cleared.", "冻结支付的一部分已完成。"),
        EventType("payment.held", "A payment is authorised, and its funds are held.", "支付已授权，资金已冻结。"),
        EventType("payment.delayed", "A payment is held and clears at a set time.", "支付已冻结，将在约定时间到账。"),
        EventType("payment.review", "A payment waits for a review.", "支付等待人工审核。"),
        EventType("payment.declined", "A payment was declined.", "支付被拒绝。"),
        EventType("payment.challenge", "A payment was not carried out: the payer has to be verified.", "支付未执行：需验证付款人。"),
        EventType("payment.labelled", "A payment was labelled as fraud or genuine, or its label was revoked.", "支付已标记为欺诈或正常，或标记已撤销。"),
        EventType("payment.released", "A held payment was given back.", "冻结的支付已退回。"),
        EventType("payment.partly_released", "A part of a held payment was given back.", "冻结支付的一部分已退回。"),
        EventType("payment.cancelled", "A payment was cancelled.", "支付已取消。"),
        EventType("payment.expired", "A payment was given back because its time ran out.", "支付超时，资金已退回。"),
        EventType("payment.rejected", "A review rejected a payment.", "支付未通过审核，资金已退回。"),
        EventType("payment.refunded", "A payment was refunded in full.", "支付已全额退款。"),
        EventType("payment.partly_refunded", "A part of a payment was refunded.", "支付已部分退款。"),
        EventType("payment.returned", "A payment was returned in full.", "支付已全部退汇。"),
        EventType("payment.partly_returned", "A part of a payment was returned.", "支付已部分退汇。"),
        EventType("payment.charged_back", "A payment was charged back in full.", "支付已全额拒付。"),
        EventType("payment.partly_charged_back", "A part of a payment was charged back.", "支付已部分拒付。"),
        EventType("payment.reversed", "A correction reversed a payment in full.", "支付已经更正，全额冲正。"),
        EventType("payment.partly_reversed", "A correction reversed a part of a payment.", "支付已经更正，部分冲正。"),
        EventType("deposit.cleared", "A deposit has arrived.", "充值已到账。"),
        EventType("deposit.declined", "A deposit was declined.", "充值被拒绝。"),
        EventType("deposit.refund_started", "A refund of a deposit is on its way through the bank.", "充值退款已提交银行。"),
        EventType("deposit.refund_failed", "The bank did not pay a refund; the funds are back in the account.", "银行未完成退款，资金已退回账户。"),
        EventType("deposit.refunded", "A deposit was refunded in full.", "充值已全额退款。"),
        EventType("deposit.partly_refunded", "A part of a deposit was refunded.", "充值已部分退款。"),
        EventType("deposit.charged_back", "A deposit was charged back in full.", "充值已全额拒付。"),
        EventType("deposit.partly_charged_back", "A part of a deposit was charged back.", "充值已部分拒付。"),
        EventType("deposit.reversed", "A correction reversed a deposit in full.", "充值已经更正，全额冲正。"),
        EventType("deposit.partly_reversed", "A correction reversed a part of a deposit.", "充值已经更正，部分冲正。"),
        EventType("withdrawal.cleared", "A withdrawal has left.", "提现已完成。"),
        EventType("withdrawal.held", "A withdrawal is at the bank, and its funds are held.", "提现已提交银行，资金已冻结。"),
        EventType("withdrawal.review", "A withdrawal waits for a review.", "提现等待人工审核。"),
        EventType("withdrawal.declined", "A withdrawal was declined.", "提现被拒绝。"),
        EventType("withdrawal.released", "The bank did not pay a withdrawal; the funds are back.", "银行未完成提现，资金已退回。"),
        EventType("withdrawal.cancelled", "A withdrawal was cancelled.", "提现已取消。"),
        EventType("withdrawal.rejected", "A review rejected a withdrawal.", "提现未通过审核，资金已退回。"),
        EventType("withdrawal.returned", "The bank sent a withdrawal back in full.", "提现已被银行全部退回。"),
        EventType("withdrawal.partly_returned", "The bank sent a part of a withdrawal back.", "提现已被银行部分退回。"),
        EventType("customer.opened", "A customer was opened.", "客户已开立。"),
        EventType("customer.tier_changed", "A customer's tier was set.", "客户等级已设置。"),
        EventType("customer.limit_set", "A limit of one customer was set.", "客户专属限额已设置。"),
        EventType("customer.limit_removed", "A limit of one customer was taken away.", "客户专属限额已取消。"),
        EventType("account.opened", "An account was opened.", "账户已开立。"),
        EventType("account.frozen", "An account, one side of it or an amount in it was frozen.", "账户、账户单向或部分金额已冻结。"),
        EventType("account.unfrozen", "A freeze of an account was lifted.", "账户冻结已解除。"),
        EventType("account.closed", "An account was closed.", "账户已销户。"),
        EventType("suspense.credited", "Money could not be credited and went to suspense.", "资金无法入账，已转入挂账。"),
        EventType("suspense.moved", "Money in suspense was moved to the account that it belongs to.", "挂账资金已转入所属账户。"),
        EventType("policy.published", "A policy came into force.", "新政策已生效。"),
        EventType("model.published", "A model came into force.", "新模型已生效。"),
        EventType("model.withdrawn", "The model was withdrawn.", "模型已停用。"),
        EventType("approvals.changed", "The number of approvers of an operation was set.", "操作所需审批人数已设置。"),
    )
}  # fmt: skip


class UnknownType(ValueError):
    """A text names no event type; the message says which, and what is allowed."""


def choose_types(texts: Iterable[str]) -> frozenset[str]:
    """The types that a choice names: full names, or a first word with a star, such as ``payment.*``.

    :raises UnknownType: for a text that names none.
    """
    chosen: set[str] = set()
    for text in texts:
        found = {name for name in EVENT_TYPES if name == text or (text.endswith(".*") and name.startswith(text[:-1]))}
        if not found:
            raise UnknownType(f"{text[:60]!r} is no event type; use names of GET /v1/event-types, or such as payment.*")
        chosen |= found
    return frozenset(chosen)
