"""The policy: tiers, limits, fees, lifetimes and the business time zone, as published to the lane.

A policy is written in TOML, checked here, and published as a journal row whose side record is its
canonical JSON; from then on rows carry its version. Kernels see it as arrays.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import FACTOR_KINDS, Option, PaymentType
from penstock.contracts.money import BY_CODE, CURRENCIES, MAX_AMOUNT_MINOR, MAX_FEE_MINOR

#: A limit that is not set.
NO_LIMIT: Final = 2**62
MAX_TIERS: Final = 16
#: The columns of ``PolicyArrays.limits``.
LIMIT_FIELDS: Final = (
    "single", "day_amount", "day_count", "month_amount", "month_count", "year_amount", "year_count",
)  # fmt: skip


#: Index of the chargeback's fee, after those of the payment types.
CHARGEBACK_FEE: Final = len(PaymentType)
#: Of a review whose type has no rule; then it is rejected (mission A3: a first verification within 4 hours).
DEFAULT_DEADLINE_S: Final = 4 * 3600
_LONGEST_S: Final = 366 * 86_400
_DECISIONS: Final = {"approve": int(Option.APPROVE), "reject": int(Option.REJECT)}
_OVERFLOWS: Final = ("allow", "reject")
#: What can be decided about a payment by its risk, the stronger the later.
VERDICTS: Final = ("allow", "challenge", "review", "block")
_WITHOUT_SCORE: Final = ("allow", "review", "block")


class BadPolicy(ValueError):
    """The policy cannot be used; the message names the place and the fix."""


class LimitRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Limits of one tier, payment type and currency. A rule that is absent means: not offered.

    The type ``any`` counts all types of payment together; without it there is no such sum.
    """

    tier: str
    type: str
    currency: str
    single: int | None = None
    day_amount: int | None = None
    day_count: int | None = None
    month_amount: int | None = None
    month_count: int | None = None
    year_amount: int | None = None
    year_count: int | None = None


class FeeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The payer's fee of a payment type: fixed + amount x basis_points / 10,000, half up, at most ``most``.

    The type ``chargeback`` is what the payee pays for a chargeback.
    """

    type: str
    currency: str
    fixed: int = 0
    basis_points: int = 0
    most: int = MAX_FEE_MINOR


class ReviewRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When payments of a type wait for a person, how long, and what happens when nobody decides.

    ``above``: amounts above it are reviewed; absent = only those that something else sends to a review.
    ``default``: ``approve`` or ``reject``, at the deadline.
    """

    type: str
    currency: str
    deadline_s: int
    default: str
    above: int | None = None


class RiskRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """From which score on payments of a type are challenged, reviewed or blocked; absent = never.

    The type ``any`` is for those without a rule of their own.
    """

    type: str
    challenge: float | None = None
    review: float | None = None
    block: float | None = None


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that is published together."""

    name: str
    time_zone: str
    tiers: tuple[str, ...]
    hold_lifetime_s: int
    limits: tuple[LimitRule, ...]
    fees: tuple[FeeRule, ...] = ()
    reviews: tuple[ReviewRule, ...] = ()
    #: Reviews that can be taken on per hour, and what becomes of a payment beyond: ``reject`` or ``allow``.
    reviews_per_hour: int = 1000
    review_overflow: str = "reject"
    #: Review decisions on amounts above this need approval (operation REVIEW).
    review_approval_above: int = MAX_AMOUNT_MINOR
    #: When payments arrive that are not to arrive at once.
    ordinary_s: int = 7200
    next_day_s: int = 86_400
    risk: tuple[RiskRule, ...] = ()
    #: Kinds of factor with which a challenge counts as passed.
    challenge_factors: int = 2
    #: While a model is in force but cannot score: ``allow``, ``review`` or ``block``.
    without_score: str = "allow"
    #: A payment that is older and has no label is known to be genuine; the same for a journal's life.
    label_maturity_s: int = 30 * 86_400

    def canonical(self) -> bytes:
        """The bytes that the journal keeps."""
        return msgspec.json.encode(self, order="sorted")

    def fingerprint(self) -> str:
        """SHA-256 of the canonical bytes, hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()


