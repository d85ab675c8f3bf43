"""The feature registry: what is known of a payment before it is decided, in 64 numbers.

One template of measures serves every entity; a feature is one measure of one entity. The kernel
(``process/decide/``) fills a vector from this table, models and rules read it by name, the journal row
keeps it in half precision, and ``docs/features.md`` renders it. Slots are never reused: a change of
meaning is a new ``REGISTRY_VERSION``.

Unless a measure says otherwise a window of *n* hours is a decay with a half-life of *n* hours, and a
count, a sum or a time is log2(1 + x), so that half precision suffices.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

#: Version of this table, in every row that carries a vector.
REGISTRY_VERSION: Final = 1
#: Slots of a vector, half precision each: 128 bytes.
SLOTS: Final = 64
#: How many extra numbers a caller may send with a payment.
EXTRAS: Final = 4
#: *Unknown* where every true value is ≥ 0, and where values may have either sign (which are cut at ± 16).
UNKNOWN: Final = -1.0
UNKNOWN_SIGNED: Final = -32.0
MOST_SIGNED: Final = 16.0
#: … and where ± 31 is room enough for any number that a caller sends.
MOST_EXTRA: Final = 31.0


class Entity(IntEnum):
    """Whom or what a measure is about. The pairs tell what is new *for this payer*."""

    PAYMENT = 0
    PAYER = 1
    PAYEE = 2
    INSTRUMENT = 3
    DEVICE = 4
    NETWORK = 5
    PLACE = 6
    CATEGORY = 7
    PAYER_PAYEE = 8
    PAYER_DEVICE = 9
    PAYER_NETWORK = 10
    PAYER_PLACE = 11


class Measure(IntEnum):
    """What is measured. Numbers are places in the kernel's scratch."""

    # of the payment alone
    AMOUNT = 0
    ROUNDNESS = 1
    HOUR = 2
    WEEKDAY = 3
    TYPE = 4
    CHANNEL = 5
    EXTRA_1 = 6
    EXTRA_2 = 7
    EXTRA_3 = 8
    EXTRA_4 = 9
    # of an entity, from the attempts before this one
    SEEN = 10
    AGE = 11
    GAP = 12
    COUNT_HOUR = 13
    COUNT_DAY = 14
    COUNT_WEEK = 15
    SUM_DAY = 16
    AMOUNT_RATIO = 17
    AMOUNT_Z = 18
    PARTNERS = 19
    # of an entity, from what has become known of its payments
    GENUINE = 20
    FRAUD_SHARE = 22
    FRAUD_GAP = 23
    FRAUD_RUN = 24
    # of payers only
    HOUR_HABIT = 25
    SWITCHES = 26
    SPEED = 27
    RECEIVED_RATIO = 28
    RECEIVED_GAP = 29
    FAILED = 30
    SUM_HOUR = 31
    # of payees only
    FRAUD_SHARE_WEEK = 32
    FRAUD_SHARE_EVER = 33


class Group(StrEnum):
    """Features that stand or fall together: what ``penstock features ablate`` leaves out."""

    AMOUNT = "amount"
    CALENDAR = "calendar"
    KIND = "kind"
    EXTRAS = "extras"
    HISTORY = "history"
    FREQUENCY = "frequency"
    DEVIATION = "deviation"
    NOVELTY = "novelty"
    PARTNERS = "partners"
    LABELS = "labels"
    SWITCHING = "switching"
    TRAVEL = "travel"
    PASS_THROUGH = "pass_through"  # noqa: S105 - money that passes through, not a password
    FAILURES = "failures"


class Term(NamedTuple):
    """What a measure means: its group, unit, window and value for unknown, in words."""

    group: Group
    unit: str
    window: str
    unknown: float
    en: str
    zh: str


_P, _S = UNKNOWN, UNKNOWN_SIGNED
_LABEL_WINDOW = "half-life 30 days"

