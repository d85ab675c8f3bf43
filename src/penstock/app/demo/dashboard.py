"""The dashboard: what happens now, as a live table on a terminal, or a line a second elsewhere."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from penstock.app.demo.figures import Figures
from penstock.contracts.money import BY_CODE, format_minor

_WINDOW_S: Final = 5.0
_REASONS_SHOWN: Final = 26


def render(figures: Figures, status: dict[str, Any], url: str, now_s: float, elapsed_s: float) -> RenderableType:
    """The whole dashboard."""
    columns = Table.grid(padding=(0, 3))
    columns.add_row(Group(_traffic(figures, now_s, elapsed_s), Text(), _payments(figures)), _lane(status), _outcomes(figures))
    parts: list[RenderableType] = [columns]
    if figures.surprises or figures.server_errors:
        parts.append(Text(_trouble(figures), style="bold red"))
    foot = f"API docs {url}/docs · Ctrl-C ends"
    return Panel(Group(*parts), title="Penstock: live traffic over HTTPS", subtitle=foot)


def line(figures: Figures, status: dict[str, Any], now_s: float, elapsed_s: float) -> str:
    """The same in one line."""
    rate, latencies = figures.last_seconds(now_s, min(_WINDOW_S, max(elapsed_s, 0.5)))
    money = _money(status)
    refused = sum(n for reason, n in figures.reasons.items() if reason != "ok")
    return (
        f"{elapsed_s:5.0f} s  {rate:6.0f}/s  p50 {latencies.quantile_ms(0.5):5.1f} ms  p99 {latencies.quantile_ms(0.99):6.1f} ms  "
        f"ok {figures.reasons['ok']}  refused {refused}  held {money['held']}  cleared {money['cleared']}  "
        f"lane at {status.get('last_seq', 0)}" + (f"  TROUBLE {_trouble(figures)}" if not figures.good else "")
    )


def summary(figures: Figures, elapsed_s: float) -> RenderableType:
    """What the whole run came to."""
    table = Table("command", "state", "reason", "number", title="Outcomes")
    for (command, state, reason), number in sorted(figures.outcomes.items(), key=lambda item: -item[1]):
        table.add_row(command, state, reason, f"{number:,}")
    quantiles = figures.latencies
    text = (
        f"{quantiles.count:,} commands in {elapsed_s:.1f} s ({quantiles.count / max(elapsed_s, 0.001):,.0f}/s); latency p50 "
        f"{quantiles.quantile_ms(0.5):.1f} ms, p99 {quantiles.quantile_ms(0.99):.1f} ms, longest {quantiles.longest_ms:.1f} ms"
    )
    parts: list[RenderableType] = [table, Text(text, style="bold")]
    if figures.shed:
        parts.append(Text(f"{figures.shed:,} scenes were left out or broken off because too many were waiting: this machine is too busy for the rate; try --rate", style="yellow"))
    if not figures.good:
        parts.append(Text(_trouble(figures), style="bold red"))
    return Group(*parts)


def _traffic(figures: Figures, now_s: float, elapsed_s: float) -> Table:
    rate, latencies = figures.last_seconds(now_s, min(_WINDOW_S, max(elapsed_s, 0.5)))
    return _pairs("traffic", {
        "running for": f"{elapsed_s:,.0f} s",
        "commands/s": f"{rate:,.0f}",
        "p50": f"{latencies.quantile_ms(0.5):.1f} ms",
        "p99": f"{latencies.quantile_ms(0.99):.1f} ms",
        "p99, whole run": f"{figures.latencies.quantile_ms(0.99):.1f} ms",
        "longest": f"{figures.latencies.longest_ms:.1f} ms",
        "commands": f"{figures.latencies.count:,}",
        "left out": f"{figures.shed:,}",
    })  # fmt: skip


def _lane(status: dict[str, Any]) -> Table:
    money = _money(status)
    return _pairs("lane", {
        "position": f"{status.get('last_seq', 0):,}",
        "rows/s": f"{status.get('rows_per_second', 0):,.0f}",
        "money held": money["held"],
        "money cleared": money["cleared"],
        "fees": money["fees"],
        "open holds": f"{status.get('open_holds', 0):,}",
        "accounts": f"{status.get('accounts', 0):,}",
        "batch size": f"{status.get('batch_rows_last', 0):,} rows",
        "commit time": f"{status.get('commit_us_last', 0) / 1000:.1f} ms",
        "checkpoint": _checkpoint(status),
    })  # fmt: skip


def _payments(figures: Figures) -> Table:
    """How payments were decided: allowed ones are cleared, held or delayed, the others wait, or are challenged or declined."""
    counted: Counter[str] = Counter()
    for (command, state, _), number in figures.outcomes.items():
        if command == "pay":
            counted[state] += number
    return _pairs("payments", {state: f"{n:,}" for state, n in counted.most_common()})


def _outcomes(figures: Figures) -> Table:
    return _pairs("outcomes by reason", {reason: f"{n:,}" for reason, n in figures.reasons.most_common(_REASONS_SHOWN)})


def _pairs(title: str, rows: dict[str, str]) -> Table:
    table = Table(title=title, show_header=False, box=None, title_justify="left", title_style="bold cyan")
    table.add_column()
    table.add_column(justify="right")
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _money(status: dict[str, Any]) -> dict[str, str]:
    counted = status.get("money", {}).get("CNY", {})
    return {name: format_minor(counted.get(f"{name}_minor", 0), BY_CODE["CNY"]) for name in ("held", "cleared", "fees")}


def _checkpoint(status: dict[str, Any]) -> str:
    written = status.get("checkpoint_time")
    if not written:
        return "none yet"
    age_s = (datetime.now(UTC) - datetime.fromisoformat(written)).total_seconds()
    return f"{status['checkpoint_seq']:,} ({age_s:.0f} s ago)"


def _trouble(figures: Figures) -> str:
    found = [f"{number} x {what}" for what, number in figures.surprises.most_common(5)]
    return "; ".join([*([f"{figures.server_errors} answers with status 5xx"] if figures.server_errors else []), *found])