@dataclass(frozen=True)
class PolicyArrays:
    """The policy as kernels see it.

    ``limits`` int64 (tiers, types, currencies, 7 fields of ``LIMIT_FIELDS``); ``offered`` bool (tiers,
    types, currencies); ``fees`` int64 (types + 1, currencies, [fixed, basis points, most]), the last for chargebacks;
    ``reviews`` int64 (types, currencies, [above, deadline µs, default: 1 approve, 2 reject]); ``risk`` float32 (types,
    [challenge, review, block]), infinite where never; ``without_score`` a number of ``VERDICTS``.
    """

    limits: NDArray[np.int64]
    offered: NDArray[np.bool_]
    fees: NDArray[np.int64]
    reviews: NDArray[np.int64]
    tiers: int
    hold_lifetime_us: int
    reviews_per_hour: int
    overflow_rejects: bool
    review_approval_above: int
    ordinary_us: int
    next_day_us: int
    risk: NDArray[np.float32]
    challenge_factors: int
    without_score: int


def load_policy(text: str) -> Policy:
    """Read and check a policy written in TOML.

    :raises BadPolicy: with the place and the fix.
    """
    try:
        policy = msgspec.convert(tomllib.loads(text), Policy)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadPolicy(f"the policy cannot be read: {error}") from error
    check_policy(policy)
    return policy


def decode_policy(body: bytes) -> Policy:
    """Read a policy from the canonical bytes of the journal."""
    return msgspec.json.decode(body, type=Policy)


def default_policy() -> Policy:
    """The mission's defaults, as shipped."""
    return load_policy(resources.files(__package__).joinpath("policy-default.toml").read_text("utf-8"))


