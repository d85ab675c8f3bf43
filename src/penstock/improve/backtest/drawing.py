"""Plots as inline SVG: no script, nothing from outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from penstock.improve.backtest.measuring import Report
from penstock.improve.backtest.words import WORDS, Word

_WIDTH: Final = 460
_HEIGHT: Final = 240
_LEFT: Final = 46
_BOTTOM: Final = 34
_TOP: Final = 12
_RIGHT: Final = 12

Points = Sequence[tuple[float, float]]


def draw_plots(report: Report) -> list[tuple[Word, str]]:
    """Titles and drawings: the curve, the scores, the course of time."""
    plots = []
    if report["curve"]:
        plots.append((WORDS["curve"], _curve(report)))
        plots.append((WORDS["scores"], _scores(report)))
    if report["models"] or report["pack"]:
        plots.append((WORDS["over_time"], _over_time(report)))
    return plots


def bilingual(word: Word) -> str:
    """Both languages; the page shows one."""
    if word.en == word.zh:
        return escape(word.en)
    return f'<span class="en" lang="en">{escape(word.en)}</span><span class="zh" lang="zh">{escape(word.zh)}</span>'


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _frame(content: str, ticks: Sequence[tuple[float, str]], name: Word, legend: Sequence[tuple[str, Word]]) -> str:
    """Axes with percent from below to above, marks along the bottom, and a legend below."""
    lines = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_y(level):.1f}" y2="{_y(level):.1f}"/>'
        + _text(_LEFT - 6, _y(level) + 4, f"{level:.0%}", "end")
        for level in (0, 0.25, 0.5, 0.75, 1)
    ]
    marks = [_text(_x(place), _HEIGHT - _BOTTOM + 15, text) for place, text in ticks]
    keys = "".join(f'<span class="key {css}"></span>{bilingual(word)} ' for css, word in legend)
    svg = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(lines)}{"".join(marks)}{content}</svg>'
    return f'{svg}<p class="legend">{bilingual(name)} → {keys}</p>'


def _line(points: Points, css: str) -> str:
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    dots = "".join(f'<circle class="{css}" cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="2.5"/>' for x, y in points)
    return f'<polyline class="{css}" points="{path}"/>{dots}'


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
        _line(points(name), css) for name, css in (("recall", "one"), ("value_recall", "two"), ("precision", "three"))
    )
    ticks = [(place(rate), f"{rate:.1%}" if rate < 0.01 else f"{rate:.0%}") for rate in (0.001, 0.005, 0.03, 0.1, 0.5)]
    return _frame(lines, ticks, WORDS["rate"], legend)


def _scores(report: Report) -> str:
    """Shares of the genuine intents and of the frauds by score; the root of a share is drawn, so that small ones show."""
    found = report["scores"]
    genuine = [each["rows"] - each["frauds"] for each in found]
    frauds = [each["frauds"] for each in found]
    width, bars = 1 / len(found), []
    for shift, css, counts in ((0.08, "one", genuine), (0.5, "three", frauds)):
        for number, count in enumerate(counts):
            height = math.sqrt(count / max(*counts, 1))
            x, y = _x((number + shift) * width), _y(height)
            size = f'width="{_x(0.42 * width) - _x(0):.1f}" height="{_y(0) - y:.1f}"'
            bars.append(f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" {size}><title>{count:,}</title></rect>')
    ticks = [(number * width, f"{found[number]['from']:g}") for number in range(0, len(found), 3)]
    return _frame("".join(bars), ticks, WORDS["score"], (("one", WORDS["genuine"]), ("three", WORDS["frauds"])))


def _over_time(report: Report) -> str:
    periods = report["over_time"]
    last = max(len(periods) - 1, 1)

    def points(name: str) -> Points:
        return [(number / last, each[name]) for number, each in enumerate(periods) if each[name] is not None]

    lines = "".join(_line(points(name), css) for name, css in (("precision", "one"), ("recall", "two")))
    ticks = [(0.0, "1"), (1.0, str(len(periods)))]
    return _frame(lines, ticks, WORDS["part_of_test"], (("one", WORDS["precision"]), ("two", WORDS["recall"])))