TERMS: Final = {
    Measure.AMOUNT: Term(Group.AMOUNT, "log2(1 + minor units)", "", _P, "amount", "金额"),
    Measure.ROUNDNESS: Term(Group.AMOUNT, "zeros", "", _P, "zeros at the end of the amount in minor units", "金额末尾零的个数"),
    Measure.HOUR: Term(Group.CALENDAR, "hours, in quarters", "", _P, "local hour of the day", "当地时刻"),
    Measure.WEEKDAY: Term(Group.CALENDAR, "0 Monday … 6 Sunday", "", _P, "day of the week", "星期"),
    Measure.TYPE: Term(Group.KIND, "number", "", _P, "payment type", "支付类型"),
    Measure.CHANNEL: Term(Group.KIND, "number", "", _P, "channel", "渠道"),
    Measure.EXTRA_1: Term(Group.EXTRAS, "sign(x) log2(1 + |x|)", "", _S, "extra number 1", "附加数值一"),
    Measure.EXTRA_2: Term(Group.EXTRAS, "sign(x) log2(1 + |x|)", "", _S, "extra number 2", "附加数值二"),
    Measure.EXTRA_3: Term(Group.EXTRAS, "sign(x) log2(1 + |x|)", "", _S, "extra number 3", "附加数值三"),
    Measure.EXTRA_4: Term(Group.EXTRAS, "sign(x) log2(1 + |x|)", "", _S, "extra number 4", "附加数值四"),
    Measure.SEEN: Term(Group.HISTORY, "log2(1 + payments)", "ever", _P, "payments before this one", "此前的支付笔数"),
    Measure.AGE: Term(Group.HISTORY, "log2(1 + s)", "ever", _P, "time since the first payment", "距首次支付的时间"),
    Measure.GAP: Term(Group.FREQUENCY, "log2(1 + s)", "", _P, "time since the last payment", "距上次支付的时间"),
    Measure.COUNT_HOUR: Term(Group.FREQUENCY, "log2(1 + payments)", "half-life 1 hour", _P, "payments within about an hour", "约一小时内的支付笔数"),
    Measure.COUNT_DAY: Term(Group.FREQUENCY, "log2(1 + payments)", "half-life 1 day", _P, "payments within about a day", "约一天内的支付笔数"),
    Measure.COUNT_WEEK: Term(Group.FREQUENCY, "log2(1 + payments)", "half-life 7 days", _P, "payments within about a week", "约一周内的支付笔数"),
    Measure.SUM_DAY: Term(Group.FREQUENCY, "log2(1 + minor units)", "half-life 1 day", _P, "money within about a day", "约一天内的金额"),
    Measure.AMOUNT_RATIO: Term(Group.DEVIATION, "log2 of the ratio", "half-life 30 days", _S, "amount against the usual amount", "金额与平常金额之比"),
    Measure.AMOUNT_Z: Term(Group.DEVIATION, "standard deviations of log2", "half-life 30 days", _S, "how unusual the amount is", "金额的异常程度"),
    Measure.PARTNERS: Term(Group.PARTNERS, "log2(1 + new partners)", "half-life 7 days", _P, "first payments with new partners within about a week", "约一周内新增的交易对手"),
    Measure.GENUINE: Term(Group.LABELS, "log2(1 + payments)", _LABEL_WINDOW, _P, "payments known to be genuine", "已知为正常的支付"),
    Measure.FRAUD_SHARE: Term(Group.LABELS, "share", _LABEL_WINDOW, _P, "share of fraud among the payments of which it is known", "已知支付中的欺诈比例"),
    Measure.FRAUD_GAP: Term(Group.LABELS, "log2(1 + s)", "", _P, "time since a fraud became known", "距上次确认欺诈的时间"),
    Measure.FRAUD_RUN: Term(Group.LABELS, "log2(1 + payments)", "", _P, "frauds known since the last payment known to be genuine", "上次确认正常支付以来的欺诈笔数"),
    Measure.HOUR_HABIT: Term(Group.DEVIATION, "0 usual … 2 opposite", "half-life 30 days", _P, "distance from the usual time of the day", "与平常时刻的偏离"),
    Measure.SWITCHES: Term(Group.SWITCHING, "log2(1 + switches)", "half-life 1 day", _P, "switches of device or network within about a day", "约一天内更换设备或网络的次数"),
    Measure.SPEED: Term(Group.TRAVEL, "log2(1 + km/h)", "", _P, "speed from the place of the last payment", "距上次支付地点的移动速度"),
    Measure.RECEIVED_RATIO: Term(Group.PASS_THROUGH, "log2 of the ratio", "half-life 1 day", _S, "amount against the money received within about a day", "金额与约一天内收款之比"),
    Measure.RECEIVED_GAP: Term(Group.PASS_THROUGH, "log2(1 + s)", "", _P, "time since money was received", "距上次收款的时间"),
    Measure.FAILED: Term(Group.FAILURES, "log2(1 + payments)", "half-life 1 day", _P, "declined payments within about a day, from the second second on", "约一天内被拒绝的支付"),
    Measure.SUM_HOUR: Term(Group.FREQUENCY, "log2(1 + minor units)", "half-life 1 hour", _P, "money within about an hour", "约一小时内的金额"),
    Measure.FRAUD_SHARE_WEEK: Term(Group.LABELS, "share", "half-life 7 days", _P, "share of fraud among the payments of which it became known within about a week", "约一周内获知结果的支付中的欺诈比例"),
    Measure.FRAUD_SHARE_EVER: Term(Group.LABELS, "share", "ever", _P, "share of fraud among all payments of which it was ever known", "历来已知支付中的欺诈比例"),
}  # fmt: skip

