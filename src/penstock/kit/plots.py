"""Plots as inline SVG: no script, nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from penstock.kit.pages import Word, bilingual

WIDTH: Final = 460
HEIGHT: Final = 240
_LEFT: Final = 46
_BOTTOM: Final = 34
_TOP: Final = 12
_RIGHT: Final = 12

#: Places within the frame, 0 to 1 from left to right and from below to above.
Points = Sequence[tuple[float, float]]
PERCENT: Final = tuple((level, f"{level:.0%}") for level in (0, 0.25, 0.5, 0.75, 1))


def x(share: float) -> float:
    """Where a share of the width lies."""
    return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def y(share: float) -> float:
    """Where a share of the height lies."""
    return HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _TOP)


def frame(
    content: str, ticks: Sequence[tuple[float, str]], name: Word, legend: Sequence[tuple[str, Word]],
    levels: Sequence[tuple[float, str]] = PERCENT,
) -> str:  # fmt: skip
    """Axes around a content: levels from below to above, marks along the bottom, and a legend below."""
    lines = [
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>'
        + _text(_LEFT - 6, y(level) + 4, text, "end")
        for level, text in levels
    ]
    marks = [_text(x(place), HEIGHT - _BOTTOM + 15, text) for place, text in ticks]
    keys = "".join(f'<span class="named"><span class="key {css}"></span>{bilingual(word)}</span> ' for css, word in legend)
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(lines)}{"".join(marks)}{content}</svg>'
    return f'{svg}<p class="legend">{bilingual(name)} → {keys}</p>'


def line(points: Points, css: str, *, dots: bool = True) -> str:
    """A line through points, which are marked where there are few."""
    path = " ".join(f"{x(across):.1f},{y(up):.1f}" for across, up in points)
    marks = "".join(f'<circle class="{css}" cx="{x(a):.1f}" cy="{y(u):.1f}" r="2.5"/>' for a, u in points) if dots else ""
    return f'<polyline class="{css}" points="{path}"/>{marks}'


def _text(across: float, down: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
