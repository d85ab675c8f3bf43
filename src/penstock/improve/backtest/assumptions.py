"""What history cannot tell, stated: how people answer challenges, how reviewers decide, who complains."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


class Verdict(IntEnum):
    """What is done about a payment, from the weakest to the strongest."""

    ALLOW = 0
    CHALLENGE = 1
    REVIEW = 2
    BLOCK = 3


class BadAssumption(ValueError):
    """A share is none; the message names it."""


class FraudKind(msgspec.Struct, frozen=True):
    """How often a challenge stops a kind of fraud, and the words by which files name the kind."""

    effectiveness: float
    words: tuple[str, ...]
    en: str
    zh: str


#: Who pays decides whether a challenge helps: a thief lacks the second factor, a deceived payer has it and uses it.
#: Judgements, not measurements: replace them by your own experience with ``--effectiveness``.
FRAUD_KINDS: Final = {
    "stolen_instrument": FraudKind(0.90, ("stolen", "lost", "card", "counterfeit", "clone", "cnp", "盗刷", "伪卡"), "stolen card or number", "盗刷"),
    "account_takeover": FraudKind(0.80, ("takeover", "ato", "account", "phish", "compromised", "盗号", "冒用"), "account taken over", "账户被盗用"),
    "identity": FraudKind(0.50, ("identity", "synthetic", "application", "impost", "身份"), "false identity", "虚假身份"),
    "scam": FraudKind(0.20, ("scam", "app", "authorised", "authorized", "romance", "invest", "诈骗"), "payer deceived", "诱骗付款"),
    "merchant": FraudKind(0.10, ("merchant", "payee", "商户"), "payee defrauds", "商户欺诈"),
    "first_party": FraudKind(0.00, ("first", "friendly", "abuse", "bust", "本人"), "payer defrauds", "本人欺诈"),
    "other": FraudKind(0.50, (), "not said", "未说明"),
}  # fmt: skip


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """Shares between 0 and 1 unless the name says otherwise; each is printed in every report."""

    effectiveness: dict[str, float] = msgspec.field(
        default_factory=dict
    )  # fraud type of the file, or FRAUD_KINDS → share that a challenge stops
    review_approves_genuine: float = 0.90  # of the genuine intents that a reviewer decides
    review_declines_fraud: float = 0.85  # of the frauds that a reviewer decides
    review_late: float = 0.02  # of all reviews nobody decides before the deadline
    late_review_declines: bool = True  # what the deadline then does; the policy's own default is to reject
    challenged_genuine_complain: float = 0.01  # of disturbed genuine intents, a complaint follows
    reviewed_genuine_complain: float = 0.05
    blocked_genuine_complain: float = 0.20
    window_days: float = 30.0  # for "share of customers disturbed"
    episode_gap_days: float = 7.0  # a fraud later than this after the last one begins a new episode
    new_payer_intents: int = 5  # a payer with fewer earlier intents is new

    def __post_init__(self) -> None:
        for name, value in vars_of(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise BadAssumption(f"{name} is a finite number, not {value}")
            if isinstance(value, float) and not name.endswith("_days") and not 0 <= value <= 1:
                raise BadAssumption(f"{name} is a share between 0 and 1, not {value}")
        for name, value in self.effectiveness.items():
            if not 0 <= value <= 1:
                raise BadAssumption(f"the effectiveness for {name!r} is a share between 0 and 1, not {value}")
        if min(self.window_days, self.episode_gap_days) <= 0:
            raise BadAssumption("window_days and episode_gap_days are lengths of time, above 0")


def vars_of(assumptions: Assumptions) -> dict[str, float | int | bool | dict[str, float]]:
    """Name → value."""
    return {name: getattr(assumptions, name) for name in assumptions.__struct_fields__}


def read_assumptions(words: dict[str, str], effectiveness: dict[str, float]) -> Assumptions:
    """Assumptions from texts; raises `BadAssumption` for a strange name or a value of another kind."""
    names = [name for name in Assumptions.__struct_fields__ if name != "effectiveness"]
    strange = sorted(set(words) - set(names))
    if strange:
        raise BadAssumption(f"no assumption is called {strange[0]!r}; there are: {', '.join(names)}")
    try:
        return msgspec.convert({**words, "effectiveness": effectiveness}, Assumptions, strict=False)
    except msgspec.ValidationError as error:
        raise BadAssumption(f"an assumption has no value that it can have: {error}") from error


def kind_of(word: str) -> str:
    """Which of FRAUD_KINDS a file's own word means; ``other`` if no word tells."""
    plain = word.lower().replace("_", " ").replace("-", " ")
    if plain.replace(" ", "_") in FRAUD_KINDS:
        return plain.replace(" ", "_")
    begins = [part for part in plain.split() if part]
    for kind, known in FRAUD_KINDS.items():
        if any(
            part.startswith(each) or (not each.isascii() and each in plain) for part in begins for each in known.words
        ):
            return kind
    return "other"


def effectiveness_of(words: list[str], assumptions: Assumptions) -> Float64:
    """How often a challenge stops fraud type i: (types + 1,), 0 = the file does not say.

    What is given for the file's own word comes first, then what is given for its kind, then FRAUD_KINDS. Raises
    `BadAssumption` for a name that is neither.
    """
    strange = set(assumptions.effectiveness) - set(words) - set(FRAUD_KINDS)
    if strange:
        known = ", ".join([*words, *FRAUD_KINDS])
        raise BadAssumption(f"no fraud type is called {', '.join(sorted(strange))}; there are: {known}")

    def one(word: str, kind: str) -> float:
        given = assumptions.effectiveness
        return given.get(word, given.get(kind, FRAUD_KINDS[kind].effectiveness))

    return np.array([one("other", "other"), *(one(word, kind_of(word)) for word in words)])
