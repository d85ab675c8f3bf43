"""``penstock rules``: check a pack of rules, and say what it means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.process.decide.rules.explaining import Explanation
    from penstock.process.decide.rules.pack import Pack

_PACK = Annotated[Path, typer.Argument(help="A pack of rules in TOML; see docs/rules.md.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules = typer.Typer(help="Rules that staff write in SQL.", no_args_is_help=True)
    rules.command("check")(check_pack)
    rules.command("explain")(explain_pack)
    rules.command("columns")(list_columns)
    app.add_typer(rules, name="rules")


def check_pack(
    pack: _PACK,
    before: Annotated[
        Path | None, typer.Option(help="The pack in force: ids must go on meaning what they mean in it.")
    ] = None,
) -> None:
    """Read a pack; say what each rule means and reads. Ends with status 1 when something must be mended."""
    from penstock.process.decide.rules.explaining import explain
    from penstock.process.decide.rules.pack import breaks_history

    loaded = _load(pack)
    problems = [] if before is None else breaks_history(_load(before), loaded)
    if problems:
        _give_up(problems)
    _print_table(explain(loaded))
    typer.echo(f"{loaded.name}: {len(loaded.rules)} rules are right; fingerprint {loaded.fingerprint}")


def explain_pack(
    pack: _PACK, rule: Annotated[str | None, typer.Option(help="Only the rule of this name.")] = None
) -> None:
    """Say in words what each rule of a pack asks for, when, and what every column that it reads means."""
    from penstock.process.decide.rules.explaining import explain

    loaded = _load(pack)
    chosen = [each for each in explain(loaded) if rule in {None, each.rule.name}]
    if not chosen:
        _give_up([f"there is no rule {rule} in {loaded.name}; it has {', '.join(each.name for each in loaded.rules)}"])
    for each in chosen:
        _print_rule(each)
    typer.echo("A rule fires when its condition is true. A condition on what is not known is neither true nor false.")


def list_columns() -> None:
    """List what a rule may read."""
    from penstock.process.decide.rules.explaining import describe_all

    for name, meaning in describe_all():
        typer.echo(f"{name:24} {meaning}")


def _load(path: Path) -> Pack:
    from penstock.process.decide.rules.pack import BadPack, load_pack

    try:
        return load_pack(path)
    except BadPack as bad:
        _give_up(bad.problems)


def _give_up(problems: Sequence[str]) -> NoReturn:
    for problem in problems:
        typer.echo(f"penstock rules: {problem}", err=True)
    raise typer.Exit(1)


def _print_table(explanations: list[Explanation]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "verdict", show_lines=True)
    for heading in ("rule", "meaning", "reads"):
        table.add_column(heading, overflow="fold")
    for rule, _, reads in explanations:
        names = "\n".join(column.name for column in reads) or "nothing"
        table.add_row(str(rule.id), rule.verdict.value, rule.name, f"{rule.en}\n{rule.zh}", names)
    Console(markup=False).print(table)


def _print_rule(explanation: Explanation) -> None:
    from penstock.process.decide.rules.explaining import describe

    rule = explanation.rule
    typer.echo(f"{rule.name} (id {rule.id}): {rule.verdict.value}, {explanation.consequence}")
    typer.echo(f"  {rule.en}\n  {rule.zh}")
    condition = "\n       ".join(line.strip() for line in rule.when.strip().splitlines())
    typer.echo(f"  when {condition}\n  reads")
    for column in explanation.reads:
        typer.echo(f"    {column.name}: {describe(column)}")
    typer.echo("")
