"""What the values of a label or an outcome seem to mean."""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl

from penstock.improve.history.mapping import Value, canonical

_FRAUD: Final = frozenset(
    [
        "1",
        "true",
        "t",
        "yes",
        "y",
        "fraud",
        "fraudulent",
        "fraudster",
        "illicit",
        "chargeback",
        "laundering",
        "suspicious",
        "bad",
        "positive",
        "欺诈",
        "是",
        "诈骗",
        "拒付",
        "可疑",
    ]
)
_GENUINE: Final = frozenset(
    [
        "0",
        "false",
        "f",
        "no",
        "n",
        "genuine",
        "legit",
        "legitimate",
        "licit",
        "normal",
        "good",
        "ok",
        "clean",
        "benign",
        "negative",
        "non-fraud",
        "nonfraud",
        "not_fraud",
        "正常",
        "否",
        "非欺诈",
    ]
)
_UNLABELLED: Final = frozenset(
    [
        "2",
        "-1",
        "unknown",
        "unlabelled",
        "unlabeled",
        "unsure",
        "pending",
        "open",
        "none",
        "null",
        "nan",
        "na",
        "n/a",
        "-",
        "?",
        "undetermined",
        "未知",
        "未标记",
        "待定",
    ]
) | {""}
_DECLINED: Final = (
    "declin",
    "fail",
    "reject",
    "refus",
    "denied",
    "error",
    "insufficient",
    "bad ",
    "invalid",
    "失败",
    "拒绝",
    "余额不足",
)
_FINE: Final = ("fraud", "no error", "none")
_MOST_DECLINED: Final = 0.9


class LabelMeaning(NamedTuple):
    """Values by meaning, as the mapping writes them, and what is doubtful."""

    fraud: list[Value]
    genuine: list[Value]
    unlabelled: list[Value]
    doubts: list[str]


def label_meaning(counts: dict[str, int]) -> LabelMeaning:
    """Sort a label's values.

    :param counts: canonical text → rows; empty text = null.
    """
    fraud = [value for value in counts if value in _FRAUD]
    genuine = [value for value in counts if value in _GENUINE]
    others = [value for value in counts if value not in _FRAUD and value not in _GENUINE]
    doubts: list[str] = []
    if (
        not genuine
        and others
        and (named := [v for v in others if v not in _UNLABELLED] or [v for v in others if v in {"2", "-1"}])
    ):
        # Such as 1 and 2, or -1 and 1, or two words unknown to us: the rarer one is fraud.
        pair = [*fraud, *named]
        others = [value for value in others if value not in pair]
        fraud = fraud or [min(pair, key=lambda value: counts[value])]
        genuine = [value for value in pair if value not in fraud]
        doubts.append(f"label: took {fraud[0]!r} for fraud and {', '.join(map(repr, genuine))} for genuine; check")
    elif not fraud and (strange := [value for value in others if value not in _UNLABELLED]):
        fraud, others = strange, [value for value in others if value in _UNLABELLED]
        doubts.append(f"label: took {', '.join(map(repr, fraud))} for fraud, as it is no word for genuine; check")
    doubts += [f"label: {value!r} is taken for unlabelled; check" for value in others if value not in _UNLABELLED]
    shares = sum(counts[v] for v in fraud), sum(counts[v] for v in genuine)
    if shares[0] > shares[1]:
        doubts.append("label: more frauds than genuine payments; check which value means fraud")
    return LabelMeaning([_toml(v) for v in fraud], [_toml(v) for v in genuine], [_toml(v) for v in others], doubts)


def declined_values(counts: dict[str, int], name: str) -> list[Value]:
    """The values of an outcome that seem to mean declined; empty = none that we know.

    :param counts: canonical text → rows.
    :param name: the column's name: *approved* and *declined* turn yes and no around.
    """
    if set(counts) <= {"0", "1", "true", "false", "yes", "no", "y", "n", ""}:
        wanted = (
            {"0", "false", "no", "n"}
            if "approv" in name.lower() or "success" in name.lower()
            else {"1", "true", "yes", "y"}
        )
        plain = any(word in name.lower() for word in ("approv", "success", "declin", "fail", "reject"))
        return [_toml(value) for value in counts if plain and value in wanted]
    found = [
        value
        for value in counts
        if any(sign in value for sign in _DECLINED) and not any(sign in value for sign in _FINE)
    ]
    rows = sum(counts.values())
    return [_toml(value) for value in found] if sum(counts[value] for value in found) <= _MOST_DECLINED * rows else []


def count_values(values: pl.Series) -> dict[str, int]:
    """Canonical text → rows, the most frequent first, then by the alphabet."""
    texts = values.cast(pl.String).str.strip_chars().fill_null("")
    counted: dict[str, int] = {}
    for text, rows in texts.value_counts().iter_rows():
        counted[canonical(text)] = counted.get(canonical(text), 0) + rows
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _toml(value: str) -> Value:
    """Whole numbers and yes or no as TOML has them, other values as texts."""
    if value in {"true", "false"}:
        return value == "true"
    return int(value) if value.lstrip("-").isdigit() and value.isascii() and str(int(value)) == value else value
