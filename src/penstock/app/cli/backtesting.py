"""``penstock backtest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from penstock.improve.backtest.assumptions import Assumptions
    from penstock.improve.backtest.running import Request


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest)


Share = Annotated[float, typer.Option(min=0.0, max=1.0)]


def backtest(
    file: Annotated[Path, typer.Argument(help="Past payments as CSV or Parquet, with any column names.")],
    mapping: Annotated[Path, typer.Option(help="TOML that says what the columns mean; `penstock map` proposes one.")],
    model: Annotated[
        str, typer.Option(help="Folder of a model, or its name in PENSTOCK_HOME/models; `penstock train` makes one.")
    ] = "",
    pack: Annotated[
        Path | None, typer.Option(help="TOML of a rule pack; the strongest of model and rules counts.")
    ] = None,
    against: Annotated[str, typer.Option(help="Another model: both are measured, and their difference.")] = "",
    until: Annotated[
        str,
        typer.Option(
            help="T: the test is what begins from then on. A date or time, a share of the history's time (0.7), or a step."
        ),
    ] = "",
    test_share: Annotated[
        float | None, typer.Option(help="Instead: the last share of the history's time.", min=0.01, max=0.99)
    ] = None,
    as_of: Annotated[
        str,
        typer.Option(help="When the labels were last looked at; younger payments than the maturity are not scored."),
    ] = "",
    effectiveness: Annotated[
        list[str] | None, typer.Option(help="TYPE=SHARE: how often a challenge stops a type of fraud; may be repeated.")
    ] = None,
    assume: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: another assumption of docs/metrics.md; may be repeated.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Draws of payers for the intervals; 0 = none.", min=0, max=2_000)] = 200,
    seed: Annotated[int, typer.Option(help="Decides what is drawn by chance.", min=0, max=2**31 - 1)] = 1,
    html: Annotated[Path | None, typer.Option(help="Also write the report as one HTML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Replay a history and tell what a model or rules would have caught, missed and disturbed."""
    import json

    from rich.console import Console

    from penstock.improve.backtest.assumptions import BadAssumption
    from penstock.improve.backtest.measuring import NothingToMeasure
    from penstock.improve.backtest.page import render_page
    from penstock.improve.backtest.parts import NoTestPart
    from penstock.improve.backtest.running import Request
    from penstock.improve.backtest.terminal import show_report
    from penstock.improve.history.mapping import BadMapping
    from penstock.improve.history.opening import BadFile
    from penstock.improve.learning.artifact import BadArtifact
    from penstock.improve.learning.until import BadTime
    from penstock.process.decide.rules.pack import BadPack

    _check(model, against, until, test_share, html)
    console = Console(stderr=as_json)
    try:
        request = Request(
            model=_model_folder(model),
            against=_model_folder(against),
            pack=pack,
            until=until,
            test_share=test_share,
            as_of=as_of,
            assumptions=_assumptions(effectiveness or [], assume or []),
            repeats=repeats,
            seed=seed,
        )
        report = _run(file, mapping, request, console)
    except (BadArtifact, BadAssumption, BadFile, BadMapping, BadPack, BadTime, NoTestPart, NothingToMeasure) as error:
        typer.echo(f"penstock: {error}", err=True)
        raise typer.Exit(2) from error
    if html is not None:
        html.write_text(render_page(report), "utf-8")
    if as_json:
        typer.echo(json.dumps(report, allow_nan=False))
    else:
        show_report(report, console)
    if html is not None:
        console.print(f"written to {html}", style="bold", soft_wrap=True)


def _check(model: str, against: str, until: str, test_share: float | None, html: Path | None) -> None:
    if against and not model:
        raise typer.BadParameter("compares with --model; give that too", param_hint="--against")
    if until and test_share is not None:
        raise typer.BadParameter("says the same as --until; keep one", param_hint="--test-share")
    if html is not None and not html.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {html.parent}; make it first", param_hint="--html")


def _model_folder(model: str) -> Path | None:
    """A folder as given, or of that name among the models of this home."""
    from penstock.app import wiring

    if not model:
        return None
    folder = Path(model)
    own = wiring.load().home / "models" / model
    return own if not folder.exists() and own.exists() else folder


def _assumptions(effectiveness: list[str], assume: list[str]) -> Assumptions:
    from penstock.improve.backtest.assumptions import BadAssumption, read_assumptions

    words: dict[str, str] = {}
    shares: dict[str, float] = {}
    for text in assume:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadAssumption(f"--assume {text}: write NAME=VALUE")
        words[name] = value
    for text in effectiveness:
        name, equals, value = text.rpartition("=")
        try:
            shares[name] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise BadAssumption(f"--effectiveness {text}: write TYPE=SHARE, such as scam=0.2")
    return read_assumptions(words, shares)


def _run(file: Path, mapping_file: Path, request: Request, console: Console) -> dict[str, Any]:
    import time

    from penstock.app.progress import progress_bars
    from penstock.improve.backtest.running import run_backtest
    from penstock.improve.history.mapping import load_mapping
    from penstock.improve.history.reading import read_history

    mapping = load_mapping(mapping_file)
    with progress_bars(console) as report:
        begun = time.perf_counter()
        history = read_history(file, mapping)
        seconds = time.perf_counter() - begun
        found = run_backtest(history, mapping, request, time.perf_counter, report)
    found["file"], found["mapping"] = file.name, mapping_file.name
    found["seconds"]["reading"] = seconds
    return found
