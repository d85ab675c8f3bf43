"""``penstock model publish``, ``list``, ``show`` and ``withdraw``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from penstock.improve.learning.artifact import Model
    from penstock.kit.client import Access, Client

models = typer.Typer(help="Models: put one in force, withdraw it, list and read them.", no_args_is_help=True)

Url = Annotated[str, typer.Option(help="Address of the API; empty: the system of PENSTOCK_HOME.")]
Key = Annotated[
    str, typer.Option(envvar="PENSTOCK_KEY", help="Your own API key: what is asked for is asked in your name.")
]
CaFile = Annotated[Path | None, typer.Option(help="CA file of the API, needed with --url.")]
Reason = Annotated[str, typer.Option(help="Why, for those who approve and for the journal.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Answer = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(models, name="model")


@models.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="A model folder, as `penstock train` wrote it.")],
    reason: Reason,
    url: Url = "",
    key: Key = "",
    cacert: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Upload a model if need be, and ask that it be put in force. Scope of the key: models:write."""
    with _api(url, key, cacert) as (api, access):
        loaded = _load(folder)
        stored = _upload(api, loaded)
        model = stored["model"]
        typer.echo(f"Model {model['name']} is stored: {model['model']}{_risk(loaded)}", err=as_json)
        if model["in_force"]:
            asked = stored["in_force"]
        else:
            waits = stored["approvals_pending"]
            asked = waits[0] if waits else _ask(api, f"/v1/models/{model['model']}/publication", reason)
    _tell(asked, access, as_json=as_json)


@models.command()
def withdraw(reason: Reason, url: Url = "", key: Key = "", cacert: CaFile = None, as_json: AsJson = False) -> None:
    """Ask that the model in force be withdrawn: payments are not scored any more. Scope of the key: models:write."""
    with _api(url, key, cacert) as (api, access):
        found = api.get("/v1/models?limit=1")
        if not (found["in_force"] and found["in_force"]["model"]):
            typer.echo("penstock: no model is in force, so there is nothing to withdraw", err=True)
            raise typer.Exit(2)
        waits = found["approvals_pending"]
        asked = waits[0] if waits else _ask(api, "/v1/models/withdrawal", reason)
    _tell(asked, access, as_json=as_json)


@models.command("list")
def list_models(url: Url = "", key: Key = "", cacert: CaFile = None, as_json: AsJson = False) -> None:
    """List the stored models, newest first, and say which one is in force."""
    import json

    from rich.console import Console
    from rich.table import Table

    with _api(url, key, cacert) as (api, _):
        pages = list(_pages(api))
    found = [model for page in pages for model in page["models"]]
    if as_json:
        typer.echo(json.dumps({"in_force": pages[0]["in_force"], "models": found}))
        return
    table = Table("model", "name", "uploaded", "by", "in force")
    for model in found:
        yes = "yes" if model["in_force"] else ""
        table.add_row(model["model"][:16], model["name"], model["uploaded"][:19], model["uploaded_by"], yes)
    Console().print(table)
    typer.echo(_in_force(pages[0]["in_force"]))


