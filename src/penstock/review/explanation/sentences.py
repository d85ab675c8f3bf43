"""One sentence for each feature, in both languages: what was known, in natural units, beside what is usual. Pure.

A measure has a sentence with places: ``{of}`` says whose payments are meant, ``{n}`` the quantity. Where nothing is
known there is a sentence for that, because *unknown* is never 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from penstock.contracts.features import Entity, Feature, Measure
from penstock.contracts.money import BY_NUMERIC, format_minor
from penstock.contracts.words import CHANNELS, TYPES
from penstock.review.explanation.quantities import Said, clock, length, number, percent, times


class Scene(NamedTuple):
    """What sentences need of the payment besides the vector."""

    amount_minor: int
    currency: int
    #: The entities that the payment did not name.
    unnamed: frozenset[Entity]


#: Whose payments: "payments of this payer", 该付款人的支付.
_OF: Final = {
    Entity.PAYER: Said("of this payer", "该付款人的"),
    Entity.PAYEE: Said("to this payee", "付给该收款人的"),
    Entity.INSTRUMENT: Said("with this instrument", "使用该支付工具的"),
    Entity.DEVICE: Said("from this device", "来自该设备的"),
    Entity.NETWORK: Said("from this network", "来自该网络的"),
    Entity.PLACE: Said("at this place", "在该地点的"),
    Entity.CATEGORY: Said("in this category", "该类别的"),
    Entity.PAYER_PAYEE: Said("of this payer to this payee", "该付款人付给该收款人的"),
    Entity.PAYER_DEVICE: Said("of this payer from this device", "该付款人来自该设备的"),
    Entity.PAYER_NETWORK: Said("of this payer from this network", "该付款人来自该网络的"),
    Entity.PAYER_PLACE: Said("of this payer at this place", "该付款人在该地点的"),
}
_UNNAMED: Final = {
    Entity.INSTRUMENT: Said("The payment did not say its instrument.", "该支付未提供支付工具。"),
    Entity.DEVICE: Said("The payment did not say its device.", "该支付未提供设备。"),
    Entity.NETWORK: Said("The payment did not say its network.", "该支付未提供网络。"),
    Entity.PLACE: Said("The payment did not say its place.", "该支付未提供地点。"),
    Entity.CATEGORY: Said("The payment did not say its category.", "该支付未提供类别。"),
}
#: Of what a pair is made besides the payer.
_OTHER_HALF: Final = {
    Entity.PAYER_DEVICE: Entity.DEVICE, Entity.PAYER_NETWORK: Entity.NETWORK, Entity.PAYER_PLACE: Entity.PLACE,
}  # fmt: skip
_NO_EARLIER: Final = Said("There is no earlier payment {of}.", "此前没有{of}支付。")
_NO_USUAL: Final = Said(
    "Too few earlier payments {of} are known to say what amount is usual.", "{of}历史支付太少，无法判断平常金额。"
)
_NO_EXTRA: Final = Said("The payment brought no {label}.", "该支付未提供{label}。")
_UNKNOWN: Final = {
    Measure.CHANNEL: Said("The payment did not say its channel.", "该支付未说明渠道。"),
    Measure.EXTRA_1: _NO_EXTRA,
    Measure.EXTRA_2: _NO_EXTRA,
    Measure.EXTRA_3: _NO_EXTRA,
    Measure.EXTRA_4: _NO_EXTRA,
    Measure.AGE: _NO_EARLIER,
    Measure.GAP: _NO_EARLIER,
    Measure.AMOUNT_RATIO: _NO_USUAL,
    Measure.AMOUNT_Z: _NO_USUAL,
    Measure.FRAUD_GAP: Said("No fraud is known among the payments {of}.", "{of}支付中没有已知的欺诈。"),
    Measure.HOUR_HABIT: Said(
        "It is not known at what time this payer usually pays.", "尚不清楚该付款人平常的付款时刻。"
    ),
    Measure.SPEED: Said(
        "It is not known from where to where this payer has moved since the last payment.",
        "无法得知该付款人自上次支付以来的移动。",
    ),
    Measure.RECEIVED_RATIO: Said("This payer is not known to have received money.", "未见该付款人收到过款项。"),
    Measure.RECEIVED_GAP: Said("This payer is not known to have received money.", "未见该付款人收到过款项。"),
}
_ANY_UNKNOWN: Final = Said("Not known: {label}.", "未知：{label}。")

_WEEKDAYS: Final = (
    Said("Monday", "星期一"), Said("Tuesday", "星期二"), Said("Wednesday", "星期三"), Said("Thursday", "星期四"),
    Said("Friday", "星期五"), Said("Saturday", "星期六"), Said("Sunday", "星期日"),
)  # fmt: skip
_TYPES_ZH: Final = {"transfer": "转账", "purchase": "消费", "bill": "缴费", "withdrawal": "提现"}
_CHANNELS_ZH: Final = {
    "app": "手机应用", "web": "网页", "pos": "POS 终端", "qr": "二维码", "atm": "自助取款机", "phone": "电话", "branch": "网点", "api": "接口",
}  # fmt: skip

#: The first time of a pair, and how often before.
_PAIRS: Final = {
    Entity.PAYER_PAYEE: (
        Said("This payer has never paid this payee before.", "该付款人此前从未向该收款人付款。"),
        Said("This payer has paid this payee {n} before.", "该付款人此前已向该收款人付款 {n} 次。"),
    ),
    Entity.PAYER_DEVICE: (
        Said("This payer uses this device for the first time.", "该付款人首次使用该设备。"),
        Said("This payer has used this device {n} before.", "该付款人此前已使用该设备 {n} 次。"),
    ),
    Entity.PAYER_NETWORK: (
        Said("This payer comes from this network for the first time.", "该付款人首次来自该网络。"),
        Said("This payer has come from this network {n} before.", "该付款人此前已来自该网络 {n} 次。"),
    ),
    Entity.PAYER_PLACE: (
        Said("This payer pays at this place for the first time.", "该付款人首次在该地点付款。"),
        Said("This payer has paid at this place {n} before.", "该付款人此前已在该地点付款 {n} 次。"),
    ),
}
#: Sentences in which nothing but a number varies; so built that they are right for any number.
_COUNTED: Final = {
    Measure.ROUNDNESS: Said("Zeros at the end of the amount in minor units: {n}.", "以最小货币单位计，金额末尾的零：{n} 个。"),
    Measure.COUNT_HOUR: Said("Payments {of} within about an hour: {n}.", "约一小时内，{of}支付：{n} 笔。"),
    Measure.COUNT_DAY: Said("Payments {of} within about a day: {n}.", "约一天内，{of}支付：{n} 笔。"),
    Measure.COUNT_WEEK: Said("Payments {of} within about a week: {n}.", "约一周内，{of}支付：{n} 笔。"),
    Measure.PARTNERS: Said("First payments {of} with a new partner within about a week: {n}.", "约一周内，{of}支付中与新交易对手的首笔：{n} 笔。"),
    Measure.GENUINE: Said("Payments {of} known to be genuine: {n} (old ones count less).", "{of}支付中已知为正常的：{n} 笔（越早权重越低）。"),
    Measure.FRAUD_RUN: Said("Frauds among the payments {of} since the last known to be genuine: {n}.", "自最近一笔已知正常的支付以来，{of}支付中的欺诈：{n} 笔。"),
    Measure.SWITCHES: Said("Switches of device or network by this payer within about a day: {n}.", "约一天内，该付款人更换设备或网络：{n} 次。"),
    Measure.FAILED: Said("Declined payments of this payer within about a day: {n}.", "约一天内，该付款人被拒绝的支付：{n} 笔。"),
    Measure.SPEED: Said("From the place of the last payment to here, this payer moved at about {n} km/h.", "从上次支付的地点到此，该付款人的移动速度约为每小时 {n} 公里。"),
}  # fmt: skip
#: Sentences with a span of time.
_TIMED: Final = {
    Measure.AGE: Said("The first payment {of} was {n} ago.", "{of}首笔支付发生在{n}前。"),
    Measure.GAP: Said("The last payment {of} was {n} ago.", "{of}上一笔支付发生在{n}前。"),
    Measure.FRAUD_GAP: Said(
        "That a payment {of} was fraud became known {n} ago.", "{of}支付中最近一次确认欺诈是在{n}前。"
    ),
    Measure.RECEIVED_GAP: Said("This payer received money {n} ago.", "该付款人在{n}前收到过款项。"),
}
_USUALLY: Final = {
    Entity.PAYER: Said("what this payer usually pays", "该付款人平常金额"),
    Entity.PAYEE: Said("what this payee is usually paid", "该收款人平常收款金额"),
}
#: Within this factor an amount is as usual.
_LIKE: Final = 1.25


def sentence(feature: Feature, value: float | None, scene: Scene) -> Said:
    """What a feature says. ``value``: in natural units (see ``quantities``), None = unknown."""
    if value is None:
        return _not_known(feature, scene)
    if feature.measure in _COUNTED:
        return _fill(_COUNTED[feature.measure], feature, number(value))
    if feature.measure in _TIMED:
        return _fill(_TIMED[feature.measure], feature, length(value))
    return _SPECIAL[feature.measure](feature, value, scene)


def label(feature: Feature) -> Said:
    """A feature's name for people."""
    if feature.entity == Entity.PAYMENT:
        return Said(feature.term.en, feature.term.zh)
    return Said(
        f"{feature.term.en}, payments {_OF[feature.entity].en}", f"{_OF[feature.entity].zh}支付：{feature.term.zh}"
    )


