"""What column names suggest: words by which files of payments call their columns, in English and Chinese."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: What a name is worth as evidence.
EXACT, STRONG, WEAK, NONE = 10.0, 6.0, 3.0, 0.0


class Names(NamedTuple):
    """The names of one slot: whole ones, words within a name that are strong or weak signs, and words that rule it out."""

    exact: str
    strong: str = ""
    weak: str = ""
    never: str = ""


#: Slot → its names. ``terminal`` becomes payee or place, ``known`` is the label's own time.
NAMES: Final[dict[str, Names]] = {
    "time": Names(
        "time timestamp datetime date_time date event_time tx_datetime tx_time tx_date transaction_time transaction_date transaction_datetime"
        " transaction_timestamp trans_date_trans_time trans_time trans_date transaction_dt created_at created step ts when occurred_at"
        " payment_time payment_date trade_time order_time auth_time booking_date posted_at 时间 交易时间 发生时间 交易日期 支付时间 日期",
        "datetime timestamp 时间", "time date step created 日期",
        "birth dob expiry expires expiration expire open opened opening signup registration registered reported report known label last first previous prev since elapsed gap delta until update updated 生日 开户 注册 有效期 上次",
    ),
    "payer": Names(
        "payer payer_id payer_account sender sender_id sender_account source source_id src from from_account from_id originator orig name_orig customer customer_id"
        " cust_id client client_id user user_id uid buyer buyer_id debtor account account_id account_number acct_num account_no cardholder cardholder_id member_id consumer_id nameorig"
        " 付款人 付款方 付款账号 付款账户 付款卡号 用户 用户id 客户 客户号 账户 账号 持卡人 买家 转出账户",
        "payer sender customer client user buyer debtor originator cardholder orig 付款 用户 客户 持卡 买家 转出", "account acct source from member 账户 账号",
        "balance lat long latitude longitude city state zip age gender type since country email name segment risk score agent dest to time date first last bank location job dob created limit 余额 类型 性别 年龄 城市",
    ),
    "payee": Names(
        "payee payee_id payee_account receiver receiver_id receiver_account recipient recipient_id beneficiary beneficiary_id target target_id dst to to_account to_id dest destination"
        " destination_account name_dest namedest merchant merchant_id merchant_name merchant_number seller seller_id shop shop_id store counterparty counterparty_id creditor vendor vendor_id"
        " 收款人 收款方 收款账号 收款账户 商户 商户号 商户名称 商家 对方账号 对方账户 卖家 转入账户",
        "payee receiver recipient beneficiary merchant seller counterparty creditor vendor shop dest 收款 商户 商家 对方 卖家 转入", "target to destination store",
        "balance lat long latitude longitude city state zip category cat mcc type country location bank risk score region segment time date fraud 类别 余额 类型 城市 行业",
    ),
    "instrument": Names(
        "card card_id card_number card_no card_num cc_num ccnum credit_card credit_card_number pan card_hash card_token card1 instrument instrument_id payment_instrument token iban"
        " 卡号 银行卡 银行卡号 卡",
        "card instrument iban pan cc 卡号 银行卡", "token",
        "type brand level network country bank issuer present limit expiry expires exp cvv product category date credit debit since balance 类型 card2 card3 card4 card5 card6",
    ),
    "device": Names(
        "device device_id deviceid device_fingerprint device_hash imei udid android_id idfa mac mac_address phone_id fingerprint 设备 设备号 设备id 设备指纹 机器码",
        "device imei fingerprint mac 设备", "phone handset", "info model type os brand version category language score trust count age risk 类型 型号 系统",
    ),
    "network": Names(
        "ip ip_address ipaddress client_ip user_ip remote_addr remote_ip ip_addr network source_ip ip地址", "ip 网络",
        "", "country city region risk score type count proxy distance card",
    ),
    "terminal": Names(
        "terminal terminal_id term_id pos_id pos atm atm_id tid 终端 终端号 终端id pos机", "terminal 终端", "pos atm", "type entry mode lat long category",
    ),
    "place": Names(
        "location location_id place place_id city merchant_city region branch branch_id store_id zip zipcode zip_code postal_code merch_zipcode addr1 address area state country merchant_country province 地点 位置 城市 地区 网点 省份",
        "location place city 地点 位置 城市 地区 网点", "zip region branch area addr postal country state province", "lat long latitude longitude pop population email ip type birth",
    ),
    "latitude": Names("merch_lat merchant_lat latitude lat 纬度", "latitude lat 纬度"),
    "longitude": Names("merch_long merchant_long merch_lon longitude long lon lng 经度", "longitude long lon lng 经度"),
    "channel": Names(
        "channel channel_id entry_mode pos_entry_mode use_chip payment_channel tx_channel transaction_channel 渠道 交易渠道", "channel 渠道", "entry mode chip online", "",
    ),
    "type": Names(
        "type tx_type transaction_type trans_type payment_type txn_type kind operation operation_type product_cd payment_method payment_format 类型 交易类型 支付类型 业务类型",
        "type kind operation 类型", "method product", "fraud device card customer account user merchant address email payer payee 卡 设备 欺诈",
    ),
    "category": Names(
        "category merchant_category merchant_category_code mcc mcc_code merchant_type industry category_id product_category 类别 行业 商户类别 分类", "category mcc industry 类别 行业 分类", "merchant_type", "fraud age customer",
    ),
    "amount": Names(
        "amount amt transaction_amount tx_amount trans_amount transaction_amt payment_amount amount_paid value price sum money amount_minor amount_cents amount_fen total 金额 交易金额 支付金额 付款金额",
        "amount amt 金额", "value price sum paid total",
        "balance max min avg mean average median std fee tax old new limit count ratio daily weekly monthly prev previous last received 余额 手续费 平均",
    ),
    "currency": Names("currency ccy cur currency_code payment_currency 币种 货币", "currency ccy 币种", "", "receiving exchange rate"),
    "outcome": Names(
        "status outcome result response response_code auth_result approved is_approved declined is_declined transaction_status payment_status errors error state_code 状态 交易状态 结果 交易结果",
        "status outcome approved declined 状态", "result response error", "marital fraud employment case 婚姻",
    ),
    "label": Names(
        "is_fraud fraud label labels class tx_fraud has_cbk cbk chargeback is_chargeback fraud_flag fraud_label fraudulent is_fraudulent fraud_bool fraud_reported is_laundering isfraud y target"
        " 欺诈 是否欺诈 标签 欺诈标签 是否拒付",
        "fraud label chargeback cbk laundering 欺诈 标签 拒付", "class",
        "flagged scenario type score probability predicted prediction risk time date known at amount count reason scheme id 类型 时间",
    ),
    "known": Names(
        "known_at label_time fraud_time reported_at reported reported_time report_time report_date fraud_reported_at chargeback_date chargeback_time cbk_date confirmed_at label_date known_time dispute_date detected_at"
        " 标记时间 举报时间 拒付时间 确认时间",
        "reported known chargeback confirmed dispute 举报 拒付 确认", "label", "",
    ),
    "fraud_type": Names(
        "fraud_type tx_fraud_scenario fraud_scenario scenario scheme typology fraud_category laundering_type attack_type 欺诈类型 欺诈场景", "scenario scheme typology 欺诈类型", "", "is",
    ),
    "intent": Names("intent intent_id payment_intent payment_intent_id order order_id checkout_id basket_id 订单 订单号", "intent 订单", "order checkout", "time date amount type count status"),
}  # fmt: skip

_BORDER: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN: Final = re.compile(r"[\W_]+")


def words_of(name: str) -> list[str]:
    """The words of a column's name in lower case: ``transDate`` and ``TRANS_DATE`` are *trans*, *date*."""
    return [word for word in _BETWEEN.split(_BORDER.sub("_", name).lower()) if word]


def name_score(name: str, slot: str) -> float:
    """How strongly a column's name suggests a slot: ``STRONG``, ``WEAK``, ``NONE``, or -1 where it rules it out.

    A whole name is worth ``EXACT``, and a little more the earlier it is in the list.
    """
    names, words = NAMES[slot], words_of(name)
    joined = "".join(words)
    exact = [known.replace("_", "") for known in names.exact.split()]
    if joined in exact:
        return EXACT + 0.1 * (1 - exact.index(joined) / len(exact))
    if any(_holds(words, joined, never) for never in names.never.split()):
        return -1.0
    if any(_holds(words, joined, strong) for strong in names.strong.split()):
        return STRONG
    return WEAK if any(_holds(words, joined, weak) for weak in names.weak.split()) else NONE


def _holds(words: list[str], joined: str, sign: str) -> bool:
    """Whether a sign is one of the words; Chinese has no spaces, so there it may stand anywhere."""
    return sign in words if sign.isascii() else sign in joined
