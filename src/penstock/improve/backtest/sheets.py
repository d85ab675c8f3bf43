"""The report as tables, the same for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from penstock.improve.backtest.measuring import RATES, Report
from penstock.improve.backtest.words import ASSUMED, WORDS
from penstock.kit.pages import Word

_BY: Final = ("count", "amount", "customer", "episode")
_KINDS: Final = ("intercepted", "block_only", "touched")
_MOST_FEATURES: Final = 20
#: Figures of which less is better.
_COSTS: Final = ("false_block", "touched_genuine", "false_positive_rate", "alerts_per_fraud")

#: What the comparison begins with, and what it leaves to the JSON, because its neighbours tell it.
_FIRST: Final = ("auc", "average", "recall", "value")
_IN_JSON_ONLY: Final = ("precision_at_fpr", "alerts_per_fraud_at_fpr")


class Bar(NamedTuple):
    """A share, to be drawn."""

    share: float | None


class Flagged(NamedTuple):
    """A text that deserves attention."""

    text: str
    good: bool


Cell = str | Word | Bar | Flagged


@dataclass(frozen=True)
class Sheet:
    """A table: a word for each column, cells for each row."""

    title: Word
    columns: tuple[Word, ...]
    rows: list[tuple[Cell, ...]]
    note: Word | None = None


_NOTHING: Final = Word("", "")
_95: Final = Word("95 %", "95%")


def sheets_of(report: Report) -> Iterator[Sheet]:
    """All tables, the most important first."""
    decided = bool(report["models"] or report["pack"])
    if report["auc_roc"] is not None:
        yield _overall(report)
        yield _at_rates(report)
        yield _thresholds(report)
    if decided:
        yield from (_verdicts(report), _episodes(report), _load(report))
    if "differences" in report:
        yield _against(report)
    if "rules" in report:
        yield _rules(report)
    if decided:
        yield from (_slices(report), _over_time(report))
    if report["auc_roc"] is not None:
        yield from (_curve(report), _scores(report))
    if "features" in report:
        yield _features(report)


def _words(*names: str) -> tuple[Word, ...]:
    return tuple(WORDS[name] if name else _NOTHING for name in names)


def _overall(report: Report) -> Sheet:
    rows: list[tuple[Cell, ...]] = [
        (WORDS[name], number(report[name]), between(report["intervals"].get(name)), Bar(report[name]))
        for name in ("auc_roc", "average_precision")
    ]
    return Sheet(WORDS["ranking"], (WORDS["figure"], WORDS["value"], _95, _NOTHING), rows)


def _at_rates(report: Report) -> Sheet:
    figures = (("recall", percent), ("value_recall", percent), ("precision", percent), ("alerts_per_fraud", decimal))
    rows: list[tuple[Cell, ...]] = []
    for rate in RATES:
        cells = [
            beside(
                shown(report[f"{name}_at_fpr"][rate]), report["intervals"].get(f"{name}_at_fpr", {}).get(rate), shown
            )
            for name, shown in figures
        ]
        rows.append((f"{float(rate):.1%}", *cells))
    return Sheet(WORDS["at_rates"], (WORDS["rate"], *(WORDS[name] for name, _ in figures)), rows)


def _thresholds(report: Report) -> Sheet:
    columns = _words("action", "score", "budget", "rate_on_test", "recall", "value_recall", "alerts_per_fraud")
    rows: list[tuple[Cell, ...]] = []
    for action, each in report["thresholds"].items():
        intervals = report["intervals"].get("thresholds", {}).get(action, {})
        kept = (each["false_positive_rate"] or 0) <= each["budget"]
        cells = [
            beside(percent(each[name]), intervals.get(name), percent)
            for name in ("false_positive_rate", "recall", "value_recall")
        ]
        rate = Flagged(cells[0], good=kept)
        alerts = decimal(each["alerts_per_fraud"])
        rows.append((WORDS[action], number(each["score"]), f"{each['budget']:.2%}", rate, *cells[1:], alerts))
    return Sheet(WORDS["thresholds"], columns, rows)


def _verdicts(report: Report) -> Sheet:
    days = f"{report['assumptions']['window_days']:g}"
    rows: list[tuple[Cell, ...]] = []
    for name in (*_KINDS, "false_block", "touched_genuine"):
        figures, intervals = report[name], report["intervals"].get(name, {})
        cells = [beside(percent(figures[by]), intervals.get(by), percent) if by in figures else "" for by in _BY]
        rows.append((WORDS[name], *cells))
    return Sheet(WORDS["verdicts"], (_NOTHING, *(WORDS[by].filled(days=days) for by in _BY)), rows)


def _episodes(report: Report) -> Sheet:
    names = ("frauds_per_episode", "stopped", "stopped_at_first", "payments_until_stop", "loss_saved")
    rows: list[tuple[Cell, ...]] = []
    for who in ("payer", "payee"):
        for kind in _KINDS:
            each = report["episodes"][who][kind]
            shown = (decimal, percent, percent, decimal, percent)
            cells = [show(each[name]) for name, show in zip(names, shown, strict=True)]
            rows.append(
                (
                    WORDS["part_of"].filled(by=WORDS[f"of_{who}"], value=WORDS[f"{kind}_short"]),
                    f"{each['episodes']:,}",
                    *cells,
                )
            )
    return Sheet(WORDS["episodes"], _words("", "episodes_short", *names), rows)


def _load(report: Report) -> Sheet:
    rows: list[tuple[Cell, ...]] = [(WORDS[name], decimal(value)) for name, value in report["load"].items()]
    runs, alerts = report["disturbance"], report["alerts"]
    rows += [
        (WORDS["disturbance"], f"{runs['episodes']:,}"),
        (WORDS["intents_per_run"], f"{decimal(runs['intents_per_episode'])} (max {runs['longest']:,})"),
        (WORDS["alerts"], f"{alerts['intents']:,}"),
        (WORDS["alerts_precision"], percent(alerts["precision"])),
        (WORDS["alerts_per_fraud"], decimal(alerts["per_fraud"])),
    ]
    return Sheet(WORDS["load"], (_NOTHING, _NOTHING), rows)


def _slices(report: Report) -> Sheet:
    columns = _words("part", "rows", "frauds", "auc", "recall", "rate", "intercepted_short", "false_block_short")
    rows: list[tuple[Cell, ...]] = []
    for each in report["slices"]:
        value = WORDS.get(f"part_{each['value']}", Word(each["value"], each["value"]))
        part = WORDS["part_of"].filled(by=WORDS[f"slice_{each['by']}"], value=value)
        recall = beside(percent(each["recall"]), each["intervals"].get("recall"), percent)
        shares = [percent(each[name]) for name in ("false_positive_rate", "intercepted", "false_block")]
        rows.append((part, f"{each['rows']:,}", f"{each['frauds']:,}", number(each["auc_roc"]), recall, *shares))
    return Sheet(WORDS["slices"], columns, rows, WORDS["slices_note"])


def _over_time(report: Report) -> Sheet:
    rows: list[tuple[Cell, ...]] = [
        (moment(each["from_us"], report), f"{each['rows']:,}", f"{each['frauds']:,}", f"{each['alerts']:,}", percent(each["precision"]), Bar(each["precision"]), percent(each["recall"]), percent(each["false_positive_rate"]))
        for each in report["over_time"]
    ]  # fmt: skip
    columns = _words("period", "rows", "frauds", "alerts", "precision", "", "recall", "rate")
    return Sheet(WORDS["over_time"], columns, rows, WORDS["slices_note"])


def _curve(report: Report) -> Sheet:
    rows: list[tuple[Cell, ...]] = [
        (f"{each['rate']:.2%}", percent(each["recall"]), Bar(each["recall"]), percent(each["value_recall"]), percent(each["precision"]))
        for each in report["curve"]
    ]  # fmt: skip
    return Sheet(WORDS["curve"], _words("rate", "recall", "", "value_recall", "precision"), rows)


def _scores(report: Report) -> Sheet:
    found = report["scores"]
    genuine = [each["rows"] - each["frauds"] for each in found]
    most, most_frauds = max(*genuine, 1), max(*(each["frauds"] for each in found), 1)
    rows: list[tuple[Cell, ...]] = [
        (f"{each['from']:g}–{each['to']:g}", f"{good:,}", Bar(good / most), f"{each['frauds']:,}", Bar(each["frauds"] / most_frauds), percent(each["mean_score"]), percent(each["fraud_share"]))
        for each, good in zip(found, genuine, strict=True)
    ]  # fmt: skip
    columns = _words("score", "genuine", "", "frauds", "", "mean_score", "fraud_share")
    return Sheet(WORDS["scores"], columns, rows)


def _against(report: Report) -> Sheet:
    mine, other = (Word(each["name"], each["name"]) for each in (report, report["against"]))
    rows: list[tuple[Cell, ...]] = []
    for name, each in sorted(report["differences"].items(), key=lambda one: not one[0].startswith(_FIRST)):
        if name.partition("/")[0] in _IN_JSON_ONLY or name.endswith(("/alerts_per_fraud", "/precision")):
            continue
        better = (each["value"] or 0) > 0
        verdict: Cell = ""
        if each["clear"]:
            good = better != any(cost in name for cost in _COSTS)
            verdict = Flagged("▲" if good else "▼", good=good)
        pair = [number(_at(side, name)) for side in (report, report["against"])]
        low_high = each["interval"]
        shown = f"{signed(low_high[0])} {signed(low_high[1])}" if low_high else ""
        rows.append((_named(name, report), *pair, signed(each["value"]), shown, verdict))
    return Sheet(WORDS["comparison"], (WORDS["figure"], mine, other, WORDS["difference"], _95, WORDS["clear"]), rows)


def _named(name: str, report: Report) -> Word:
    """A figure's name in words."""
    head, *rest = name.split("/")
    if not rest:
        return WORDS[head]
    if head == "thresholds":
        figure = "rate" if rest[1] == "false_positive_rate" else rest[1]
        return WORDS["part_of"].filled(by=WORDS[rest[0]], value=WORDS[figure])
    if head.endswith("_at_fpr"):
        return WORDS["named_rate"].filled(figure=WORDS[head.removesuffix("_at_fpr")], rate=f"{float(rest[0]):.1%}")
    days = f"{report['assumptions']['window_days']:g}"
    return WORDS["named_by"].filled(figure=WORDS[f"{head}_short"], by=WORDS[rest[0]].filled(days=days))


