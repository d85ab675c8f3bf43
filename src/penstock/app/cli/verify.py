"""``penstock verify``: recompute everything from the journal, with code that shares nothing with the engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.review.verify.actions import Request
    from penstock.review.verify.read import AnyConnection
    from penstock.review.verify.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify_journal)


def verify_journal(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    head: Annotated[
        str | None,
        typer.Option(
            help="A file of signed heads, or `latest`; without it every head in PENSTOCK_HOME/heads is checked."
        ),
    ] = None,
    no_checkpoint: Annotated[
        bool, typer.Option("--no-checkpoint", help="Do not compare with the newest checkpoint.")
    ] = False,
    from_url: Annotated[
        str | None, typer.Option(help="Connection URL of another database, such as a restored copy.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="Public key of the heads; without it PENSTOCK_HOME/heads/public.pem.")
    ] = None,
) -> None:
    """Verify the journal: balances, holds, limits, chain, ids, links, checkpoint, signed heads.

    Ends with status 0 when all is right, 1 when something is wrong, 2 when it could not be verified.
    """
    import time

    import msgspec
    import psycopg

    from penstock.app import wiring
    from penstock.review.verify.actions import Request
    from penstock.review.verify.read import CannotVerify
    from penstock.review.verify.report import as_json as to_json
    from penstock.review.verify.report import as_words

    home = wiring.load().home
    key = public_key or home / "heads" / "public.pem"
    request = Request(home / "heads", home / "checkpoints", key, head, not no_checkpoint)
    began = time.perf_counter()
    try:
        report = _run(_connector(from_url), request, quiet=as_json)
    except CannotVerify as error:
        _give_up(str(error))
    except psycopg.OperationalError as error:
        _give_up(
            f"the database cannot be reached; start it with `penstock serve`, or name one with --from-url ({error})"
        )
    except psycopg.Error as error:
        _give_up(f"the journal cannot be read; is this a migrated Penstock database? ({error})")
    seconds = time.perf_counter() - began
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(to_json(report, seconds)), indent=2).decode())
    else:
        _print_words(as_words(report, seconds), report.ok)
    raise typer.Exit(0 if report.ok else 1)


def _connector(from_url: str | None) -> Callable[[], AnyConnection]:
    from penstock.app import wiring
    from penstock.kit import db
    from penstock.review.verify.read import CannotVerify

    settings = wiring.load()
    if from_url is None and not settings.database_url and not (settings.home / "postgres").is_dir():
        raise CannotVerify(f"no installation at {settings.home}: set PENSTOCK_HOME, or name a database with --from-url")
    dsn = from_url or wiring.dsn(settings, "penstock_auditor")
    return lambda: db.connect(dsn, name="penstock-verify", statement_timeout_ms=0)


def _run(connect: Callable[[], AnyConnection], request: Request, *, quiet: bool) -> Report:
    """Verify with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from penstock.review.verify.actions import verify

    console = Console(stderr=True)
    columns: list[Any] = [
        TextColumn("verifying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        bar = progress.add_task("rows", total=None)
        return verify(
            connect, request, lambda total: progress.update(bar, total=total), lambda rows: progress.advance(bar, rows)
        )


def _print_words(lines: list[str], ok: bool) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        style = ("green" if ok else "red") if line.startswith(("Everything", "WRONG")) else None
        console.print(line, style=style, markup=False)


def _give_up(sentence: str) -> None:
    typer.echo(f"penstock verify: {sentence}", err=True)
    raise typer.Exit(2)
