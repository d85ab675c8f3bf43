"""The plots of the report."""

from __future__ import annotations

import math

from penstock.improve.backtest.measuring import Report
from penstock.improve.backtest.words import WORDS
from penstock.kit.pages import Word
from penstock.kit.plots import Points, frame, line, x, y


def draw_plots(report: Report) -> list[tuple[Word, str]]:
    """Titles and drawings: the curve, the scores, the course of time."""
    plots = []
    if report["curve"]:
        plots.append((WORDS["curve"], _curve(report)))
        plots.append((WORDS["scores"], _scores(report)))
    if report["models"] or report["pack"]:
        plots.append((WORDS["over_time"], _over_time(report)))
    return plots


def _curve(report: Report) -> str:
    """Recall against false positives, whose axis is logarithmic: what matters lies below 1 %."""
    rates = [point["rate"] for point in report["curve"]]
    span = math.log10(rates[-1] / rates[0])

    def place(rate: float) -> float:
        return math.log10(rate / rates[0]) / span

    def points(name: str) -> Points:
        return [(place(each["rate"]), each[name]) for each in report["curve"] if each[name] is not None]

    legend = (("one", WORDS["recall"]), ("two", WORDS["value_recall"]), ("three", WORDS["precision"]))
    lines = "".join(
        line(points(name), css) for name, css in (("recall", "one"), ("value_recall", "two"), ("precision", "three"))
    )
    ticks = [(place(rate), f"{rate:.1%}" if rate < 0.01 else f"{rate:.0%}") for rate in (0.001, 0.005, 0.03, 0.1, 0.5)]
    return frame(lines, ticks, WORDS["rate"], legend)


def _scores(report: Report) -> str:
    """Shares of the genuine intents and of the frauds by score; the root of a share is drawn, so that small ones show."""
    found = report["scores"]
    genuine = [each["rows"] - each["frauds"] for each in found]
    frauds = [each["frauds"] for each in found]
    width, bars = 1 / len(found), []
    for shift, css, counts in ((0.08, "one", genuine), (0.5, "three", frauds)):
        for number, count in enumerate(counts):
            height = math.sqrt(count / max(*counts, 1))
            left, top = x((number + shift) * width), y(height)
            size = f'width="{x(0.42 * width) - x(0):.1f}" height="{y(0) - top:.1f}"'
            bars.append(f'<rect class="{css}" x="{left:.1f}" y="{top:.1f}" {size}><title>{count:,}</title></rect>')
    ticks = [(number * width, f"{found[number]['from']:g}") for number in range(0, len(found), 3)]
    return frame("".join(bars), ticks, WORDS["score"], (("one", WORDS["genuine"]), ("three", WORDS["frauds"])))


def _over_time(report: Report) -> str:
    periods = report["over_time"]
    last = max(len(periods) - 1, 1)

    def points(name: str) -> Points:
        return [(number / last, each[name]) for number, each in enumerate(periods) if each[name] is not None]

    lines = "".join(line(points(name), css) for name, css in (("precision", "one"), ("recall", "two")))
    ticks = [(0.0, "1"), (1.0, str(len(periods)))]
    return frame(lines, ticks, WORDS["part_of_test"], (("one", WORDS["precision"]), ("two", WORDS["recall"])))
