"""``penstock demo``."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    duration: Annotated[str, typer.Option("--for", help="End by itself after so long, such as 30s or 5m; empty: at Ctrl-C.")] = "",
    customers: Annotated[int, typer.Option(help="Customers to have, at least.", min=10)] = 3_000,
    rate: Annotated[float, typer.Option(help="Scenes to start each second; most are one payment.", min=0.1)] = 200.0,
    seed: Annotated[int | None, typer.Option(help="Seed of chance; printed at the end.")] = None,
) -> None:
    """Start everything, open some thousand customers, play live traffic, and show what happens."""
    import secrets

    from rich.console import Console

    from penstock.app import wiring
    from penstock.app.demo.run import Wish, demonstrate
    from penstock.app.local import NoSystem
    from penstock.kit.client import NoAnswer, Refused

    seconds = parse_duration(duration) if duration else None
    wish = Wish(customers, rate, seconds, secrets.randbits(31) if seed is None else seed)
    try:
        good = demonstrate(wiring.load(), wish, Console())
    except (NoAnswer, NoSystem, Refused) as error:
        typer.echo(f"penstock: {error}", err=True)
        raise typer.Exit(2) from error
    if not good:
        raise typer.Exit(1)


def parse_duration(text: str) -> float:
    """Seconds of a text such as ``30s``, ``5m``, ``1h`` or ``90``."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, factor = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        seconds = float(number) * factor
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise typer.BadParameter(f"{text!r} is not a time; write it like 30s, 5m or 1h", param_hint="--for")
    return seconds
