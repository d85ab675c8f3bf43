"""``penstock train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from penstock.improve.learning.artifact import Model
    from penstock.improve.learning.card import Card, Rate
    from penstock.improve.learning.thresholds import Budgets


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train_model)


def train_model(
    file: Annotated[Path, typer.Argument(help="Past payments as CSV or Parquet, with any column names.")],
    mapping: Annotated[Path, typer.Option(help="TOML that says what the columns mean; `penstock map` proposes one.")],
    until: Annotated[
        str,
        typer.Option(
            help="T: only labels known by then are used. A date or time, a share of the history's time (0.7), or a step."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the model; without it models/NAME in PENSTOCK_HOME.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the model; empty: the file's.")] = "",
    created: Annotated[
        str, typer.Option(help="What the card says of when it was made; empty, the same training gives the same bytes.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Decides what is drawn by chance.", min=0, max=2**31 - 1)] = 0,
    block_fpr: Annotated[float, typer.Option(help="Share of genuine payments that may be blocked.")] = 0.001,
    review_fpr: Annotated[float, typer.Option(help="Share that may go to review, or be blocked.")] = 0.005,
    challenge_fpr: Annotated[float, typer.Option(help="Share that may be challenged, reviewed or blocked.")] = 0.02,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Train a model on what was known at a time: trees, calibration, thresholds, and a card that says what it is worth."""
    import msgspec
    from rich.console import Console

    from penstock.app import wiring
    from penstock.improve.history.mapping import BadMapping
    from penstock.improve.history.opening import BadFile
    from penstock.improve.learning.samples import TooLittle
    from penstock.improve.learning.thresholds import BadBudgets, Budgets
    from penstock.improve.learning.until import BadTime
    from penstock.kit.trees import LibraryMissing

    console = Console(stderr=as_json)
    name = name or file.stem
    folder = out or wiring.load().home / "models" / name
    try:
        budgets = Budgets(block_fpr, review_fpr, challenge_fpr)
        model = _train(file, mapping, until, folder, name, created, seed, budgets, console)
    except (BadBudgets, BadFile, BadMapping, BadTime, LibraryMissing, TooLittle) as error:
        typer.echo(f"penstock: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(model.card), indent=2).decode())
    else:
        show_card(model.card, console)
    console.print(f"written to {folder}", style="bold", soft_wrap=True)


def _train(
    file: Path,
    mapping_file: Path,
    until: str,
    folder: Path,
    name: str,
    created: str,
    seed: int,
    budgets: Budgets,
    console: Console,
) -> Model:
    from zoneinfo import ZoneInfo

    from penstock.app.progress import progress_bars
    from penstock.improve.history.mapping import TimeUnit, load_mapping
    from penstock.improve.history.reading import read_history
    from penstock.improve.learning.artifact import load_model, save_model
    from penstock.improve.learning.describing import describe
    from penstock.improve.learning.samples import divide
    from penstock.improve.learning.train import learn
    from penstock.improve.learning.until import read_until
    from penstock.improve.observing.observing import observe

    mapping = load_mapping(mapping_file)
    with progress_bars(console) as report:
        history = read_history(file, mapping)
        step_us = mapping.step_us if mapping.time.unit is TimeUnit.STEP else None
        until_us = read_until(until, history, step_us, ZoneInfo(mapping.time.zone or "UTC"))
        divide(history, until_us)  # whether there is enough is known before the long part
        done = 0

        def observed(events: int) -> None:
            nonlocal done
            done += events
            report("observing", done, max(done, len(history)))

        vectors = observe(history, observed)
        learned = learn(
            history,
            vectors,
            until_us,
            seed=seed,
            budgets=budgets,
            progress=report,
        )
        card = describe(learned, history, vectors, until_us, name=name, created=created, seed=seed)
    save_model(folder, card, learned.onnx, learned.native)
    return load_model(folder)


def show_card(card: Card, console: Console) -> None:
    """Print what a model was made from and what it is worth, as tables."""
    from rich.table import Table

    parts = Table("part", "payments", "frauds", title=f"Model {card.name}, {card.trees} trees")
    for part in ("training", "validation", "final"):
        figures = getattr(card.parts, part)
        parts.add_row(part, f"{figures.rows:,}", f"{figures.frauds:,}")
    console.print(parts)
    metrics = Table("on validation", "value", "95 %", title="Ranking and calibration")
    for name, rate in card.metrics.items():
        metrics.add_row(name, f"{rate.value:.4f}", f"{rate.low:.4f} … {rate.high:.4f}")
    console.print(metrics)
    thresholds = Table("action", "budget", "from score", "false positives", "recall", "precision", title="Thresholds")
    for each in card.thresholds:
        rates = (each.false_positive_rate, each.recall, each.precision)
        thresholds.add_row(each.action, f"{each.budget:.3%}", f"{each.score:.4f}", *map(_percent, rates))
    console.print(thresholds)
    most = ", ".join(f"{name} {share:.0%}" for name, share in list(card.importance.items())[:8])
    console.print(f"most used: {most}")
    for limit in card.limits.en:
        console.print(f"- {limit}", style="dim")


def _percent(rate: Rate) -> str:
    return f"{rate.value:.2%} [{rate.low:.2%}, {rate.high:.2%}]"
