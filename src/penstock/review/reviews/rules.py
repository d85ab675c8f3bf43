"""What a review is worth looking at, how it ended, and where a page goes on. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from penstock.contracts.commands import Kind
from penstock.contracts.money import BY_CODE, CURRENCIES
from penstock.contracts.policy import Policy
from penstock.contracts.states import State
from penstock.contracts.words import CURRENCY_CODES, TYPES
from penstock.kit.settings import BadSetting

#: How each command ends a review: the outcome where its state does not say it, and who decided.
_HOW: Final = {Kind.DECIDE_REVIEW: "person", Kind.EXPIRE: "deadline", Kind.CANCEL: "payer"}
_OUTCOMES: Final = {State.REJECTED: "rejected", State.CANCELLED: "cancelled", State.EXPIRED: "expired"}


class OpenPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of open reviews ended: the line below which a deadline is near, and the last review's place."""

    soon_us: int
    urgent: bool
    weight: int
    deadline_us: int
    payment: int


class DecidedPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of decided reviews ended."""

    closed_seq: int


Place = TypeVar("Place", OpenPlace, DecidedPlace)


class _Side(msgspec.Struct):
    reference: str | None = None


class BadCursor(ValueError):
    """The text is no cursor of these pages."""


def expected_loss(amount_minor: int, score: float | None, prior_basis_points: int) -> int:
    """What is lost on average if the payment goes through: score x amount, or the stated prior x amount.

    :param score: probability of fraud by the model; None = no model scored it.
    """
    if score is not None:
        return min(round(score * amount_minor), amount_minor)
    return amount_minor * prior_basis_points // 10_000


def rates(text: str) -> dict[int, int]:
    """The setting ``review_rates``: currency (ISO numeric) → fen for 100 minor units.

    :raises BadSetting: when it cannot be read, or a currency is missing.
    """
    try:
        pairs = [part.split("=") for part in text.split(",")]
        found = {BY_CODE[code.strip()].numeric: int(rate) for code, rate in pairs}
    except (KeyError, ValueError) as error:
        raise BadSetting("review_rates: write it like CNY=100,USD=720, with whole numbers") from error
    if set(found) != {currency.numeric for currency in CURRENCIES} or min(found.values()) <= 0:
        raise BadSetting("review_rates: give a rate above 0 for each of " + ", ".join(BY_CODE))
    return found


def weight(loss_minor: int, currency: int, known: Mapping[int, int]) -> int:
    """An expected loss in the currency in which all are compared, in fen."""
    return loss_minor * known[currency] // 100


def default_of(policy: Policy, payment_type: int, currency: int) -> str:
    """What happens at the deadline when nobody has decided: ``approve`` or ``reject``."""
    for rule in policy.reviews:
        if (rule.type, rule.currency) == (TYPES[payment_type], CURRENCY_CODES[currency]):
            return rule.default
    return "reject"


def outcome(state: int) -> str:
    """How a review ended: ``rejected``, ``cancelled``, ``expired``, else ``approved``."""
    return _OUTCOMES.get(State(state), "approved")


def decided_how(kind: int) -> str:
    """What ended a review: a ``person``, the ``deadline``, the ``payer``."""
    return _HOW[Kind(kind)]


def reference(side: bytes | None) -> str | None:
    """The payer's own words for the payment, from its side record."""
    return None if side is None else msgspec.json.decode(side, type=_Side).reference


def write_cursor(place: OpenPlace | DecidedPlace) -> str:
    """A place as the text that a caller sends back."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode("ascii").rstrip("=")


def read_open_cursor(text: str) -> OpenPlace:
    """The place in a cursor of open reviews.

    :raises BadCursor: when it is none.
    """
    return _read(text, OpenPlace)


def read_decided_cursor(text: str) -> DecidedPlace:
    """The place in a cursor of decided reviews.

    :raises BadCursor: when it is none.
    """
    return _read(text, DecidedPlace)


def _read(text: str, kind: type[Place]) -> Place:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise BadCursor("not a cursor of these pages") from error
