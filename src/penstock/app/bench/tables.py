"""A benchmark's figures on a terminal."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.table import Table

from penstock.app.bench.place import COURSES

Figures = dict[str, Any]
#: Shown in tables of their own, or of use to programs alone.
_APART: Final = COURSES | {"budget", "cpu_us_per_payment", "volume", "stages", "machine", "memory_mib"}

_WORDS: Final = {None: "–", True: "yes", False: "no"}


def show(figures: Figures, console: Console) -> None:
    """Print all figures but the courses over time."""
    console.print(render(figures))


def render(figures: Figures) -> RenderableType:
    """The tables."""
    parts: list[RenderableType] = [_plain(figures)]
    if "budget" in figures:
        parts.append(_budget(figures))
    elif "cpu_us_per_payment" in figures:
        parts.append(_pairs("CPU of a payment, µs", figures["cpu_us_per_payment"]))
    if figures.get("stages"):
        parts.append(_pairs("Lane: µs per payment by stage", figures["stages"]))
    if "memory_mib" in figures:
        parts.append(_memory(figures["memory_mib"]))
    if "volume" in figures:
        parts.append(_pairs("Bytes on disk, per payment", figures["volume"]["bytes_per_payment"]))
    return Group(*parts)


def _plain(figures: Figures) -> Table:
    table = Table("figure", "value", title=f"penstock bench {figures['bench']}")
    for name, value in figures.items():
        if name not in _APART and name != "bench":
            table.add_row(name, text_of(value))
    return table


def _budget(figures: Figures) -> Table:
    """CPU by process, and beside it what the design allows those processes together."""
    table = Table("process", "µs a payment", "budget", "for", title="CPU of a payment")
    spent = figures["cpu_us_per_payment"]
    for group in figures["budget"]:
        names = [name for name in group["processes"] if name in spent]
        steps = "everything" if names == ["total"] else ", ".join(group["steps"])
        for number, name in enumerate(names):
            last = number == len(names) - 1
            table.add_row(name, f"{spent[name]:.2f}", *((f"{group['budget_us']:.1f}", steps) if last else ("", "")), end_section=last)
    return table


def _memory(found: Figures) -> Table:
    table = Table("process", "begin", "end", "most", "growth, second half", title="Memory, MiB")
    for name, each in found.items():
        table.add_row(name, *(text_of(each[column]) for column in ("begin", "end", "most", "growth_second_half")))
    return table


def _pairs(title: str, values: Figures) -> Table:
    table = Table("what", "value", title=title)
    for name, value in values.items():
        table.add_row(name, text_of(value))
    return table


def text_of(value: Any) -> str:
    """A figure for people."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {text_of(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(text_of(each) for each in value) or "none"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return _WORDS.get(value, str(value))
