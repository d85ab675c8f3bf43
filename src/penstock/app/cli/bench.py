"""``penstock bench lane``, ``recovery`` and ``backtest``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

benches = typer.Typer(help="Benchmarks: they print figures and never fail on time.", no_args_is_help=True)

Seconds = Annotated[float, typer.Option(help="How long the load lasts.", min=0.1)]
Accounts = Annotated[int, typer.Option(help="Customers with one account each.", min=2)]
Batch = Annotated[int, typer.Option(help="Payments in one request.", min=1, max=5_000)]
Seed = Annotated[int, typer.Option(help="Seed of chance, so that a run can be repeated.")]
Zipf = Annotated[float, typer.Option(help="How much popular accounts stand out: weight 1 / rank to this power.", min=0.0, max=3.0)]
WarmUp = Annotated[float, typer.Option(help="Seconds of load that are not counted.", min=0)]
Home = Annotated[Path | None, typer.Option(help="Home to use and keep; without it a fresh one that is removed.")]
Verify = Annotated[bool, typer.Option(help="Run `penstock verify` afterwards.")]
Format = Annotated[str, typer.Option(help="How payments are sent: `arrow` (columns) or `json`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as one line of JSON.")]
Save = Annotated[bool, typer.Option("--save", help="Append the figures to bench/results.jsonl.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(benches, name="bench")


@benches.command("lane")
def lane(
    seconds: Seconds = 60.0,
    accounts: Accounts = 1_000_000,
    rate: Annotated[float, typer.Option(help="Payments a second by a schedule; 0: find what is sustained, then 80 % of it by a schedule.", min=0)] = 0.0,
    batch: Batch = 1_000,
    seed: Seed = 1,
    zipf: Zipf = 1.0,
    home: Home = None,
    copy_seconds: Annotated[float, typer.Option(help="How long raw COPY is measured.", min=0.1)] = 5.0,
    warm_up: WarmUp = 3.0,
    format: Format = "arrow",
    verify: Verify = True,
    as_json: AsJson = False,
    save: Save = False,
) -> None:
    """The full path under load: batches over HTTPS from a process of its own, durable, with a million accounts."""
    from penstock.app.bench.lane import Plan, bench_lane

    plan = Plan(seconds, accounts, rate, batch, seed, zipf, verify, home, copy_seconds, warm_up, format)
    _run(lambda say, report: bench_lane(plan, say, report), as_json=as_json, save=save)


@benches.command("recovery")
def recovery(
    seconds: Seconds = 60.0,
    accounts: Accounts = 1_000_000,
    batch: Batch = 1_000,
    seed: Seed = 1,
    zipf: Zipf = 1.0,
    kill: Annotated[str, typer.Option(help="What is killed: `lane`, or `all` (database, keeper and edge too).")] = "lane",
    home: Home = None,
    verify: Verify = True,
    as_json: AsJson = False,
    save: Save = False,
) -> None:
    """Load, kill -9, and how long it takes until the system is ready again."""
    from penstock.app.bench.recovery import VICTIMS, Plan, bench_recovery

    if kill not in VICTIMS:
        raise typer.BadParameter(f"{kill!r} is neither `lane` nor `all`", param_hint="--kill")
    plan = Plan(seconds, accounts, batch, seed, zipf, kill, verify, home)
    _run(lambda say, report: bench_recovery(plan, say, report), as_json=as_json, save=save)


@benches.command("backtest")
def backtest(
    payments: Annotated[int, typer.Option(help="Payments of the generated history.", min=100)] = 1_000_000,
    payers: Annotated[int, typer.Option(help="Payers; a tenth as many payees.", min=2)] = 50_000,
    seed: Seed = 1,
    zipf: Zipf = 0.8,
    runs: Annotated[int, typer.Option(help="The median of so many runs is told.", min=1)] = 3,
    as_json: AsJson = False,
    save: Save = False,
) -> None:
    """How fast a history goes through the kernels: features and rules, in one thread."""
    from penstock.app.bench.backtest import Plan, bench_backtest

    plan = Plan(payments, payers, zipf, seed, runs)
    _run(lambda say, report: bench_backtest(plan, say, report), as_json=as_json, save=save)


def _run(bench: Callable[[Any, Any], dict[str, Any]], *, as_json: bool, save: bool) -> None:
    """Run a benchmark with its progress on standard error, and print its figures on standard output."""
    from rich.console import Console

    from penstock.app.bench.place import save as append
    from penstock.app.bench.recovery import NotBack
    from penstock.app.local import NoSystem
    from penstock.app.progress import progress_bars
    from penstock.kit.client import NoAnswer, Refused

    console = Console(stderr=True)
    try:
        with progress_bars(console) as report:
            figures = bench(lambda text: console.print(text, highlight=False), report)
    except (NoAnswer, NoSystem, NotBack, Refused) as error:
        typer.echo(f"penstock: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(json.dumps(figures) if as_json else json.dumps(figures, indent=2))
    if save:
        typer.echo(f"Appended to {append(figures)}.", err=True)
