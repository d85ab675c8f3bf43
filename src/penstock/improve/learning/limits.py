"""Limits of use: what the card warns of, in words, from the facts of this training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import FEATURES, Entity
from penstock.improve.learning.card import Data, Limits, Parts

#: Fewer frauds than this on validation: figures and thresholds are rough.
_ENOUGH_FRAUDS: Final = 200
_DAY_US: Final = 86_400_000_000

_ALWAYS: Final = (
    (
        "分数是与训练数据同类的付款为欺诈的概率;用于其他客户群、支付产品或国家之前,须先用其数据回测。",
        "The score is the probability of fraud for payments like those it was trained on; back-test it on their data before using it for other customers, products or countries.",
    ),
    (
        "超过成熟期仍无欺诈标签的付款视为正常;从未报告的欺诈,模型无从学习。",
        "A payment without a fraud label after the maturity counts as genuine; frauds that nobody reported were not learnt.",
    ),
    (
        "欺诈手法会变:请定期重新训练,并在测试期核对实际误报率是否仍符合预算。",
        "Fraud changes: train again regularly, and compare the false-positive rate in use with its budget.",
    ),
    (
        "只用于处置付款,不得用于评价个人信用、就业或保险。",
        "For deciding on payments only, not for judging a person's credit, employment or insurance.",
    ),
)
_NAMES: Final = {
    Entity.PAYEE: ("收款方", "payee"),
    Entity.INSTRUMENT: ("支付工具", "instrument"),
    Entity.DEVICE: ("设备", "device"),
    Entity.NETWORK: ("网络", "network"),
    Entity.PLACE: ("地点", "place"),
    Entity.CATEGORY: ("类别", "category"),
}


def limits_of(data: Data, parts: Parts, vectors: NDArray[np.float16]) -> Limits:
    """What holds for every model, and what holds for this one; ``vectors`` (n, 64) are those it was grown from."""
    told = [*_ALWAYS, *_of_parts(data, parts), *_of_features(vectors)]
    return Limits(zh=[zh for zh, _ in told], en=[en for _, en in told])


def _of_parts(data: Data, parts: Parts) -> Iterator[tuple[str, str]]:
    frauds = parts.validation.frauds
    if frauds < _ENOUGH_FRAUDS:
        yield (
            f"验证部分仅有 {frauds} 笔欺诈:指标与阈值较粗略,请看其区间。",
            f"Only {frauds} frauds are in the validation part: figures and thresholds are rough, mind their intervals.",
        )
    if data.embargo_us == 0:
        yield (
            "历史太短,训练与验证之间未能留出标签延迟的间隔:验证指标可能偏高。",
            "The history is too short for an embargo of the label delay between training and validation: the figures may be too good.",
        )
    if data.label_delay_us > data.maturity_us:
        days, maturity = data.label_delay_us / _DAY_US, data.maturity_us / _DAY_US
        yield (
            f"半数欺诈在成熟期({maturity:.1f} 天)之后才被报告(中位数 {days:.1f} 天):请在映射中延长成熟期。",
            f"Half of the frauds became known after the maturity of {maturity:.1f} days (median {days:.1f}): give a longer maturity in the mapping.",
        )


def _of_features(vectors: NDArray[np.float16]) -> Iterator[tuple[str, str]]:
    """Entities that the data never names: their features were always unknown, and so were not learnt."""
    absent = [entity for entity in _NAMES if _always_unknown(vectors, entity)]
    if absent:
        zh, en = "、".join(_NAMES[each][0] for each in absent), ", ".join(_NAMES[each][1] for each in absent)
        yield (
            f"数据中没有以下信息,模型不会使用:{zh}。",
            f"The data does not name these, and the model ignores them: {en}.",
        )


def _always_unknown(vectors: NDArray[np.float16], entity: Entity) -> bool:
    own = [feature for feature in FEATURES if feature.entity is entity]
    return all(np.all(vectors[:, feature.slot] == feature.unknown) for feature in own)
