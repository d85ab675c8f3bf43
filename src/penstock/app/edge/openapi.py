"""The OpenAPI 3.1 document: Litestar's for the reading routes, and the hot routes beside them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from penstock.contracts.principal import Scope
from penstock.kit.http.problem import ProblemBody
from penstock.process.commands import bodies
from penstock.process.commands.outcome import Outcome, Refusal

Document = dict[str, Any]

TITLE: Final = "Penstock"
DESCRIPTION: Final = (
    "Electronic payment control. Every command carries a UUIDv7 made by the caller as `id`: the same id with the same "
    "content gives the same outcome, marked `replayed`; so a request without a certain answer is sent again unchanged. "
    "Amounts are whole numbers of minor units. A decided command is answered with an outcome, also when it was declined; "
    "what is malformed or forbidden with `application/problem+json`, and then nothing was done."
)


class HotRoute(NamedTuple):
    """What the document says of one hot route."""

    path: str
    summary: str
    body: Any
    scope: str
    tag: str


HOT_ROUTES: Final = (
    HotRoute("/v1/customers", "Open a customer", bodies.OpenCustomer, Scope.CUSTOMERS_WRITE, "prepare"),
    HotRoute("/v1/accounts", "Open an account", bodies.OpenAccount, Scope.CUSTOMERS_WRITE, "prepare"),
    HotRoute("/v1/deposits", "Deposit", bodies.Deposit, Scope.LEDGER_WRITE, "process"),
    HotRoute("/v1/withdrawals", "Withdraw", bodies.Withdraw, Scope.LEDGER_WRITE, "process"),
    HotRoute("/v1/payments", "Pay", bodies.Pay, Scope.PAYMENTS_WRITE, "process"),
    HotRoute("/v1/payments/{payment}/clear", "Clear a held payment", bodies.Clear, Scope.PAYMENTS_WRITE, "process"),
    HotRoute(
        "/v1/payments/{payment}/release", "Release a held payment", bodies.Release, Scope.PAYMENTS_WRITE, "process"
    ),
    HotRoute("/v1/payments/{payment}/cancel", "Cancel a held payment", bodies.Cancel, Scope.PAYMENTS_WRITE, "process"),
    HotRoute("/v1/batch", "Send many commands", list[bodies.Item], "those of its commands", "process"),
)
#: Problems by status. The kinds of each are in its problem's `type`.
PROBLEMS: Final = {
    "400": "The body is not JSON.",
    "401": "No good key.",
    "403": "The key lacks a scope.",
    "404": "Not there, or not yours.",
    "409": "Declined: the payment's state does not allow it; or the id belongs to another content.",
    "413": "Too large.",
    "422": "Fields cannot be used, see `errors`; or the id lies outside its time.",
    "429": "Too fast, or the lane is busy. Nothing was done; see `Retry-After`.",
    "503": "The outcome is unknown, or nothing was sent; see `type` and `Retry-After`. Retry with the same id.",
}
#: Statuses that an outcome may have as well, as the reasons' table says.
_DECIDED: Final = ("404", "409", "422", "503")
_READ_PROBLEMS: Final = ("401", "403", "404", "422", "429", "503")


def document(reading: Document, version: str) -> Document:
    """The whole document.

    :param reading: Litestar's document of the ordinary routes.
    """
    answers = [Outcome, Refusal, ProblemBody]
    types = [route.body for route in HOT_ROUTES] + answers
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    body_schemas, (outcome, refusal, problem) = schemas[: len(HOT_ROUTES)], schemas[len(HOT_ROUTES) :]
    batch = {"type": "array", "items": {"anyOf": [outcome, refusal]}}
    paths = {path: _reading_path(item, problem) for path, item in reading["paths"].items()}
    for route, schema in zip(HOT_ROUTES, body_schemas, strict=True):
        answer = batch if route.path == "/v1/batch" else outcome
        paths.setdefault(route.path, {})["post"] = _operation(route, schema, answer, problem)
    known = {**reading.get("components", {}).get("schemas", {}), **components}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version, "description": DESCRIPTION, "license": {"name": "Apache-2.0"}},
        "tags": [
            {"name": "prepare", "description": "Before a payment: customers, accounts, limits."},
            {"name": "process", "description": "During a payment: money moves."},
            {"name": "review", "description": "Afterwards: payments, histories, status."},
        ],
        "security": [{"key": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(known.items())),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "psk_<id>_<secret>"}},
        },
    }


def _operation(route: HotRoute, body: Document, answer: Document, problem: Document) -> Document:
    operation: Document = {
        "summary": route.summary,
        "tags": [route.tag],
        "description": f"{_doc(route)} Scope: {route.scope}.",
        "operationId": route.path.removeprefix("/v1/").replace("/{payment}/", "_").replace("/", "_"),
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": _all_answers(route, answer, problem),
    }
    if "{payment}" in route.path:
        schema = {"type": "string", "description": "A payment's id, `pay_` and 13 characters."}
        operation["parameters"] = [{"name": "payment", "in": "path", "required": True, "schema": schema}]
    return operation


def _doc(route: HotRoute) -> str:
    if route.path == "/v1/batch":
        return "Carried out in order, each with its own outcome and `status`; a malformed one means that none is."
    return str(route.body.__doc__).strip()


def _all_answers(route: HotRoute, answer: Document, problem: Document) -> Document:
    """Outcomes and problems by status; some statuses have both, told apart by their media type."""
    found = _answers(route, answer)
    for status, described in _problems(problem, tuple(PROBLEMS)).items():
        content = described["content"]
        if status in _DECIDED and "201" in found:
            content = {"application/json": {"schema": answer}, **content}
        found[status] = {**described, "content": {**found.get(status, {}).get("content", {}), **content}}
    return found


def _answers(route: HotRoute, answer: Document) -> Document:
    content = {"application/json": {"schema": answer}}
    if route.path == "/v1/batch":
        return {"200": {"description": "One outcome per command, in order.", "content": content}}
    return {
        "201": {"description": "It took effect.", "content": content},
        "402": {"description": "Declined: limits or funds; see `reason`.", "content": content},
    }


def _problems(problem: Document, statuses: tuple[str, ...]) -> Document:
    content = {"application/problem+json": {"schema": problem}}
    return {status: {"description": PROBLEMS[status], "content": content} for status in statuses}


def _reading_path(item: Document, problem: Document) -> Document:
    """Litestar's description of a route, with our problems instead of its own."""
    described = {}
    for method, operation in item.items():
        answers = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        public = operation.get("security") == [{}]
        responses = answers if public else answers | _problems(problem, _READ_PROBLEMS)
        described[method] = {**operation, "responses": responses}
    return described
