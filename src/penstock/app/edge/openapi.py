"""The OpenAPI 3.1 document: Litestar's for the reading routes, and the hot routes beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from penstock.contracts.principal import Scope
from penstock.kit.http.problem import ProblemBody
from penstock.office.approvals.views import RequestView
from penstock.process.commands import bodies, control_bodies
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
    #: Whether others may have to approve it; then the answer is 202 and the request for approval.
    dangerous: bool = False


_PAYMENTS: Final = "/v1/payments/{payment}"
_ACCOUNTS: Final = "/v1/accounts/{account}"
_CUSTOMERS: Final = "/v1/customers/{customer}"
_GIVERS: Final = f"{Scope.PAYMENTS_WRITE} or {Scope.CONTROL}"
_LABELLERS: Final = f"{Scope.LABELS_WRITE}, or {Scope.REVIEW} for anybody's"
_MODELLERS: Final = f"{Scope.MODELS_WRITE} or {Scope.CONTROL}"
_KEEPERS: Final = f"{Scope.CONTROL}, or {Scope.CUSTOMERS_WRITE} for one's own"

HOT_ROUTES: Final = (
    HotRoute("/v1/customers", "Open a customer", bodies.OpenCustomer, Scope.CUSTOMERS_WRITE, "prepare"),
    HotRoute("/v1/accounts", "Open an account", bodies.OpenAccount, Scope.CUSTOMERS_WRITE, "prepare"),
    HotRoute("/v1/deposits", "Deposit", bodies.Deposit, Scope.LEDGER_WRITE, "process"),
    HotRoute("/v1/withdrawals", "Withdraw", bodies.Withdraw, Scope.LEDGER_WRITE, "process"),
    HotRoute("/v1/payments", "Pay", bodies.Pay, Scope.PAYMENTS_WRITE, "process"),
    HotRoute(f"{_PAYMENTS}/clear", "Clear a held payment", bodies.Clear, Scope.PAYMENTS_WRITE, "process"),
    HotRoute(f"{_PAYMENTS}/release", "Release a held payment", bodies.Release, Scope.PAYMENTS_WRITE, "process"),
    HotRoute(f"{_PAYMENTS}/cancel", "Cancel a held payment", bodies.Cancel, Scope.PAYMENTS_WRITE, "process"),
    HotRoute(f"{_PAYMENTS}/refund", "Refund a cleared payment", bodies.Refund, _GIVERS, "process"),
    HotRoute(f"{_PAYMENTS}/return", "Return a cleared payment", bodies.Return, _GIVERS, "process"),
    HotRoute(f"{_PAYMENTS}/chargeback", "Charge a payment back", bodies.Chargeback, Scope.CONTROL, "process"),
    HotRoute(f"{_PAYMENTS}/label", "Label a payment", bodies.Label, _LABELLERS, "review"),
    HotRoute("/v1/batch", "Send many commands", list[bodies.Item], "those of its commands", "process"),
    HotRoute(f"{_PAYMENTS}/review-decision", "Decide a review", control_bodies.Decide, Scope.REVIEW, "office", True),
    HotRoute(f"{_PAYMENTS}/recover", "Correct a payment", control_bodies.Recover, Scope.CONTROL, "office", True),
    HotRoute("/v1/suspense/move", "Move money from suspense", control_bodies.MoveSuspense, Scope.CONTROL, "office", True),
    HotRoute(f"{_ACCOUNTS}/freeze", "Freeze an account", control_bodies.Freeze, _KEEPERS, "office"),
    HotRoute(f"{_ACCOUNTS}/unfreeze", "Unfreeze an account", control_bodies.Unfreeze, Scope.CONTROL, "office", True),
    HotRoute(f"{_ACCOUNTS}/close", "Close an account", control_bodies.Close, _KEEPERS, "office"),
    HotRoute(f"{_CUSTOMERS}/tier", "Change a customer's tier", control_bodies.SetTier, Scope.CONTROL, "office", True),
    HotRoute(f"{_CUSTOMERS}/limits", "Set a customer's own limit", control_bodies.SetLimit, Scope.CONTROL, "office", True),
    HotRoute("/v1/models/{model}/publication", "Put a model in force", control_bodies.PublishModel, _MODELLERS, "prepare", True),
    HotRoute("/v1/models/withdrawal", "Withdraw the model in force", control_bodies.WithdrawModel, _MODELLERS, "prepare", True),
    HotRoute("/v1/approval-rules", "Set how many must approve", control_bodies.SetApprovals, Scope.CONTROL, "office", True),
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
#: Those of the batch alone, or in other words there.
BATCH_PROBLEMS: Final = {
    "400": "The body is neither JSON nor a whole Arrow stream.",
    "406": "Outcomes were asked for in columns, and the batch holds other commands than payments.",
    "415": "Neither JSON nor an Arrow stream.",
}
_BATCH: Final = "/v1/batch"
#: A binary form, described in words: JSON Schema has none for it.
_COLUMNS: Final[Document] = {"application/vnd.apache.arrow.stream": {"schema": {
    "type": "string", "contentMediaType": "application/vnd.apache.arrow.stream",
    "description": "An Arrow IPC stream: payments, one a row, in the columns that docs/api.md names; or their outcomes.",
}}}  # fmt: skip
#: Statuses that an outcome may have as well, as the reasons' table says.
_DECIDED: Final = ("404", "409", "422", "503")
_KEY: Final[Document] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {
        "type": "string",
        "maxLength": 257,
        "description": "Instead of the body's `id`: the caller's own text for this request, in quotation marks.",
    },
}
_READ_PROBLEMS: Final = ("401", "403", "404", "422", "429", "503")
_ACT_PROBLEMS: Final = ("400", "401", "403", "404", "409", "413", "422", "429", "503")


def document(reading: Document, version: str) -> Document:
    """The whole document.

    :param reading: Litestar's document of the ordinary routes.
    """
    answers = [Outcome, Refusal, RequestView, ProblemBody]
    types = [route.body for route in HOT_ROUTES] + answers
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    body_schemas, (outcome, refusal, asked, problem) = schemas[: len(HOT_ROUTES)], schemas[len(HOT_ROUTES) :]
    batch = {"type": "array", "items": {"anyOf": [outcome, refusal]}}
    paths = {path: _reading_path(item, problem) for path, item in reading["paths"].items()}
    for route, schema in zip(HOT_ROUTES, body_schemas, strict=True):
        answer = batch if route.path == _BATCH else outcome
        paths.setdefault(route.path, {})["post"] = operation = _operation(route, schema, answer, problem)
        if route.path == _BATCH:
            operation["requestBody"]["content"].update(_COLUMNS)
            operation["responses"]["200"]["content"].update(_COLUMNS)
            operation["responses"].update(_problems(problem, BATCH_PROBLEMS))
        if route.dangerous:
            content = {"application/json": {"schema": asked}}
            operation["responses"]["200"] = {"description": "Asked for before, and it has ended.", "content": content}
            operation["responses"]["202"] = {"description": "Others must approve it first.", "content": content}
    known = {**reading.get("components", {}).get("schemas", {}), **components}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version, "description": DESCRIPTION, "license": {"name": "Apache-2.0"}},
        "tags": [
            {"name": "prepare", "description": "Before a payment: customers, accounts, limits."},
            {"name": "process", "description": "During a payment: money moves."},
            {"name": "review", "description": "Afterwards: payments, histories, status."},
            {"name": "office", "description": "The back office: people who review, freeze, set limits, correct and approve."},
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
        "operationId": _identity(route.path),
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": _all_answers(route, answer, problem),
    }
    if parameters := _parameters(route.path):
        operation["parameters"] = parameters
    return operation


#: What a path may name, and the form of it.
_NAMES: Final = {
    "payment": "`pay_` and 13 characters", "account": "`acc_` and 13 characters", "customer": "`cus_` and 13 characters",
    "model": "the SHA-256 of its ONNX file in 64 hexadecimal digits",
}  # fmt: skip


def _parameters(path: str) -> list[Document]:
    found: list[Document] = [] if path == _BATCH else [_KEY]
    for name, form in _NAMES.items():
        if f"{{{name}}}" in path:
            schema = {"type": "string", "description": f"The {name}'s id, {form}."}
            found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _identity(path: str) -> str:
    """A route's name among all: payments_clear."""
    parts = [part for part in path.removeprefix("/v1/").split("/") if not part.startswith("{")]
    return "_".join(parts).replace("-", "_")


