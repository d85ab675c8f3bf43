"""Reason codes: the closed table of why a command was refused.

Codes are numbered once and never reused. Their order is their precedence: when several apply, the
lane reports the lowest number. Each says, in Chinese and English, what happened and what to do next,
whether a retry can help, its HTTP status and its ISO 20022 status reason (ExternalStatusReason1Code;
``NARR`` where the standard has no code of its own).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final, NamedTuple


class Reason(IntEnum):
    """Why. ``OK`` means that the command took effect."""

    OK = 0
    # the instruction itself: nothing is recorded
    ID_CONFLICT = 10
    ID_FROM_FUTURE = 11
    ID_EXPIRED = 12
    # what it names
    CUSTOMER_UNKNOWN = 20
    ACCOUNT_UNKNOWN = 21
    PAYER_UNKNOWN = 22
    PAYEE_UNKNOWN = 23
    PAYMENT_UNKNOWN = 24
    TIER_UNKNOWN = 25
    SAME_ACCOUNT = 26
    CURRENCY_MISMATCH = 27
    MODEL_UNKNOWN = 28
    # who may, and whether there is a way
    APPROVALS_MISSING = 30
    APPROVAL_OWN = 31
    APPROVERS_OUT_OF_BOUNDS = 32
    RAIL_NOT_OFFERED = 35
    MODEL_REFUSED = 36
    # the state of the payment
    PAYMENT_CLEARED = 40
    PAYMENT_RELEASED = 41
    PAYMENT_CANCELLED = 42
    PAYMENT_EXPIRED = 43
    PAYMENT_DECLINED = 44
    PAYMENT_OPEN = 45
    PAYMENT_DELAYED = 46
    PAYMENT_IN_REVIEW = 47
    PAYMENT_NOT_IN_REVIEW = 48
    PAYMENT_REJECTED = 49
    PAYMENT_AT_BANK = 50
    PAYMENT_REFUNDING = 51
    PAYMENT_REFUNDED = 52
    PAYMENT_RETURNED = 53
    PAYMENT_CHARGED_BACK = 54
    PAYMENT_REVERSED = 55
    PAYMENT_CHALLENGED = 56
    NOT_REFUNDABLE = 60
    AMOUNT_ABOVE_HOLD = 61
    AMOUNT_ABOVE_LEFT = 62
    NOT_LABELLABLE = 63
    LABEL_UNCHANGED = 64
    # the state of the accounts
    PAYER_CLOSED = 70
    PAYEE_CLOSED = 71
    PAYER_FROZEN = 72
    PAYEE_FROZEN = 73
    ACCOUNT_CLOSED = 74
    ACCOUNT_NOT_EMPTY = 75
    # limits of the customer
    TYPE_NOT_OFFERED = 80
    LIMIT_SINGLE = 81
    LIMIT_DAY_AMOUNT = 82
    LIMIT_DAY_COUNT = 83
    LIMIT_MONTH_AMOUNT = 84
    LIMIT_MONTH_COUNT = 85
    LIMIT_YEAR_AMOUNT = 86
    LIMIT_YEAR_COUNT = 87
    # money
    INSUFFICIENT_FUNDS = 90
    FUNDS_FROZEN = 91
    BALANCE_TOO_LARGE = 92
    # risk
    RISK_BLOCKED = 95
    VERIFICATION_NEEDED = 96
    # capacity
    REVIEWS_FULL = 100
    TOO_MANY_HOLDS = 101
    CUSTOMERS_FULL = 102
    ACCOUNTS_FULL = 103
    HOLDS_FULL = 104
    OWN_LIMITS_FULL = 105
    LABELS_FULL = 106


class Retry(StrEnum):
    """Whether asking again can help."""

    NO_NEED = "no_need"  # it took effect
    NEVER = "never"
    NEW_ID = "new_id"  # send the same wish again under a new id
    AFTER_CHANGE = "after_change"  # first do what `next_step` says, then use a new id
    LATER = "later"  # use a new id later (next day, month, or when capacity is free)


class Explanation(NamedTuple):
    """One row of the table, for people and machines."""

    http: int
    iso20022: str
    retry: Retry
    en: str
    next_en: str
    zh: str
    next_zh: str


_LIMIT_NEXT_EN = "Pay a smaller amount, wait until the limit starts anew, or raise your account's tier."
_LIMIT_NEXT_ZH = "请减少金额，等待限额重新计算，或提升账户等级。"
_FINAL_EN = "Look at the payment; make a new payment if the money should move again."
_FINAL_ZH = "请查看该笔支付；如需再次付款，请发起新的支付。"


def _limit(en: str, zh: str) -> Explanation:
    return Explanation(402, "AM21", Retry.LATER, en, _LIMIT_NEXT_EN, zh, _LIMIT_NEXT_ZH)


def _final(en: str, zh: str) -> Explanation:
    return Explanation(409, "NARR", Retry.NEVER, en, _FINAL_EN, zh, _FINAL_ZH)


def _full(en: str, zh: str) -> Explanation:
    next_en, next_zh = "Try again later; the operator has been told.", "请稍后再试，运营方已收到通知。"
    return Explanation(503, "NARR", Retry.LATER, en, next_en, zh, next_zh)


EXPLANATIONS: Final[dict[Reason, Explanation]] = {
    Reason.OK: Explanation(201, "", Retry.NO_NEED, "Done.", "Nothing to do.", "已完成。", "无需操作。"),
    Reason.ID_CONFLICT: Explanation(
        409, "DUPL", Retry.NEW_ID,
        "This id was already used for an instruction with other content.",
        "Use a new id for a new instruction; repeat an instruction unchanged under its old id.",
        "该编号已用于另一条内容不同的指令。",
        "新指令请使用新编号；重复同一指令请保持内容不变。",
    ),
    Reason.ID_FROM_FUTURE: Explanation(
        422, "DT01", Retry.NEW_ID,
        "The time in this id lies in the future.",
        "Set the clock of the sending system and make a new UUIDv7.",
        "该编号中的时间晚于当前时间。",
        "请校准发送系统的时钟，并生成新的 UUIDv7。",
    ),
    Reason.ID_EXPIRED: Explanation(
        422, "DT01", Retry.NEW_ID,
        "This id is too old, and no instruction with it is on record.",
        "Make a new UUIDv7; ids are accepted for 24 hours.",
        "该编号已过期，且没有对应的指令记录。",
        "请生成新的 UUIDv7；编号在 24 小时内有效。",
    ),
    Reason.CUSTOMER_UNKNOWN: Explanation(
        404, "BE06", Retry.AFTER_CHANGE,
        "There is no such customer.", "Check the customer's id.",
        "没有该客户。", "请核对客户编号。",
    ),
    Reason.PAYER_UNKNOWN: Explanation(
        404, "AC02", Retry.AFTER_CHANGE,
        "The paying account does not exist.", "Check the account's id.",
        "付款账户不存在。", "请核对账户编号。",
    ),
    Reason.PAYEE_UNKNOWN: Explanation(
        404, "AC03", Retry.AFTER_CHANGE,
        "The receiving account does not exist.", "Check the account's id with the payee.",
        "收款账户不存在。", "请与收款方核对账户编号。",
    ),
    Reason.PAYMENT_UNKNOWN: Explanation(
        404, "NOOR", Retry.AFTER_CHANGE,
        "There is no such payment.", "Check the payment's id.",
        "没有该笔支付。", "请核对支付编号。",
    ),
    Reason.TIER_UNKNOWN: Explanation(
        422, "NARR", Retry.AFTER_CHANGE,
        "The policy in force has no such customer tier.", "Use a tier that the policy names.",
        "现行策略中没有该客户等级。", "请使用策略中列出的等级。",
    ),
    Reason.SAME_ACCOUNT: Explanation(
        422, "NARR", Retry.AFTER_CHANGE,
        "Payer and payee are the same account.", "Choose another payee.",
        "付款账户与收款账户相同。", "请选择其他收款账户。",
    ),
    Reason.CURRENCY_MISMATCH: Explanation(
        422, "AM03", Retry.AFTER_CHANGE,
        "The currency is not the currency of both accounts.",
        "Use accounts of the payment's currency.",
        "币种与付款或收款账户的币种不一致。", "请使用与支付币种一致的账户。",
    ),
    Reason.ACCOUNT_UNKNOWN: Explanation(
        404, "AC01", Retry.AFTER_CHANGE,
        "There is no such account.", "Check the account's id.",
        "没有该账户。", "请核对账户编号。",
    ),
    Reason.APPROVALS_MISSING: Explanation(
        403, "NARR", Retry.AFTER_CHANGE,
        "This operation needs the approval of other people first.",
        "Ask for it as an approval request, and let the others approve it.",
        "该操作须先经其他人员审批。", "请提交审批申请，并由其他人员批准。",
    ),
    Reason.APPROVAL_OWN: Explanation(
        403, "NARR", Retry.AFTER_CHANGE,
        "Nobody may approve their own operation, or approve twice.",
        "Let another person approve.",
        "不得审批本人的操作，也不得重复审批。", "请由其他人员审批。",
    ),
    Reason.APPROVERS_OUT_OF_BOUNDS: Explanation(
        422, "NARR", Retry.AFTER_CHANGE,
        "The number of approvers is out of bounds.", "Ask for 0 to 3 approvers.",
        "审批人数超出范围。", "审批人数应为 0 至 3 人。",
    ),
    Reason.RAIL_NOT_OFFERED: Explanation(
        422, "AG01", Retry.AFTER_CHANGE,
        "No bank is connected through which this money could leave.",
        "Ask the operator to connect a bank, or leave the bank account out.",
        "尚未接入可付款的银行通道。", "请联系运营方接入银行，或不填写银行账户。",
    ),
    Reason.PAYMENT_CLEARED: _final("The payment has already been cleared.", "该笔支付已完成清算。"),
    Reason.PAYMENT_RELEASED: _final("The payment's hold has already been released.", "该笔支付的冻结资金已解冻。"),
    Reason.PAYMENT_CANCELLED: _final("The payment has been cancelled.", "该笔支付已取消。"),
    Reason.PAYMENT_EXPIRED: _final("The payment's hold has run out.", "该笔支付的冻结已到期。"),
    Reason.PAYMENT_DECLINED: _final("The payment was declined.", "该笔支付已被拒绝。"),
    Reason.PAYMENT_OPEN: Explanation(
        409, "NARR", Retry.AFTER_CHANGE,
        "The payment's funds are still held.",
        "Clear or release what is held first.",
        "该笔支付的资金仍被冻结。", "请先完成清算或解冻。",
    ),
    Reason.PAYMENT_DELAYED: Explanation(
        409, "NARR", Retry.LATER,
        "The payment has not arrived yet; it clears by itself.",
        "Wait until it has arrived, or cancel it.",
        "该笔支付尚未到账，将按时自动清算。", "请等待到账，或取消该笔支付。",
    ),
    Reason.PAYMENT_IN_REVIEW: Explanation(
        409, "NARR", Retry.LATER,
        "The payment is being reviewed.",
        "Wait for the decision, or cancel the payment.",
        "该笔支付正在审核。", "请等待审核结果，或取消该笔支付。",
    ),
    Reason.PAYMENT_NOT_IN_REVIEW: Explanation(
        409, "NARR", Retry.NEVER,
        "The payment is not waiting for a review.", "Look at the payment: it has been decided.",
        "该笔支付不在审核中。", "请查看该笔支付，其结果已确定。",
    ),
    Reason.PAYMENT_REJECTED: _final("A review decided against the payment.", "该笔支付未通过审核。"),
    Reason.PAYMENT_AT_BANK: Explanation(
        409, "NARR", Retry.LATER,
        "The bank has the payment; only its answer ends it.",
        "Wait for the bank's answer.",
        "该笔支付已提交银行，须以银行结果为准。", "请等待银行处理结果。",
    ),
    Reason.PAYMENT_REFUNDING: Explanation(
        409, "NARR", Retry.LATER,
        "A refund of the payment is on its way through the bank.",
        "Wait until the bank has answered.",
        "该笔支付的退款正由银行处理。", "请等待银行处理结果。",
    ),
    Reason.PAYMENT_REFUNDED: _final("The payment has been refunded.", "该笔支付已全额退款。"),
    Reason.PAYMENT_RETURNED: _final("The payment has been returned.", "该笔支付已退回。"),
    Reason.PAYMENT_CHARGED_BACK: _final("The payment has been charged back.", "该笔支付已被拒付退回。"),
    Reason.PAYMENT_REVERSED: _final("The payment has been reversed.", "该笔支付已冲正。"),
    Reason.NOT_REFUNDABLE: Explanation(
        409, "NARR", Retry.NEVER,
        "A payment of this kind cannot be given back this way.",
        "Look at docs/payment-life.md for the ways that there are.",
        "该类支付不支持此退回方式。", "请查阅文档中可用的退回方式。",
    ),
    Reason.AMOUNT_ABOVE_LEFT: Explanation(
        422, "AM02", Retry.AFTER_CHANGE,
        "The amount is more than what is left of the payment.",
        "Give back at most what was cleared and has not been given back yet.",
        "金额超过该笔支付的剩余可退金额。", "退回金额不得超过已清算且尚未退回的金额。",
    ),
    Reason.PAYER_CLOSED: Explanation(
        409, "AC04", Retry.NEVER,
        "The paying account is closed.", "Use another account.",
        "付款账户已销户。", "请使用其他账户。",
    ),
    Reason.PAYEE_CLOSED: Explanation(
        409, "AC07", Retry.NEVER,
        "The receiving account is closed.", "Ask the payee for another account.",
        "收款账户已销户。", "请向收款方索取其他账户。",
    ),
    Reason.PAYER_FROZEN: Explanation(
        409, "AC06", Retry.LATER,
        "The paying account is frozen.", "Ask the operator; the payment can be made when the freeze has ended.",
        "付款账户已被冻结。", "请联系客服；冻结解除后可再次付款。",
    ),
    Reason.PAYEE_FROZEN: Explanation(
        409, "AC06", Retry.LATER,
        "The receiving account is frozen.", "Ask the payee; the payment can be made when the freeze has ended.",
        "收款账户已被冻结。", "请联系收款方；冻结解除后可再次付款。",
    ),
    Reason.ACCOUNT_CLOSED: Explanation(
        409, "AC04", Retry.NEVER,
        "The account is closed.", "Nothing can be changed on a closed account.",
        "该账户已销户。", "已销户的账户不能再变更。",
    ),
    Reason.ACCOUNT_NOT_EMPTY: Explanation(
        409, "NARR", Retry.AFTER_CHANGE,
        "The account still has money or open payments.",
        "Withdraw the balance and end its open payments first.",
        "该账户仍有余额或未完成的支付。", "请先提取余额并结清未完成的支付。",
    ),
    Reason.AMOUNT_ABOVE_HOLD: Explanation(
        422, "AM02", Retry.AFTER_CHANGE,
        "The amount is more than what is still held.", "Use at most the amount that is still held.",
        "金额超过仍被冻结的金额。", "金额不得超过剩余冻结金额。",
    ),
    Reason.TYPE_NOT_OFFERED: Explanation(
        402, "AG01", Retry.AFTER_CHANGE,
        "This type of payment is not offered for your account's tier and currency.",
        "Raise your account's tier, or use another type of payment.",
        "您的账户等级和币种不支持该支付类型。",
        "请提升账户等级，或使用其他支付类型。",
    ),
    Reason.LIMIT_SINGLE: Explanation(
        402, "AM21", Retry.AFTER_CHANGE,
        "The amount is above the limit of a single payment.",
        "Pay a smaller amount, or raise your account's tier.",
        "金额超过单笔支付限额。", "请减少单笔金额，或提升账户等级。",
    ),
    Reason.LIMIT_DAY_AMOUNT: _limit("The payment exceeds the amount limit of the day.", "超过当日累计支付限额。"),
    Reason.LIMIT_DAY_COUNT: _limit("The payment exceeds the number of payments of the day.", "超过当日支付笔数限制。"),
    Reason.LIMIT_MONTH_AMOUNT: _limit("The payment exceeds the amount limit of the month.", "超过当月累计支付限额。"),
    Reason.LIMIT_MONTH_COUNT: _limit("The payment exceeds the number of payments of the month.", "超过当月支付笔数限制。"),
    Reason.LIMIT_YEAR_AMOUNT: _limit("The payment exceeds the amount limit of the year.", "超过当年累计支付限额。"),
    Reason.LIMIT_YEAR_COUNT: _limit("The payment exceeds the number of payments of the year.", "超过当年支付笔数限制。"),
    Reason.INSUFFICIENT_FUNDS: Explanation(
        402, "AM04", Retry.AFTER_CHANGE,
        "The available balance does not cover the amount and the fee.",
        "Top up the account, or pay a smaller amount.",
        "可用余额不足以支付金额及手续费。", "请充值，或减少支付金额。",
    ),
    Reason.FUNDS_FROZEN: Explanation(
        402, "AM04", Retry.LATER,
        "A part of the balance is frozen; what is free does not cover the amount and the fee.",
        "Pay a smaller amount, or ask the operator.",
        "部分余额已被冻结，可用部分不足以支付金额及手续费。", "请减少支付金额，或联系客服。",
    ),
    Reason.BALANCE_TOO_LARGE: Explanation(
        402, "AM02", Retry.AFTER_CHANGE,
        "The receiving account cannot hold that much.", "Use another receiving account.",
        "收款账户余额将超过上限。", "请使用其他收款账户。",
    ),
    Reason.REVIEWS_FULL: Explanation(
        402, "NARR", Retry.LATER,
        "The payment would need a review, and no more can be taken on this hour.",
        "Try again in an hour.",
        "该笔支付须经审核，而本小时审核能力已满。", "请一小时后再试。",
    ),
    Reason.TOO_MANY_HOLDS: Explanation(
        402, "NARR", Retry.LATER,
        "The account has too many open payments.", "Clear, release or cancel some of them first.",
        "该账户的未完成支付过多。", "请先完成、解冻或取消部分支付。",
    ),
    Reason.CUSTOMERS_FULL: _full("No more customers can be opened.", "暂时无法新开客户。"),
    Reason.ACCOUNTS_FULL: _full("No more accounts can be opened.", "暂时无法新开账户。"),
    Reason.HOLDS_FULL: _full("No more payments can be held.", "暂时无法冻结更多支付。"),
    Reason.OWN_LIMITS_FULL: _full("No more limits of single customers can be set.", "暂时无法设置更多客户专属限额。"),
    Reason.LABELS_FULL: _full("No more payments can be labelled.", "暂时无法标记更多支付。"),
    Reason.PAYMENT_CHALLENGED: _final("The payment was not carried out: the payer had to be verified.", "该笔支付因需验证付款人而未执行。"),
    Reason.MODEL_UNKNOWN: Explanation(
        404, "NARR", Retry.AFTER_CHANGE,
        "There is no model of this name.", "Upload the model first, then publish it.",
        "没有该名称的模型。", "请先上传模型，再发布。",
    ),
    Reason.MODEL_REFUSED: Explanation(
        422, "NARR", Retry.AFTER_CHANGE,
        "The model does not fit this lane: other features, another maturity of labels, or it gives no valid score.",
        "Train the model again with this version, and with the maturity of labels of the policy.",
        "模型与本系统不匹配：特征版本或标签成熟期不同，或无法给出有效评分。",
        "请用当前版本及政策规定的标签成熟期重新训练模型。",
    ),
    Reason.NOT_LABELLABLE: Explanation(
        409, "NARR", Retry.NEVER,
        "Only payments between customers can be labelled.", "Name the payment that the money left by.",
        "只有客户之间的支付可以标记。", "请指明资金转出的那笔支付。",
    ),
    Reason.LABEL_UNCHANGED: Explanation(
        409, "NARR", Retry.NEVER,
        "The payment carries this label already.", "Nothing to do.",
        "该笔支付已有此标记。", "无需操作。",
    ),
    Reason.RISK_BLOCKED: Explanation(
        402, "FR01", Retry.NEVER,
        "The payment was stopped to protect you from fraud.",
        "If you wanted this payment, contact customer service.",
        "为保护您的资金安全，该笔支付已被拦截。", "如确为本人操作，请联系客服。",
    ),
    Reason.VERIFICATION_NEEDED: Explanation(
        402, "NARR", Retry.AFTER_CHANGE,
        "The payer has to be verified more strongly.",
        "Verify the payer with a further factor, then pay again under a new id and name the factors.",
        "需要对付款人进行更强的身份验证。", "请增加一种验证方式，再用新编号重新付款并注明验证方式。",
    ),
}

#: Reasons with which nothing is recorded: the id stays free, or belongs to another instruction.
WITHOUT_TRACE: Final = frozenset({Reason.ID_CONFLICT, Reason.ID_FROM_FUTURE, Reason.ID_EXPIRED})