def _at(report: Report, name: str) -> Any:
    """The figure of a name such as ``recall_at_fpr/0.01``."""
    here: Any = report
    for part in name.split("/"):
        here = here[part]
    return here


def _rules(report: Report) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    for each in report["rules"]:
        counts = [f"{each[name]:,}" for name in ("fired", "judged", "frauds")]
        rows.append((each["name"], WORDS[each["verdict"]], *counts, percent(each["precision"])))
    return Sheet(WORDS["rules"], _words("rule", "action", "fired", "judged", "frauds", "precision"), rows)


def _features(report: Report) -> Sheet:
    rows: list[tuple[Cell, ...]] = [
        (each["name"], WORDS[each["direction"]], number(each["auc_roc"]), number(each["average_precision"]), Bar(2 * each["auc_roc"] - 1))
        for each in report["features"][:_MOST_FEATURES]
    ]  # fmt: skip
    return Sheet(WORDS["features"], _words("feature", "direction", "auc", "average_precision", ""), rows)


def heading(report: Report) -> Iterator[Word]:
    """What was measured, in sentences."""
    test = report["test"]
    yield WORDS["about_test"].filled(
        payments=f"{report['payments']:,}",
        begin=moment(test["from_us"], report),
        end=moment(test["to_us"], report),
        as_of=moment(test["as_of_us"], report),
    )
    yield WORDS["chosen_by"].filled(how=Word(**test["chosen_by"]))
    yield WORDS["about_rows"].filled(
        **{name: f"{report[name]:,}" for name in ("intents", "rows", "frauds", "unlabelled", "immature")},
        days=f"{test['maturity_days']:.4g}",
    )
    if report["payments_per_second"]:
        yield WORDS["speed"].filled(speed=f"{report['payments_per_second']:,.0f}")


