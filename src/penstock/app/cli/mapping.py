"""``penstock map``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from penstock.improve.history.columns import History
    from penstock.improve.history.proposing.tables import Draft


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("map")(map_columns)


def map_columns(
    file: Annotated[Path, typer.Argument(help="Past payments as CSV or Parquet, with any column names.")],
    out: Annotated[Path | None, typer.Option(help="Write the mapping here; without it, to standard output.")] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="Propose nothing: read the file by this mapping and say what it holds.")
    ] = None,
) -> None:
    """Look at a file of past payments and propose what its columns mean."""
    from rich.console import Console

    from penstock.contracts.mapping import BadMapping
    from penstock.improve.history.opening import BadFile
    from penstock.improve.history.proposing.proposal import NothingToPropose

    console = Console(stderr=True)
    try:
        if mapping is not None:
            _check(file, mapping, console)
        else:
            _propose(file, out, console)
    except (BadFile, BadMapping, NothingToPropose) as error:
        typer.echo(f"penstock: {error}", err=True)
        raise typer.Exit(2) from error


def _check(file: Path, mapping: Path, console: Console) -> None:
    from penstock.improve.history.mapping import load_mapping
    from penstock.improve.history.reading import read_history

    _show_summary(read_history(file, load_mapping(mapping)), console)


def _propose(file: Path, out: Path | None, console: Console) -> None:
    from penstock.improve.history.proposing.proposal import propose

    if out is not None and out.exists():
        typer.echo(f"penstock: {out} is there already; remove it, or give another --out", err=True)
        raise typer.Exit(2)
    draft, _, history = propose(file)
    _show_columns(draft, console)
    _show_summary(history, console)
    for doubt in draft.doubts:
        console.print(f"[yellow]doubtful[/yellow]  {doubt}", highlight=False, soft_wrap=True)
    if out is None:
        typer.echo(draft.text())
    else:
        out.write_text(draft.text(), "utf-8")
        console.print(f"wrote {out}", highlight=False)


def _show_columns(draft: Draft, console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    from penstock.improve.history.proposing.looking import SAMPLE_ROWS

    sampled = f", judged by {SAMPLE_ROWS:,} spread over the file" if draft.rows > SAMPLE_ROWS else ""
    table = Table("column", "taken for", "because", "values", title=f"{draft.rows:,} rows{sampled}")
    for name, slot, why, values, certain in draft.verdicts():
        style = "dim" if not slot else "" if certain else "yellow"
        table.add_row(*(escape(text) for text in (name, slot or "-", why, values)), style=style)
    console.print(table)


def _show_summary(history: History, console: Console) -> None:
    from rich.table import Table

    from penstock.improve.history.summary import summarise

    table = Table(show_header=False, box=None, title="What it holds", title_justify="left")
    for name, value in summarise(history):
        table.add_row(name, value)
    console.print(table)
