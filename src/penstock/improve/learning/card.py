"""The card of a model: what it was made from, what it is worth, and what it must not be used for."""

from __future__ import annotations

from typing import Final

import msgspec

#: Version of this card's fields.
CARD_FORMAT: Final = 1


class Rate(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval; how the interval was made is said where the figure stands."""

    value: float
    low: float
    high: float


class Data(msgspec.Struct, frozen=True):
    """The file that was learnt from, and what of it was used. Times in µs since 1970 UTC, or steps × their length."""

    file_sha256: str
    rows: int  # of the whole file
    from_us: int
    to_us: int
    until_us: int  # no label that became known later was used
    maturity_us: int  # a payment older than this without a fraud label counts as genuine
    label_delay_us: int  # median time until a fraud became known; 0 without frauds
    embargo_us: int  # no label of the training part became known later than this before validation begins


class Part(msgspec.Struct, frozen=True):
    """Payments used for one purpose."""

    rows: int
    frauds: int
    from_us: int
    to_us: int


class Parts(msgspec.Struct, frozen=True):
    """The division in time: trees are counted, scores calibrated and thresholds chosen on ``validation``."""

    training: Part
    validation: Part
    final: Part  # what the trees of the model were grown from


class Calibration(msgspec.Struct, frozen=True):
    """Platt scaling, already within the leaves of both models: log-odds = slope × log-odds of the trees + intercept."""

    slope: float
    intercept: float


class Threshold(msgspec.Struct, frozen=True):
    """From which score on an action is taken, and what it gave on the validation part."""

    action: str  # block, review or challenge
    budget: float  # share of genuine payments that may be touched
    score: float  # the action is taken at this score and above; above 1 = never
    false_positive_rate: Rate  # Wilson's interval
    recall: Rate  # Wilson's interval
    precision: Rate  # Wilson's interval


class Slice(msgspec.Struct, frozen=True):
    """The validation part's figures for one kind of payments, at the threshold of review."""

    by: str
    value: str
    rows: int
    frauds: int
    false_positive_rate: Rate
    recall: Rate


class Limits(msgspec.Struct, frozen=True):
    """Limits of use, in words."""

    zh: list[str]
    en: list[str]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """All that is worth knowing of a model, beside the model."""

    format: int = CARD_FORMAT
    name: str
    created: str  # as the caller says; empty = not said, so that the same training gives the same bytes
    registry_version: int
    features: list[str]  # by slot
    data: Data
    parts: Parts
    seed: int
    parameters: dict[str, float | int | str | bool]
    trees: int
    versions: dict[str, str]
    calibration: Calibration
    thresholds: list[Threshold]
    metrics: dict[str, Rate]  # on the validation part; intervals by bootstrap over payers
    slices: list[Slice]
    importance: dict[str, float]  # feature → its share of the gain of all splits
    limits: Limits
    onnx_sha256: str
    native_sha256: str

    def threshold(self, action: str) -> float:
        """From which score on an action is taken."""
        return next(each.score for each in self.thresholds if each.action == action)
