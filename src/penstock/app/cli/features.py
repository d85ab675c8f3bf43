"""``penstock features``: the features of a history as a table, and what each group of them earns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from penstock.improve.history.columns import History
    from penstock.improve.history.mapping import HistoryMapping

_File = Annotated[Path, typer.Argument(help="Past payments as CSV or Parquet, with any column names.")]
_Mapping = Annotated[
    Path, typer.Option(help="TOML that says what the columns mean; `penstock map` proposes one.")
]


class _ExportUnlessTold(TyperGroup):
    """``penstock features FILE`` is ``penstock features export FILE``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command where it is left out."""
        told = not args or args[0] in {*self.commands, "--help"}
        return super().parse_args(ctx, args if told else ["export", *args])


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(cls=_ExportUnlessTold, no_args_is_help=True, help="The features of past payments: export, ablate.")
    group.command("export")(export)
    group.command("ablate")(ablate)
    app.add_typer(group, name="features")


def export(
    file: _File,
    mapping: _Mapping,
    out: Annotated[Path, typer.Option(help="Where to write, as .parquet or .csv.")],
) -> None:
    """Write all features of each payment, as the lane would have had them just before (the default)."""
    from rich.console import Console

    from penstock.improve.ablating.matrix import feature_matrix
    from penstock.improve.history.mapping import BadMapping
    from penstock.improve.history.opening import BadFile

    if out.suffix not in {".parquet", ".csv"} or not out.parent.is_dir():
        raise typer.BadParameter(f"{out}: name a .parquet or .csv file in a folder that exists", param_hint="--out")
    console = Console()
    try:
        history, vectors, _ = _observe(file, mapping, console)
    except (BadFile, BadMapping) as error:
        typer.echo(f"penstock: {error}", err=True)
        raise typer.Exit(2) from error
    matrix = feature_matrix(history, vectors)
    if out.suffix == ".csv":
        matrix.write_csv(out)
    else:
        matrix.write_parquet(out)
    console.print(f"{len(matrix):,} payments written to {out}", style="bold", soft_wrap=True)


def ablate(
    file: _File,
    mapping: _Mapping,
    until: Annotated[
        str,
        typer.Option(
            help="T: labels known by then teach, payments from then on are measured. A date, a share of the time (0.7), or a step."
        ),
    ],
    entities: Annotated[bool, typer.Option("--entities", help="By entity instead of by group.")] = False,
    seeds: Annotated[int, typer.Option(help="How often each model is grown.", min=2, max=50)] = 3,
    repeats: Annotated[int, typer.Option(help="Draws of payers for the intervals.", min=0, max=2_000)] = 100,
    seed: Annotated[int, typer.Option(help="Decides what is drawn by chance.", min=0, max=2**31 - 100)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Tell what a model loses without each group of features, and what each is worth alone."""
    import json
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from penstock.app.progress import progress_bars
    from penstock.improve.ablating.ablation import Plan
    from penstock.improve.ablating.ablation import ablate as measure_parts
    from penstock.improve.history.mapping import BadMapping, TimeUnit
    from penstock.improve.history.opening import BadFile
    from penstock.improve.learning.samples import TooLittle
    from penstock.improve.learning.until import BadTime, read_until
    from penstock.kit.trees import LibraryMissing

    console = Console(stderr=as_json)
    try:
        history, vectors, read = _observe(file, mapping, console)
        step_us = read.step_us if read.time.unit is TimeUnit.STEP else None
        until_us = read_until(until, history, step_us, ZoneInfo(read.time.zone or "UTC"))
        with progress_bars(console) as report_progress:
            plan = Plan(until_us, by_entity=entities, seeds=seeds, repeats=repeats, seed=seed)
            report = measure_parts(history, vectors, plan, report_progress)
    except (BadFile, BadMapping, BadTime, LibraryMissing, TooLittle) as error:
        typer.echo(f"penstock: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(report, allow_nan=False))
    else:
        _show(report, console)


def _observe(
    file: Path, mapping_file: Path, console: Console
) -> tuple[History, NDArray[np.float16], HistoryMapping]:
    from penstock.app.progress import progress_bars
    from penstock.improve.history.mapping import load_mapping
    from penstock.improve.history.reading import read_history
    from penstock.improve.observing.observing import observe

    mapping = load_mapping(mapping_file)
    with progress_bars(console) as report:
        history = read_history(file, mapping, lambda rows: report("reading", rows, rows))
        done = 0

        def observed(events: int) -> None:
            nonlocal done
            done += events
            report("observing", done, max(done, len(history)))

        return history, observe(history, observed), mapping


def _show(report: dict[str, Any], console: Console) -> None:
    from rich.table import Table

    whole = report["all"]
    console.print(
        f"{report['rows']:,} payments measured, {report['frauds']:,} of them fraud; {report['trees']} trees grown on {report['training_rows']:,} payments, {report['seeds']} times."
    )
    names = {"average_precision": "average precision", "recall_at_fpr_0.005": "recall at 0.5 %", "recall_at_fpr_0.01": "recall at 1 %"}
    console.print("all features: " + ", ".join(f"{words} {whole[key]:.4f} ± {whole['seed_spread'][key]:.4f}" for key, words in names.items()))
    table = Table("part", "features", *(f"lift of {words} [95 %] ± seeds" for words in names.values()), "alone", title="What is lost without each part")
    for part in sorted(report["parts"], key=lambda each: -each["lift"]["average_precision"]["value"]):
        lifts = [_lift(part["lift"][key]) for key in names]
        table.add_row(part["name"], str(len(part["features"])), *lifts, f"{part['alone']['average_precision']:.4f}")
    console.print(table)
    console.print("bold: neither the payers drawn nor the seeds explain it; alone: average precision with nothing else", style="dim")
    if report["silent"]:
        console.print(f"the file says nothing of: {', '.join(report['silent'])}", style="dim")


def _lift(lift: dict[str, Any]) -> str:
    between = lift["interval"]
    text = f"{lift['value']:+.4f}" + (f" [{between[0]:+.4f}, {between[1]:+.4f}]" if between else "") + f" ± {lift['seed_spread']:.4f}"
    return f"[bold]{text.replace('[', chr(92) + '[')}[/bold]" if lift["clear"] else text.replace("[", "\\[")