def check_policy(policy: Policy) -> None:
    """Refuse a policy that names what does not exist, or numbers out of bounds."""
    if not 0 < len(policy.tiers) <= MAX_TIERS or len(set(policy.tiers)) != len(policy.tiers):
        raise BadPolicy(f"tiers: name 1 to {MAX_TIERS} different tiers")
    if not 1 <= policy.hold_lifetime_s <= 366 * 86400:
        raise BadPolicy("hold_lifetime_s: use 1 second to 366 days")
    try:
        ZoneInfo(policy.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadPolicy(f"time_zone: {policy.time_zone!r} is not an IANA time zone") from error
    _check_rules("limits", [(r.tier, r.type, r.currency) for r in policy.limits], policy)
    _check_rules("fees", [(policy.tiers[0], r.type, r.currency) for r in policy.fees], policy)
    _check_reviews(policy)
    _check_risk(policy)
    for number, rule in enumerate(policy.limits):
        for field in LIMIT_FIELDS:
            value = getattr(rule, field)
            if value is not None and not 0 < value <= MAX_AMOUNT_MINOR * 1000:
                raise BadPolicy(f"limits[{number}].{field}: use a number above 0, or leave it out for no limit")
    for number, fee in enumerate(policy.fees):
        if not (0 <= fee.fixed <= MAX_FEE_MINOR and 0 <= fee.basis_points <= 10_000 and 0 <= fee.most <= MAX_FEE_MINOR):
            raise BadPolicy(f"fees[{number}]: fixed and most are 0 to {MAX_FEE_MINOR}, basis_points 0 to 10000")


def _check_reviews(policy: Policy) -> None:
    for name in ("ordinary_s", "next_day_s"):
        if not 1 <= getattr(policy, name) <= _LONGEST_S:
            raise BadPolicy(f"{name}: use 1 second to 366 days")
    if not 0 <= policy.reviews_per_hour <= MAX_AMOUNT_MINOR:
        raise BadPolicy("reviews_per_hour: use a number from 0")
    if policy.review_overflow not in _OVERFLOWS:
        raise BadPolicy(f"review_overflow: {policy.review_overflow!r} is not one of allow, reject")
    if not 0 <= policy.review_approval_above <= MAX_AMOUNT_MINOR:
        raise BadPolicy(f"review_approval_above: use an amount from 0 to {MAX_AMOUNT_MINOR}")
    _check_rules("reviews", [(policy.tiers[0], r.type, r.currency) for r in policy.reviews], policy)
    for number, rule in enumerate(policy.reviews):
        if not 1 <= rule.deadline_s <= _LONGEST_S:
            raise BadPolicy(f"reviews[{number}].deadline_s: use 1 second to 366 days")
        if rule.default not in _DECISIONS:
            raise BadPolicy(f"reviews[{number}].default: {rule.default!r} is not one of approve, reject")
        if rule.above is not None and not 0 <= rule.above <= MAX_AMOUNT_MINOR:
            raise BadPolicy(f"reviews[{number}].above: use an amount from 0, or leave it out")


def _check_risk(policy: Policy) -> None:
    if not 1 <= policy.challenge_factors <= len(FACTOR_KINDS):
        raise BadPolicy(f"challenge_factors: use 1 to {len(FACTOR_KINDS)}, the kinds of factor that there are")
    if policy.without_score not in _WITHOUT_SCORE:
        raise BadPolicy(f"without_score: {policy.without_score!r} is not one of {', '.join(_WITHOUT_SCORE)}")
    if not 3600 <= policy.label_maturity_s <= 2 * _LONGEST_S:
        raise BadPolicy("label_maturity_s: use 1 hour to 2 years")
    if len({rule.type for rule in policy.risk}) != len(policy.risk):
        raise BadPolicy("risk: two rules for the same type")
    for number, rule in enumerate(policy.risk):
        if rule.type.upper() not in PaymentType.__members__ or rule.type != rule.type.lower():
            names = ", ".join(kind.name.lower() for kind in PaymentType)
            raise BadPolicy(f"risk[{number}].type: {rule.type!r} is not one of {names}")
        given = [score for score in (rule.challenge, rule.review, rule.block) if score is not None]
        if any(not 0 <= score <= 1 for score in given) or given != sorted(given):
            raise BadPolicy(f"risk[{number}]: scores are 0 to 1, and challenge ≤ review ≤ block")


def _check_rules(place: str, keys: list[tuple[str, str, str]], policy: Policy) -> None:
    if len(set(keys)) != len(keys):
        raise BadPolicy(f"{place}: two rules for the same tier, type and currency")
    types = {t.name.lower() for t in PaymentType} - (set() if place == "limits" else {"any"})
    types |= {"chargeback"} if place == "fees" else set()
    for number, (tier, type_name, currency) in enumerate(keys):
        allowed: Mapping[str, tuple[str, object]] = {
            "tier": (tier, policy.tiers), "type": (type_name, types), "currency": (currency, BY_CODE),
        }  # fmt: skip
        for field, (value, choices) in allowed.items():
            if value not in choices:  # type: ignore[operator]
                raise BadPolicy(f"{place}[{number}].{field}: {value!r} is not one of {', '.join(sorted(choices))}")  # type: ignore[call-overload]


def policy_arrays(policy: Policy) -> PolicyArrays:
    """Lay the policy out for the kernels."""
    shape = (len(policy.tiers), len(PaymentType), len(CURRENCIES))
    limits = np.full((*shape, len(LIMIT_FIELDS)), NO_LIMIT, dtype=np.int64)
    offered = np.zeros(shape, dtype=np.bool_)
    for rule in policy.limits:
        place = (policy.tiers.index(rule.tier), PaymentType[rule.type.upper()], BY_CODE[rule.currency].slot)
        offered[place] = True
        limits[place] = [NO_LIMIT if (v := getattr(rule, f)) is None else v for f in LIMIT_FIELDS]
    fees = np.zeros((len(PaymentType) + 1, len(CURRENCIES), 3), dtype=np.int64)
    for fee in policy.fees:
        kind = CHARGEBACK_FEE if fee.type == "chargeback" else PaymentType[fee.type.upper()]
        fees[kind, BY_CODE[fee.currency].slot] = (fee.fixed, fee.basis_points, fee.most)
    return PolicyArrays(
        limits=limits,
        offered=offered,
        fees=fees,
        reviews=_review_array(policy),
        tiers=len(policy.tiers),
        hold_lifetime_us=policy.hold_lifetime_s * 1_000_000,
        reviews_per_hour=policy.reviews_per_hour,
        overflow_rejects=policy.review_overflow == "reject",
        review_approval_above=policy.review_approval_above,
        ordinary_us=policy.ordinary_s * 1_000_000,
        next_day_us=policy.next_day_s * 1_000_000,
        risk=_risk_array(policy),
        challenge_factors=policy.challenge_factors,
        without_score=VERDICTS.index(policy.without_score),
    )


def _risk_array(policy: Policy) -> NDArray[np.float32]:
    rules = {rule.type: rule for rule in policy.risk}
    risk = np.full((len(PaymentType), 3), np.inf, dtype=np.float32)
    for kind in PaymentType:
        rule = rules.get(kind.name.lower(), rules.get("any"))
        if rule is not None:
            risk[kind] = [np.inf if s is None else s for s in (rule.challenge, rule.review, rule.block)]
    return risk


def _review_array(policy: Policy) -> NDArray[np.int64]:
    reviews = np.empty((len(PaymentType), len(CURRENCIES), 3), dtype=np.int64)
    reviews[:] = (NO_LIMIT, DEFAULT_DEADLINE_S * 1_000_000, _DECISIONS["reject"])
    for rule in policy.reviews:
        above = NO_LIMIT if rule.above is None else rule.above
        place = (PaymentType[rule.type.upper()], BY_CODE[rule.currency].slot)
        reviews[place] = (above, rule.deadline_s * 1_000_000, _DECISIONS[rule.default])
    return reviews