#: The measures that each entity has in the vector, in the order of the slots.
_CHOSEN: Final = {
    Entity.PAYMENT: tuple(Measure(n) for n in range(10)),
    Entity.PAYER: (
        Measure.SEEN, Measure.AGE, Measure.GAP, Measure.COUNT_HOUR, Measure.COUNT_DAY, Measure.COUNT_WEEK, Measure.SUM_HOUR,
        Measure.SUM_DAY, Measure.AMOUNT_RATIO, Measure.AMOUNT_Z, Measure.PARTNERS, Measure.GENUINE, Measure.FRAUD_SHARE,
        Measure.FRAUD_GAP, Measure.HOUR_HABIT, Measure.SWITCHES, Measure.SPEED,
        Measure.RECEIVED_RATIO, Measure.RECEIVED_GAP, Measure.FAILED,
    ),
    Entity.PAYEE: (
        Measure.SEEN, Measure.AGE, Measure.GAP, Measure.COUNT_HOUR, Measure.COUNT_DAY, Measure.COUNT_WEEK, Measure.SUM_DAY,
        Measure.AMOUNT_RATIO, Measure.AMOUNT_Z, Measure.PARTNERS, Measure.GENUINE, Measure.FRAUD_SHARE,
        Measure.FRAUD_SHARE_WEEK, Measure.FRAUD_SHARE_EVER, Measure.FRAUD_GAP, Measure.FRAUD_RUN,
    ),
    Entity.INSTRUMENT: (Measure.SEEN,),
    Entity.DEVICE: (Measure.SEEN, Measure.COUNT_DAY, Measure.PARTNERS, Measure.FRAUD_SHARE),
    Entity.NETWORK: (Measure.PARTNERS, Measure.FRAUD_SHARE),
    Entity.PLACE: (Measure.COUNT_WEEK, Measure.AMOUNT_Z, Measure.FRAUD_SHARE),
    Entity.CATEGORY: (Measure.COUNT_WEEK, Measure.AMOUNT_Z, Measure.FRAUD_SHARE),
    Entity.PAYER_PAYEE: (Measure.SEEN, Measure.GAP),
    Entity.PAYER_DEVICE: (Measure.SEEN,),
    Entity.PAYER_NETWORK: (Measure.SEEN,),
    Entity.PAYER_PLACE: (Measure.SEEN,),
}  # fmt: skip


class Feature(NamedTuple):
    """One slot of the vector."""

    slot: int
    name: str  # such as payer.count_hour
    entity: Entity
    measure: Measure

    @property
    def term(self) -> Term:
        """What its measure means."""
        return TERMS[self.measure]

    @property
    def group(self) -> Group:
        """The group with which it stands or falls."""
        return Group.NOVELTY if self.entity >= Entity.PAYER_PAYEE else self.term.group

    @property
    def unknown(self) -> float:
        """The value that says *unknown*."""
        return self.term.unknown


#: The registry, by slot.
FEATURES: Final = tuple(
    Feature(slot, f"{entity.name.lower()}.{measure.name.lower()}", entity, measure)
    for slot, (entity, measure) in enumerate(
        (entity, measure) for entity, measures in _CHOSEN.items() for measure in measures
    )
)
#: Name → feature.
BY_NAME: Final = {feature.name: feature for feature in FEATURES}
#: Entity, measure → slot.
SLOT_OF: Final = {(feature.entity, feature.measure): feature.slot for feature in FEATURES}

assert len(FEATURES) == SLOTS, f"the registry has {len(FEATURES)} features for {SLOTS} slots"
