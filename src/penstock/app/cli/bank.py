"""``penstock bank-simulator`` and ``penstock reconcile``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.improve.bank.rules import Behaviour


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("bank-simulator")(bank_simulator)
    app.command()(reconcile)


def bank_simulator(
    port: Annotated[int, typer.Option(help="TCP port.", min=1, max=65_535)] = 8_480,
    state: Annotated[Path | None, typer.Option(help="File with the bank's books; without it PENSTOCK_HOME/bank-simulator.sqlite.")] = None,
    behaviour: Annotated[Behaviour | None, typer.Option(help="How it behaves; without it as before, at first good.")] = None,
    delay: Annotated[float, typer.Option(help="How late it pays or returns, seconds.", min=0)] = 2.0,
    host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
) -> None:
    """Run a bank that speaks the protocol of docs/rails.md, for development and tests.

    Callers prove themselves with the key in PENSTOCK_HOME/secrets/bank.key, which is made if it is missing.
    """
    from penstock.app import bank_simulator as simulator
    from penstock.app import wiring
    from penstock.kit.telemetry import set_up_logging

    settings = wiring.load()
    set_up_logging(settings.log_level, "bank-simulator")
    path = state or settings.home / "bank-simulator.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    simulator.serve(path, wiring.secrets(settings).bank_key(), host, port, (behaviour, delay))


def reconcile(
    date: Annotated[str, typer.Option(help="The day, YYYY-MM-DD, in UTC; without it yesterday.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Compare a day's bookings with the bank's statement. Ends with status 0 without differences, 1 with, 2 without an answer."""
    import asyncio
    from datetime import UTC, datetime, timedelta
    from datetime import date as date_type

    import msgspec
    import psycopg
    from psycopg_pool import PoolTimeout

    from penstock.app import wiring
    from penstock.app.office import reconciling
    from penstock.kit.telemetry import set_up_logging
    from penstock.process.rails.bank import BankAway
    from penstock.process.rails.reconcile.views import reconciliation_view

    try:
        day = date_type.fromisoformat(date) if date else datetime.now(UTC).date() - timedelta(days=1)
    except ValueError as error:
        raise typer.BadParameter(f"{date!r} is not a day; write it like 2026-01-31", param_hint="--date") from error
    settings = wiring.load()
    set_up_logging(settings.log_level, "reconcile")
    try:
        done = asyncio.run(reconciling.reconcile_once(settings, day))
    except (BankAway, psycopg.OperationalError, PoolTimeout) as error:
        typer.echo(f"penstock reconcile: {type(error).__name__}: {error}; start bank and database, then run it again", err=True)
        raise typer.Exit(2) from error
    shown = reconciliation_view(done)
    if as_json:
        typer.echo(msgspec.json.encode(shown).decode())
    else:
        typer.echo(
            f"{shown.date}: {shown.bank_entries} entries at the bank, {shown.our_bookings} bookings here, "
            f"{shown.differences} open differences"
        )
    raise typer.Exit(1 if shown.differences else 0)
