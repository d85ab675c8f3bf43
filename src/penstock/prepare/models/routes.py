"""Routes of models: translate only. Publication and withdrawal are commands, see ``process/commands``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation

from penstock.contracts.office import MODEL_IN_FORCE, Office
from penstock.contracts.principal import Principal
from penstock.contracts.reading import Reading
from penstock.kit.http.problem import not_found, wrong_field
from penstock.office.approvals.actions import pending_views
from penstock.prepare.models import access, actions, rules, store
from penstock.prepare.models.store import Connection
from penstock.prepare.models.views import ModelDetail, ModelPage, model_view

Desk = NamedDependency[SkipValidation[Office]]
Caller = NamedDependency[SkipValidation[Principal]]
Given = NamedDependency[SkipValidation[Reading]]
Incoming = Request[Any, Any, Any]

_USUAL_PAGE: Final = 50


@post("/v1/models", status_code=201, summary="Upload a model", tags=["prepare"])
async def upload_model(request: Incoming, principal: Caller, reading: Given, office: Desk) -> Response[ModelDetail]:
    """Store a model that may be put in force later: 201, or 200 when it is stored already.

    Body: `onnx` and `native` (the files `model.onnx` and `model.txt` of a model folder, in base64), `card` (the JSON of
    `card.json`); at most `model_bytes_max` in all. Scope: models:write.
    """
    access.may_upload(principal)
    uploaded = await actions.upload(office, await request.body(), reading.policy().label_maturity_s, principal)
    async with office.connection() as connection:
        view = await _detail(connection, uploaded.sha256, principal, reading, office)
    return Response(view, status_code=201 if uploaded.new else 200)


@get("/v1/models", summary="List models", tags=["prepare"])
async def list_models(
    principal: Caller,
    reading: Given,
    office: Desk,
    cursor: Annotated[str, QueryParameter(description="`next_cursor` of the page before")] = "",
    limit: Annotated[int, QueryParameter(description="models on the page")] = _USUAL_PAGE,
) -> ModelPage:
    """Stored models, newest first; which one is in force, since when, and who asked for it and approved it.

    Scope: models:write, approve, control or operate.
    """
    access.may_look(principal)
    if not 1 <= limit <= reading.page_entries:
        raise wrong_field("limit", f"{limit} models", f"use 1 to {reading.page_entries}")
    after = rules.parse_sha256(cursor) if cursor else None
    async with office.connection() as connection:
        in_force, as_of_seq = await actions.in_force(connection, reading, principal)
        found = await store.page(connection, after, limit)
        pending = await pending_views(connection, "model", MODEL_IN_FORCE, office.ids)
    following = found[-1].sha256.hex() if len(found) == limit else None
    return ModelPage(in_force, pending, [model_view(listed, in_force) for listed in found], following, as_of_seq)


@get("/v1/models/{model:str}", summary="Read a model", tags=["prepare"])
async def read_model(model: FromPath[str], principal: Caller, reading: Given, office: Desk) -> ModelDetail:
    """A model with its card: what it was made from, what it is worth, and what it must not be used for.

    Scope: models:write, approve, control or operate.
    """
    access.may_look(principal)
    sha256 = rules.parse_sha256(model)
    async with office.connection() as connection:
        return await _detail(connection, sha256, principal, reading, office)


#: Everything here, for the application: its bodies have a bound of their own, `model_bytes_max`.
ROUTES: Final = (upload_model, list_models, read_model)


async def _detail(
    connection: Connection, sha256: bytes, principal: Principal, reading: Reading, office: Office
) -> ModelDetail:
    listed = await store.one(connection, sha256)
    if listed is None:
        raise not_found("model")
    in_force, as_of_seq = await actions.in_force(connection, reading, principal)
    card = msgspec.json.decode(await store.card(connection, sha256))
    pending = await pending_views(connection, "model", sha256.hex(), office.ids)
    return ModelDetail(model_view(listed, in_force), card, in_force, pending, as_of_seq)
