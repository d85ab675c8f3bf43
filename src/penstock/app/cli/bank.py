"""``penstock bank-simulator`` and ``penstock reconcile``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.improve.bank.rules import Behaviour


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("bank-simulator")(bank_simulator)


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