@models.command()
def show(
    model: Annotated[str, typer.Argument(help="The model's SHA-256, or the beginning of it.")],
    url: Url = "",
    key: Key = "",
    cacert: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a model's card: what it was made from, what it is worth, and what it must not be used for."""
    import json

    import msgspec
    from rich.console import Console

    from penstock.app.cli.training import show_card
    from penstock.improve.learning.card import Card

    with _api(url, key, cacert) as (api, access):
        found = api.get(f"/v1/models/{_whole(api, model)}")
    if as_json:
        typer.echo(json.dumps(found))
        return
    view = found["model"]
    typer.echo(f"{view['name']}, {view['model']}\nuploaded {view['uploaded'][:19]}Z by {view['uploaded_by']}")
    try:
        show_card(msgspec.convert(found["card"], Card), Console())
    except msgspec.ValidationError:  # written by another version than this command's
        Console().print_json(data=found["card"])
    typer.echo(_in_force(found["in_force"]) if view["in_force"] else "It is not in force.")
    for waits in found["approvals_pending"]:
        typer.echo(_waiting(waits, access))


@contextmanager
def _api(url: str, key: str, cacert: Path | None) -> Iterator[tuple[Client, Access]]:
    """The API, and a sentence instead of a traceback for what an operator can put right."""
    from penstock.app.local import NoSystem
    from penstock.improve.learning.artifact import BadArtifact
    from penstock.kit.client import Client, NoAnswer, Refused

    try:
        access = _access(url, key, cacert)
        with Client(access, timeout_s=60.0) as api:
            yield api, access
    except (BadArtifact, NoAnswer, NoSystem, Refused) as error:
        typer.echo(f"penstock: {error}", err=True)
        raise typer.Exit(2) from error


def _access(url: str, key: str, cacert: Path | None) -> Access:
    """Whom to talk to, in whose name: a person's, because one person asks and another approves."""
    from penstock.app import local, wiring
    from penstock.kit.client import Access

    if not key:
        raise typer.BadParameter(
            "give your own key with --key or PENSTOCK_KEY; "
            "`penstock key create --client NAME --owner YOU --scope models:write` makes one"
        )
    if url:
        if cacert is None or not url.startswith("https://"):
            raise typer.BadParameter("--url needs an https:// address, and --cacert")
        return Access(url.rstrip("/"), cacert, key)
    settings = wiring.load()
    if not local.runs(settings):
        raise local.NoSystem(
            f"no system runs on {settings.home}; start it with `penstock serve`, or give --url and --cacert"
        )
    return Access(wiring.base_url(settings), wiring.certificate(settings).ca, key)


def _load(folder: Path) -> Model:
    from penstock.improve.learning.artifact import load_model

    return load_model(folder)


def _risk(model: Model) -> str:
    """The model's thresholds as lines of a policy, which alone says what a score does."""
    lines = [f"  {each.action} = {each.score}" for each in model.card.thresholds if each.score <= 1]
    if not lines:
        return ""
    intro = "What a score does, the policy in force says. The thresholds of the model's card, as lines of a policy:"
    return "\n".join(("", intro, "", "  [[risk]]", '  type = "any"', *lines, ""))


def _upload(api: Client, model: Model) -> Answer:
    import base64

    import msgspec

    from penstock.kit.client import accepted

    body = {
        "onnx": base64.b64encode(model.onnx).decode(),
        "native": base64.b64encode(model.native.encode()).decode(),
        "card": msgspec.to_builtins(model.card),
    }
    stored: Answer = accepted(api.send("POST", "/v1/models", body)).body
    return stored


def _ask(api: Client, path: str, reason: str) -> Answer:
    """A request for approval, or the outcome where nobody else is needed."""
    from penstock.app.local import new_id
    from penstock.kit.client import decided

    return decided(api.send("POST", path, {"id": new_id(), "reason": reason}))


def _tell(asked: Answer, access: Access, *, as_json: bool) -> None:
    """Say what came of it, and what comes next."""
    import json

    if as_json:
        typer.echo(json.dumps(asked))
    elif "request" in asked:
        typer.echo(_waiting(asked, access))
    elif "since" in asked:
        typer.echo(_in_force(asked))
    elif asked["state"] == "done":
        typer.echo("Done: it counts from the next payment on, and nobody else had to approve it.")
    if asked.get("state") == "declined":
        typer.echo(f"penstock: {asked['message']['en']} {asked['next_step']['en']}", err=True)
        raise typer.Exit(1)


def _waiting(request: Answer, access: Access) -> str:
    """Who must approve a request, and the line with which they do."""
    missing = request["needed"] - request["approved"]
    line = shlex.join(["curl", "-sS", "--cacert", str(access.ca_file), "-X", "POST"])
    path = f"{access.url}/v1/approvals/{request['request']}/approve"
    return (
        f"{request['request']}, asked for by {request['maker']}, waits for {missing} more approval{'s' * (missing != 1)} "
        f"until {request['lapses'][:19]}Z.\n"
        f"Somebody other than {request['maker']}, with a key of their own that has the scope approve, types:\n\n"
        f'  {line} -H "Authorization: Bearer $PENSTOCK_KEY" {shlex.quote(path)}\n'
    )


def _in_force(change: Answer | None) -> str:
    if change is None:
        return "No model has ever been in force."
    by = f"asked for by {change['asked_by']}, approved by {', '.join(change['approved_by']) or 'nobody else'}"
    if change["model"] is None:
        return f"No model is in force since {change['since'][:19]}Z: {by}."
    return f"In force since {change['since'][:19]}Z, as version {change['version']}: {change['name']} {change['model'][:16]}; {by}."


def _pages(api: Client) -> Iterator[Answer]:
    cursor = ""
    while True:
        page = api.get(f"/v1/models?cursor={cursor}" if cursor else "/v1/models")
        yield page
        cursor = page["next_cursor"]
        if not cursor:
            return


def _whole(api: Client, beginning: str) -> str:
    """The whole hash of the only model whose hash begins so."""
    found = [m["model"] for page in _pages(api) for m in page["models"] if m["model"].startswith(beginning.lower())]
    if len(found) != 1:
        many = f"{len(found)} models begin" if found else "no model begins"
        raise typer.BadParameter(f"{many} with {beginning!r}; `penstock model list` shows them")
    return str(found[0])
