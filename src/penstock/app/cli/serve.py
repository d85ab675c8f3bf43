"""``penstock serve``, ``penstock migrate`` and ``penstock settings``."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command("migrate")(migrate_database)
    app.command("settings")(show_settings)


def serve(
    shared_buffers: Annotated[int, typer.Option(help="Cache of the embedded PostgreSQL, MiB.", min=16)] = 512,
    wal: Annotated[int, typer.Option(help="Write-ahead log that the embedded PostgreSQL keeps, MiB.", min=64)] = 4096,
) -> None:
    """Run everything: database, keeper, lane and edges, until Ctrl-C or SIGTERM."""
    import signal
    import threading

    from penstock.app import wiring
    from penstock.app.supervisor import NotReady, Supervisor
    from penstock.kit.telemetry import set_up_logging

    settings = wiring.load()
    set_up_logging(settings.log_level, "supervisor")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    typer.echo(f"Penstock starts on {settings.home} …")
    with Supervisor(settings, shared_buffers_mb=shared_buffers, wal_mb=wal) as supervisor:
        try:
            supervisor.wait_until_ready(stop)
        except NotReady:
            if not stop.is_set():
                raise
        else:
            _say_ready(wiring.base_url(settings), str(wiring.certificate(settings).ca))
            supervisor.watch(stop)
        typer.echo("Penstock stops …")
    typer.echo("Penstock has stopped.")


def migrate_database(
    admin_url: Annotated[
        str, typer.Option(envvar="PENSTOCK_ADMIN_URL", help="Connection URL of a superuser or of the owner with CREATEROLE.")
    ],
) -> None:
    """Bring a PostgreSQL of your own to the newest schema, and set the roles' passwords from the secrets folder."""
    from penstock.app import wiring
    from penstock.journal.migrate import ROLES, migrate, set_passwords
    from penstock.kit import workflows

    secrets = wiring.secrets(wiring.load())
    for role in ROLES:
        secrets.database_password(role)
    migrate(admin_url)
    set_passwords(admin_url, secrets.database_password)
    workflows.prepare(admin_url, "penstock_office")
    typer.echo("The database has the newest schema; the roles have their passwords.")


def show_settings() -> None:
    """Print every setting: the value in force, its unit, default and sentence."""
    from rich.console import Console
    from rich.table import Table

    from penstock.app import wiring
    from penstock.kit.settings import describe

    settings = wiring.load()
    table = Table("name", "in force", "unit", "default", "what it is", title=f"Settings of {settings.home}")
    for name, default, unit, sentence in describe():
        value = str(getattr(settings, name))
        shown = "***" if name == "database_url" and value else value
        table.add_row(name, shown if value == default else f"[bold]{shown}[/bold]", unit, default, sentence)
    Console().print(table)


def _say_ready(url: str, ca: str) -> None:
    typer.echo(f"Penstock is ready.\n  API   {url}\n  docs  {url}/docs\n  CA    {ca}")