def _fill(form: Said, feature: Feature, quantity: str | Said) -> Said:
    en, zh = (quantity, quantity) if isinstance(quantity, str) else quantity
    of, name = _OF.get(feature.entity, Said("", "")), label(feature)
    return Said(form.en.format(n=en, of=of.en, label=name.en), form.zh.format(n=zh, of=of.zh, label=name.zh))


def _not_known(feature: Feature, scene: Scene) -> Said:
    named = _OTHER_HALF.get(feature.entity, feature.entity)
    if named in scene.unnamed:
        return _UNNAMED[named]
    return _fill(_UNKNOWN.get(feature.measure, _ANY_UNKNOWN), feature, "")


def _money(minor: float, scene: Scene) -> str:
    return format_minor(round(minor), BY_NUMERIC[scene.currency])


def _amount(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001 - the row knows it to the cent
    money = _money(scene.amount_minor, scene)
    return Said(f"The amount is {money}.", f"金额为 {money}。")


def _hour(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    return Said(f"The local time is about {clock(value)}.", f"当地时间约为 {clock(value)}。")


def _weekday(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    day = _WEEKDAYS[round(value) % 7]
    return Said(f"It is a {day.en}.", f"当天是{day.zh}。")


def _type(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    name = TYPES.get(round(value), "other")
    return Said(f"The payment's type is {name}.", f"支付类型为{_TYPES_ZH.get(name, '其他')}。")


def _channel(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    name = CHANNELS.get(round(value), "other")
    return Said(f"The payment came by the channel {name}.", f"支付渠道为{_CHANNELS_ZH.get(name, '其他')}。")


def _extra(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    name = label(feature)
    return Said(f"The {name.en} is about {value:.4g}.", f"{name.zh}约为 {value:.4g}。")


def _seen(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    count = number(round(value))
    if feature.entity in _PAIRS:
        never, often = _PAIRS[feature.entity]
        how_often = "once" if count == "1" else f"{count} times"
        return never if count == "0" else Said(often.en.format(n=how_often), often.zh.format(n=count))
    of = _OF[feature.entity]
    if count == "0":
        return Said(f"This is the first payment {of.en}.", f"这是{of.zh}首笔支付。")
    return Said(f"Payments {of.en} before this one: {count}.", f"此前{of.zh}支付：{count} 笔。")


_WITHIN: Final = {Measure.SUM_HOUR: Said("an hour", "一小时"), Measure.SUM_DAY: Said("a day", "一天")}
_KNOWN: Final = {
    Measure.FRAUD_SHARE: Said("is known", "已知"),
    Measure.FRAUD_SHARE_WEEK: Said("became known within about a week", "约一周内获知"),
    Measure.FRAUD_SHARE_EVER: Said("was ever known", "历来获知"),
}


def _sum(feature: Feature, value: float, scene: Scene) -> Said:
    of, money = _OF[feature.entity], _money(value, scene)
    within = _WITHIN[feature.measure]
    return Said(
        f"Within about {within.en} the payments {of.en} came to about {money}.",
        f"约{within.zh}内，{of.zh}支付合计约 {money}。",
    )


def _ratio(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    usual = _USUALLY[feature.entity]
    if 1 / _LIKE <= value <= _LIKE:
        return Said(f"The amount is about {usual.en}.", f"金额与{usual.zh}相近。")
    if value > 1:
        return Said(f"The amount is {times(value)} times {usual.en}.", f"金额约为{usual.zh}的 {times(value)} 倍。")
    return Said(f"The amount is {percent(value)} % of {usual.en}.", f"金额约为{usual.zh}的 {percent(value)}%。")


def _deviation(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    of = _OF[feature.entity]
    size = number(abs(value))
    if size == "0":
        return Said(f"The amount is as usual for payments {of.en}.", f"与{of.zh}支付相比，金额正常。")
    en, zh = ("above", "高") if value > 0 else ("below", "低")
    return Said(
        f"The amount is {size} standard deviations {en} what is usual for payments {of.en}.",
        f"与{of.zh}平常支付相比，金额偏{zh} {size} 个标准差。",
    )


def _share(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    of, share, known = _OF[feature.entity], percent(value), _KNOWN[feature.measure]
    return Said(
        f"Of the payments {of.en} of which it {known.en}, about {share} % were fraud.",
        f"{of.zh}支付中，在{known.zh}结果的范围内约 {share}% 为欺诈。",
    )


def _habit(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    if value < 1:
        return Said("This payer usually pays at about this time of the day.", "该付款人平常就在这个时刻付款。")
    hours = number(round(value))
    return Said(
        f"The time is about {hours} hour{'' if hours == '1' else 's'} from when this payer usually pays.",
        f"付款时刻与该付款人平常相差约 {hours} 小时。",
    )


def _received(feature: Feature, value: float, scene: Scene) -> Said:  # noqa: ARG001
    return Said(
        f"The amount is {times(value)} times the money that this payer received within about a day.",
        f"金额约为该付款人约一天内收款的 {times(value)} 倍。",
    )


_SPECIAL: Final[dict[Measure, Callable[[Feature, float, Scene], Said]]] = {
    Measure.AMOUNT: _amount,
    Measure.HOUR: _hour,
    Measure.WEEKDAY: _weekday,
    Measure.TYPE: _type,
    Measure.CHANNEL: _channel,
    Measure.EXTRA_1: _extra,
    Measure.EXTRA_2: _extra,
    Measure.EXTRA_3: _extra,
    Measure.EXTRA_4: _extra,
    Measure.SEEN: _seen,
    Measure.SUM_HOUR: _sum,
    Measure.SUM_DAY: _sum,
    Measure.AMOUNT_RATIO: _ratio,
    Measure.AMOUNT_Z: _deviation,
    Measure.FRAUD_SHARE: _share,
    Measure.FRAUD_SHARE_WEEK: _share,
    Measure.FRAUD_SHARE_EVER: _share,
    Measure.HOUR_HABIT: _habit,
    Measure.RECEIVED_RATIO: _received,
}
assert set(_SPECIAL) | set(_COUNTED) | set(_TIMED) == set(Measure)