def assumed(report: Report) -> Iterator[Word]:
    """The assumptions in sentences, and how intervals were made."""
    for name, value in report["assumptions"].items():
        if isinstance(value, bool):
            yield ASSUMED[name].filled(v=WORDS["yes" if value else "no"])
        elif name in ASSUMED:
            yield ASSUMED[name].filled(
                v=f"{value:.0%}" if isinstance(value, float) and not name.endswith("_days") else f"{value:g}"
            )
    stops = ", ".join(f"{word} {share:.0%}" for word, share in report["assumptions"]["effectiveness"].items())
    yield WORDS["effectiveness"].filled(stops=stops)
    if report["bootstrap"]["repeats"]:
        yield WORDS["bootstrap"].filled(**{name: str(value) for name, value in report["bootstrap"].items()})


def title_of(report: Report) -> str:
    """What was measured, in a few words."""
    names = [model["name"] for model in report["models"][:1]]
    if report["pack"]:
        names.append(report["pack"]["name"])
    return " + ".join(names)


def moment(time_us: int, report: Report) -> str:
    """A time in UTC (hence the Z), to the minute, or a step where the file counts steps."""
    step_us = report["test"]["step_us"]
    if step_us:
        return f"step {time_us // step_us:,}"
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%MZ")


def number(value: float | None) -> str:
    """Four digits."""
    return "-" if value is None else f"{value:.4f}"


def signed(value: float | None) -> str:
    """Four digits with their sign."""
    return "-" if value is None else f"{value:+.4f}"


def percent(value: float | None) -> str:
    """In percent; finer where small."""
    return "-" if value is None else f"{value:.1%}" if value >= 0.1 else f"{value:.2%}"


def decimal(value: float | None) -> str:
    """One decimal, and thousands apart; two where small."""
    return "-" if value is None else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def between(low_high: Any, shown: Any = number) -> str:
    """An interval, or nothing."""
    return f"{shown(low_high[0])}–{shown(low_high[1])}" if low_high else ""


def beside(value: str, low_high: Any, shown: Any) -> str:
    """A figure with its interval below it, if it has one."""
    return f"{value}\n{between(low_high, shown)}" if low_high else value
