"""``penstock bench``: ``lane``, ``http``, ``overload``, ``growth``, ``recovery``, ``stress`` and ``backtest``."""

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
InFlight = Annotated[int, typer.Option(help="Batches on their way where as much is sent as is sustained.", min=1, max=64)]
Home = Annotated[Path | None, typer.Option(help="Home to use and keep; without it a fresh one that is removed.")]
Verify = Annotated[bool, typer.Option(help="Run `penstock verify` afterwards.")]
Format = Annotated[str, typer.Option("--format", help="How payments are sent: `arrow` (columns) or `json`.")]
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
    form: Format = "arrow",
    in_flight: InFlight = 8,
    verify: Verify = True,
    as_json: AsJson = False,
    save: Save = False,
) -> None:
    """The full path under load: batches over HTTPS from a process of its own, durable, with a million accounts."""
    from penstock.app.bench.lane import Plan, bench_lane

    if form not in ("arrow", "json"):
        raise typer.BadParameter(f"{form!r} is neither `arrow` nor `json`", param_hint="--format")
    plan = Plan(seconds, accounts, rate, batch, seed, zipf, verify, home, copy_seconds, warm_up, form, in_flight)
    _run(lambda say, report: bench_lane(plan, say, report), as_json=as_json, save=save)


@benches.command("http")
def http(
    seconds: Seconds = 30.0,
    accounts: Accounts = 1_000_000,
    rate: Annotated[float, typer.Option(help="Payments a second of the run by a schedule.", min=1)] = 1_000.0,
    connections: Annotated[int, typer.Option(help="Connections that stay open, one payment on its way on each.", min=1, max=1_000)] = 64,
    seed: Seed = 1,
    zipf: Zipf = 1.0,
    home: Home = None,
    warm_up: WarmUp = 3.0,
    verify: Verify = True,
    as_json: AsJson = False,
    save: Save = False,
) -> None:
    """Single payments over HTTPS and JSON: the most there can be, then latencies by a schedule."""
    from penstock.app.bench.http import Plan, bench_http

    plan = Plan(seconds, accounts, rate, connections, seed, zipf, verify, home, warm_up)
    _run(lambda say, report: bench_http(plan, say, report), as_json=as_json, save=save)


@benches.command("overload")
def overload(
    seconds: Seconds = 120.0,
    accounts: Accounts = 1_000_000,
    capacity: Annotated[float, typer.Option(help="Payments a second that are sustained; 0: measure it first.", min=0)] = 0.0,
    times: Annotated[float, typer.Option(help="So many times the capacity is offered.", min=0.1, max=10)] = 1.5,
    batch: Batch = 1_000,
    seed: Seed = 1,
    zipf: Zipf = 1.0,
    home: Home = None,
    warm_up: WarmUp = 3.0,
    in_flight: InFlight = 6,
    verify: Verify = True,
    as_json: AsJson = False,
    save: Save = False,
) -> None:
    """More than can be taken: what is pushed back, what memory does, and how soon all is as before."""
    from penstock.app.bench.overload import Plan, bench_overload

    plan = Plan(seconds, accounts, capacity, times, batch, seed, zipf, verify, home, warm_up, in_flight)
    _run(lambda say, report: bench_overload(plan, say, report), as_json=as_json, save=save)


@benches.command("growth")
def growth(
    seconds: Seconds = 30.0,
    small: Annotated[int, typer.Option(help="Accounts of the first run.", min=2)] = 100_000,
    large: Annotated[int, typer.Option(help="Accounts of the second run.", min=3)] = 10_000_000,
    batch: Batch = 1_000,
    seed: Seed = 1,
    zipf: Zipf = 1.0,
    home: Home = None,
    warm_up: WarmUp = 3.0,
    in_flight: InFlight = 6,
    verify: Verify = False,
    as_json: AsJson = False,
    save: Save = False,
) -> None:
    """CPU of a payment with few accounts and with many, and what a million customers take of memory."""
    from penstock.app.bench.growth import Plan, bench_growth

    if large <= small:
        raise typer.BadParameter("give more accounts than --small", param_hint="--large")
    plan = Plan(seconds, small, large, batch, seed, zipf, verify, home, warm_up, in_flight)
    _run(lambda say, report: bench_growth(plan, say, report), as_json=as_json, save=save)


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


@benches.command("stress")
def stress(
    rate: Annotated[float, typer.Option(help="Payments a second, by a schedule.", min=1)] = 100_000.0,
    seconds: Seconds = 600.0,
    accounts: Accounts = 1_000_000,
    batch: Batch = 1_000,
    seed: Seed = 1,
    zipf: Zipf = 1.0,
    home: Home = None,
    warm_up: WarmUp = 3.0,
    verify: Verify = True,
    list_runs: Annotated[bool, typer.Option("--list", help="List the reports that were kept, and run nothing.")] = False,
    as_json: AsJson = False,
    save: Save = False,
) -> None:
    """A stated rate for a stated time; a report on the terminal and as a page, kept in stress/ of the home."""
    from penstock.app import wiring
    from penstock.app.bench.stress import Plan, bench_stress

    reports = (home or wiring.load().home).resolve() / "stress"
    if list_runs:
        _list_runs(reports, as_json=as_json)
        return
    plan = Plan(rate, seconds, accounts, batch, seed, zipf, verify, home, reports, warm_up)
    _run(lambda say, report: bench_stress(plan, say, report), as_json=as_json, save=save)


def _list_runs(reports: Path, *, as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from penstock.app.bench.stress import REPORT, kept
    from penstock.app.bench.tables import text_of

    found = list(kept(reports))
    if as_json:
        names = ("time", "rate", "seconds", "payments_per_second", "latency_ms", "pushed_back", "verify_ok", "commit")
        typer.echo(json.dumps([{"report": str(path / REPORT), **{name: run[name] for name in names}} for path, run in found]))
        return
    table = Table("time", "rate", "seconds", "payments/s", "p99 ms", "pushed back", "verified", "report")
    for path, run in found:
        values = (run["rate"], run["seconds"], run["payments_per_second"], run["latency_ms"]["p99"], run["pushed_back"], run["verify_ok"])
        table.add_row(run["time"], *map(text_of, values), str(path / REPORT))
    Console().print(table)


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
    from penstock.app.bench.tables import show
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
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        show(figures, Console())
    if save:
        typer.echo(f"Appended to {append(figures)}.", err=True)
