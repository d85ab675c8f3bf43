"""The command line. Each module registers its commands and imports what they need when they run."""

from __future__ import annotations

import sys

import typer

from penstock.app.cli import (
    backtesting,
    bank,
    bench,
    demo,
    features,
    importing,
    keys,
    mapping,
    models,
    rules,
    serve,
    training,
    verify,
)


def make_app() -> typer.Typer:
    """Assemble the commands."""
    app = typer.Typer(
        name="penstock",
        help="Penstock: the gate that controls the flow of payments.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # a pretty traceback shows local variables, keys among them
    )
    for module in (serve, demo, importing, mapping, verify, keys, bench, bank, training, features, backtesting, rules, models):
        module.register(app)
    return app


def main() -> None:
    """Run the command line; what an operator can put right is told in a sentence, with status 2."""
    try:
        make_app()()
    except Exception as error:
        if not _is_explained(error):
            raise
        typer.echo(f"penstock: {error}", err=True)
        sys.exit(2)


def _is_explained(error: Exception) -> bool:
    """Whether the error's own sentence says all that an operator needs."""
    from penstock.app.children import GaveUp
    from penstock.app.running import AlreadyRunning
    from penstock.app.supervisor import NotReady, PortTaken
    from penstock.kit.db import UnsafeDatabase
    from penstock.kit.postgres import PostgresProblem
    from penstock.kit.secrets import BadSecret
    from penstock.kit.settings import BadSetting
    from penstock.prepare.credentials.rules import BadKeyRequest

    return isinstance(
        error,
        AlreadyRunning | BadKeyRequest | BadSecret | BadSetting | GaveUp | NotReady | PortTaken | PostgresProblem | UnsafeDatabase,
    )
