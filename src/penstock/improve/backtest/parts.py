"""Which part of a history is the test, and until when its labels are known."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from penstock.improve.backtest.words import CHOSEN_BY, WARNINGS
from penstock.improve.history.columns import FRAUD, History
from penstock.improve.history.mapping import HistoryMapping, TimeUnit
from penstock.improve.learning.artifact import Model
from penstock.improve.learning.until import read_until
from penstock.kit.pages import Word

#: Without a model and without a wish: the last share of the time.
DEFAULT_TEST_SHARE = 0.3


class NoTestPart(ValueError):
    """Nothing of the history is left for the test; the message says what to give."""


@dataclass(frozen=True)
class Part:
    """The test: intents that begin from ``begin_us`` on, with labels as known at ``as_of_us``."""

    begin_us: int
    as_of_us: int
    chosen_by: Word
    warnings: tuple[Word, ...]


def choose_part(
    history: History, mapping: HistoryMapping, models: list[Model], *, until: str, test_share: float | None, as_of: str
) -> Part:
    """The test part: as told, or what lies behind the cards' windows, or the last share of the time.

    Raises `NoTestPart`, and `BadTime` for a text that says no time.
    """
    learned_us = max((model.card.data.until_us for model in models), default=None)
    begin_us, chosen_by = _begin(history, mapping, learned_us, until, test_share)
    if begin_us > history.time_us[-1]:
        raise NoTestPart(
            "no payment of the file is later than what the model was trained and validated on; "
            "bring newer payments, or train with an earlier --until"
        )
    warnings = []
    if learned_us is not None and begin_us < learned_us:
        warnings.append(WARNINGS["overlap"])
    return Part(begin_us, _as_of(history, mapping, as_of), chosen_by, tuple(warnings))


def _begin(
    history: History, mapping: HistoryMapping, learned_us: int | None, until: str, test_share: float | None
) -> tuple[int, Word]:
    if until:
        return read_until(until, history, length_of_step(mapping), _zone(mapping)), CHOSEN_BY["until"].filled(
            until=until
        )
    if test_share is not None:
        return read_until(str(1 - test_share), history), CHOSEN_BY["share"].filled(share=f"{test_share:.0%}")
    if learned_us is not None:
        return learned_us, CHOSEN_BY["card"]
    share = DEFAULT_TEST_SHARE
    return read_until(str(1 - share), history), CHOSEN_BY["default"].filled(share=f"{share:.0%}")


def _as_of(history: History, mapping: HistoryMapping, as_of: str) -> int:
    """When labels were last looked at: as told, or the last moment of which the file tells anything.

    A mapping that gives a delay in place of a column of label times says that the file's labels are final.
    """
    if as_of:
        return read_until(as_of, history, length_of_step(mapping), _zone(mapping))
    last = int(history.time_us[-1])
    if mapping.label is None or mapping.label.known is None:
        return last + max(history.maturity_us, mapping.delay_us or 0)
    return max(last, int(history.known_us[history.label == FRAUD].max(initial=last)))


def length_of_step(mapping: HistoryMapping) -> int | None:
    """How long a step is, in µs; None where the file has times."""
    return mapping.step_us if mapping.time.unit is TimeUnit.STEP else None


def _zone(mapping: HistoryMapping) -> ZoneInfo:
    return ZoneInfo(mapping.time.zone or "UTC")
