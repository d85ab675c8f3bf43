"""``penstock key create``, ``list`` and ``revoke``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from psycopg import Connection

keys = typer.Typer(help="API keys: make, list and revoke them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(keys, name="key")


@keys.command()
def create(
    client: Annotated[str, typer.Option(help="The API client that the key speaks for; added when it is new.")],
    owner: Annotated[
        str, typer.Option(help="The person who answers for the key; one person's keys cannot approve for one another.")
    ],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it may do: customers:write, ledger:write, payments:write, labels:write, models:write, read, "
            "webhooks:write, operate, review, control, approve."
        ),
    ],
    expires_days: Annotated[int, typer.Option(help="Days until it runs out, at most a year.")] = 90,
) -> None:
    """Make a key and print it. It is shown once and stored nowhere."""
    import secrets
    from datetime import UTC, datetime

    from penstock.prepare.credentials import actions, rules

    with _connect() as connection:
        text, record = actions.create_key(
            connection,
            client=client,
            owner=owner,
            scopes=scope,
            now=datetime.now(UTC),
            random=secrets.token_bytes(rules.RANDOM_BYTES),
            days=expires_days,
        )
    typer.echo(f"key {record.key_id} of client {record.client_name}, good until {record.expires_at:%Y-%m-%d %H:%M} UTC", err=True)
    typer.echo(text)


@keys.command("list")
def list_keys() -> None:
    """List all keys; their secrets are not known here."""
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    from penstock.prepare.credentials import store

    with _connect() as connection:
        records = store.load_keys(connection)
    now = datetime.now(UTC)
    table = Table("key", "client", "owner", "scopes", "expires", "status")
    for record in records:
        status = "revoked" if record.revoked_at else "expired" if record.expires_at <= now else "good"
        scopes = " ".join(sorted(record.scopes))
        table.add_row(record.key_id, record.client_name, record.owner, scopes, f"{record.expires_at:%Y-%m-%d}", status)
    Console().print(table)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, the part between psk_ and the next _.")]) -> None:
    """Revoke a key; edges refuse it within a second."""
    from datetime import UTC, datetime

    from penstock.prepare.credentials import actions

    with _connect() as connection:
        actions.revoke_key(connection, key_id, datetime.now(UTC))
    typer.echo(f"Key {key_id} is revoked.")


def _connect() -> Connection[Any]:
    """Connect to the running installation's database."""
    import psycopg

    from penstock.app import wiring
    from penstock.kit import db

    settings = wiring.load()
    if not settings.database_url and not (settings.home / "postgres").is_dir():
        typer.echo(f"penstock: no installation at {settings.home}: set PENSTOCK_HOME, or make one with `penstock serve`", err=True)
        raise typer.Exit(2)
    try:
        return db.connect(wiring.dsn(settings, "penstock_edge"), name="penstock-cli")
    except psycopg.OperationalError as error:
        typer.echo(f"penstock: no database at {settings.home}: start it with `penstock serve` ({error})", err=True)
        raise typer.Exit(2) from error