def _doc(route: HotRoute) -> str:
    if route.path == _BATCH:
        return (
            "Carried out in order, each with its own outcome and `status`; a malformed one means that none is. Payments may "
            "come in columns, as an Arrow stream, and their outcomes go so where `Accept` names that type."
        )
    return str(route.body.__doc__).strip()


def _all_answers(route: HotRoute, answer: Document, problem: Document) -> Document:
    """Outcomes and problems by status; some statuses have both, told apart by their media type."""
    found = _answers(route, answer)
    for status, described in _problems(problem, PROBLEMS).items():
        content = described["content"]
        if status in _DECIDED and "201" in found:
            content = {"application/json": {"schema": answer}, **content}
        found[status] = {**described, "content": {**found.get(status, {}).get("content", {}), **content}}
    return found


def _answers(route: HotRoute, answer: Document) -> Document:
    content = {"application/json": {"schema": answer}}
    if route.path == _BATCH:
        return {"200": {"description": "One outcome per command, in order.", "content": content}}
    return {
        "201": {"description": "It took effect.", "content": content},
        "402": {"description": "Declined: limits or funds; see `reason`.", "content": content},
    }


def _problems(problem: Document, described: Mapping[str, str]) -> Document:
    content = {"application/problem+json": {"schema": problem}}
    return {status: {"description": words, "content": content} for status, words in described.items()}


def _reading_path(item: Document, problem: Document) -> Document:
    """Litestar's description of a route, with our problems instead of its own."""
    described = {}
    for method, operation in item.items():
        answers = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        public = operation.get("security") == [{}]
        statuses = _READ_PROBLEMS if method == "get" else _ACT_PROBLEMS
        responses = answers if public else answers | _problems(problem, {status: PROBLEMS[status] for status in statuses})
        described[method] = {**operation, "responses": responses}
    return described
