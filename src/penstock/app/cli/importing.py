"""``penstock import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from penstock.kit.client import Access
    from penstock.prepare.importing.summary import Summary


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_payments)


def import_payments(
    file: Annotated[Path, typer.Argument(help="Payments as CSV or Parquet, with any column names.")],
    mapping: Annotated[Path, typer.Option(help="TOML that says what the columns mean; see docs/import.md.")],
    limit: Annotated[int | None, typer.Option(help="Only the first so many payments; another limit is another import.", min=1)] = None,
    url: Annotated[str, typer.Option(help="Address of the API; empty: the system of PENSTOCK_HOME.")] = "",
    key: Annotated[str, typer.Option(envvar="PENSTOCK_KEY", help="API key, needed with --url.")] = "",
    cacert: Annotated[Path | None, typer.Option(help="CA file of the API, needed with --url.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Send a file of payments through the running system, opening customers and accounts as needed."""
    import json

    from rich.console import Console

    from penstock.app.local import NoSystem
    from penstock.contracts.mapping import BadMapping
    from penstock.kit.client import NoAnswer, Refused
    from penstock.prepare.importing.reading import BadFile
    from penstock.prepare.importing.sending import ImportStopped

    console = Console(stderr=as_json)
    try:
        summary = _import(file, mapping, limit, _access(url, key, cacert), console)
    except (BadMapping, BadFile, ImportStopped, NoAnswer, NoSystem, Refused) as error:
        typer.echo(f"penstock: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(summary.as_dict()))
    else:
        _show(summary, console)


def _access(url: str, key: str, cacert: Path | None) -> Access:
    """Whom to talk to: what the options say, or the local system with a key of its own."""
    from penstock.app import local, wiring
    from penstock.kit.client import Access

    if url:
        if not (key and cacert):
            raise typer.BadParameter("--url needs --key (or PENSTOCK_KEY) and --cacert")
        if not url.startswith("https://"):
            raise typer.BadParameter(f"{url!r} is not an https:// address", param_hint="--url")
        return Access(url.rstrip("/"), cacert, key)
    settings = wiring.load()
    if not local.runs(settings):
        typer.echo(f"penstock: no system runs on {settings.home}; start it with `penstock serve`, or give --url, --key and --cacert", err=True)
        raise typer.Exit(2)
    return local.local_access(settings, "import")


def _import(file: Path, mapping_file: Path, limit: int | None, access: Access, console: Console) -> Summary:
    import time

    import polars as pl

    from penstock.app import local, wiring
    from penstock.app.progress import progress_bars
    from penstock.kit.client import Client
    from penstock.prepare.importing.log import ImportLog, identify
    from penstock.prepare.importing.mapping import read_mapping
    from penstock.prepare.importing.reading import check_rows, normalise, scan
    from penstock.prepare.importing.sending import Sender
    from penstock.prepare.importing.summary import Summary

    mapping = read_mapping(mapping_file)
    rows = normalise(scan(file), mapping)
    bad = check_rows(rows, mapping)
    good = rows.filter(pl.col("problem").is_null())
    wanted = good if limit is None else good.head(limit)
    log = ImportLog(wiring.load().home / "imports", identify(file, mapping, access.url, limit))
    summary = Summary(rows=rows.select(pl.len()).collect(engine="streaming").item(), bad_rows=bad)
    with Client(access) as api, progress_bars(console) as progress:
        Sender(api, log, mapping, local.now_ms, time.monotonic, progress).run(wanted, summary)
    return summary


def _show(summary: Summary, console: Console) -> None:
    from rich.table import Table

    from penstock.contracts.money import BY_CODE, format_minor

    table = Table("state", "reason", "payments", title="Payments")
    for (state, reason), number in summary.payments.most_common():
        table.add_row(state, reason, f"{number:,}")
    console.print(table)
    for (currency, state), amount in sorted(summary.amounts_minor.items()):
        console.print(f"{state}: {format_minor(amount, BY_CODE[currency])}")
    for problem, number in summary.bad_rows.items():
        console.print(f"skipped, {problem}: {number:,} rows", style="yellow")
    for reason, number in summary.refused_deposits.items():
        console.print(f"deposits refused, {reason}: {number:,}", style="yellow")
    deposited = ", ".join(format_minor(amount, BY_CODE[code]) for code, amount in summary.deposited_minor.items()) or "nothing"
    console.print(
        f"{summary.rows:,} rows read, {summary.customers:,} customers, {summary.accounts:,} accounts, "
        f"{summary.deposits:,} deposits ({deposited}), {summary.sent:,} payments; "
        f"{summary.replayed:,} commands were already done before"
    )
    rate = f"; {summary.payments_per_second:,.0f} payments/s while paying" if not summary.replayed else ""
    console.print(f"{summary.seconds:.1f} s in all{rate}", style="bold")
