"""The ordinary routes: a Litestar application with reading routes, status, health, metrics and documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog
from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.params import SkipValidation

from penstock import __version__
from penstock.app.edge import metrics, openapi, reference
from penstock.app.edge.database import Database
from penstock.app.edge.lane_link import LaneLink
from penstock.app.edge.watch import Watch
from penstock.contracts.office import Office
from penstock.contracts.principal import Principal, Scope
from penstock.contracts.reading import Reading
from penstock.contracts.reasons_doc import ReasonView, reason_views
from penstock.kit.http.problem import MEDIA_TYPE, FieldError, Problem
from penstock.office.approvals.routes import ROUTES as APPROVALS
from penstock.prepare.customers.routes import read_customer
from penstock.prepare.models.routes import ROUTES as MODELS
from penstock.process.rails.reconcile.routes import ROUTES as RECONCILE
from penstock.review.events.feed import Feed
from penstock.review.events.routes import event_types, read_events
from penstock.review.explanation.actions import Explainer
from penstock.review.explanation.routes import read_explanation
from penstock.review.history.routes import read_account, read_entries, read_payment
from penstock.review.recovery.routes import ROUTES as RECOVERIES
from penstock.review.reviews.routes import ROUTES as REVIEWS
from penstock.review.status.actions import OfficeState, read_office
from penstock.review.status.routes import read_approval_rules
from penstock.review.status.views import StatusView, status_view
from penstock.review.webhooks.actions import Secrets
from penstock.review.webhooks.routes import ROUTES as WEBHOOKS

log = structlog.get_logger()

_PUBLIC: Final[list[dict[str, list[str]]]] = [{}]


@dataclass(frozen=True)
class Inside:
    """What the edge's own routes look at."""

    lane: LaneLink
    database: Database
    watch: Watch
    metrics: metrics.EdgeMetrics


Own = NamedDependency[SkipValidation[Inside]]
Caller = NamedDependency[SkipValidation[Principal]]


class Health(msgspec.Struct, frozen=True):
    """Whether something is well."""

    ok: bool
    lane: bool | None = None
    database: bool | None = None


@get("/health/live", summary="Is the process alive", security=_PUBLIC)
async def live() -> Health:
    """Alive as long as it answers."""
    return Health(ok=True)


@get("/health/ready", summary="Can requests be served", security=_PUBLIC)
async def ready(inside: Own) -> Response[Health]:
    """Ready when the lane is connected and the database answers; otherwise 503."""
    lane = inside.lane.connected and inside.watch.ready
    database = await inside.database.answers()
    ok = lane and database
    return Response(Health(ok, lane, database), status_code=200 if ok else 503)


@get("/v1/reasons", summary="All reason codes", tags=["process"], security=_PUBLIC, sync_to_thread=False)
def reasons() -> list[ReasonView]:
    """The closed table of reasons, in Chinese and English, with what to do next."""
    return reason_views()


@get("/v1/status", summary="The lane's status", tags=["review"])
async def status(principal: Caller, inside: Own) -> StatusView:
    """Position, rates, capacity, money held and cleared; how far the back office has come. Scope: operate."""
    principal.require(Scope.OPERATE)
    return status_view(await inside.watch.ask(), inside.watch.rows_per_second, await _office_state(inside))


@get("/metrics", summary="Figures for Prometheus", media_type=MediaType.TEXT)
async def prometheus(principal: Caller, inside: Own) -> Response[bytes]:
    """The edge's, the lane's and the back office's figures. Scope: operate."""
    principal.require(Scope.OPERATE)
    inside.metrics.office.state = await _office_state(inside)
    try:
        inside.metrics.lane.status = await inside.watch.ask()
    except Problem:
        inside.metrics.lane.status = None  # a lane that is away has no figures, rather than old ones
    return Response(inside.metrics.text(), media_type=metrics.MEDIA_TYPE)


async def _office_state(inside: Inside) -> OfficeState | None:
    """How the back office is; None while the database is away, which has been logged."""
    try:
        async with inside.database.connection() as connection:
            return await read_office(connection, inside.watch.lane_number)
    except Problem:
        return None


_DESCRIBED: Final[list[Any]] = [
    read_payment, read_account, read_entries, read_explanation, read_customer, read_approval_rules, reasons, status, live, ready,
    prometheus,
    *APPROVALS, *RECONCILE, *REVIEWS, *RECOVERIES, event_types, read_events, *WEBHOOKS,
]  # fmt: skip


def make_app(reading: Reading, inside: Inside, office: Office, feed: Feed, secrets: Secrets) -> Litestar:
    """The application; the caller's principal is expected in ``scope["state"]["principal"]``."""
    document, explainer = make_document(), Explainer()
    json_text, html = msgspec.json.encode(document), reference.page(document)

    @get("/openapi.json", include_in_schema=False, sync_to_thread=False)
    def openapi_json() -> Response[bytes]:
        return Response(json_text, media_type="application/vnd.oai.openapi+json")

    @get("/docs", include_in_schema=False, sync_to_thread=False)
    def docs() -> Response[str]:
        headers = {"content-security-policy": reference.CONTENT_POLICY}
        return Response(html, media_type=MediaType.HTML, headers=headers)

    models = Router("/", route_handlers=list(MODELS), request_max_body_size=office.settings.model_bytes_max)
    return Litestar(
        [*_DESCRIBED, openapi_json, docs, models],
        dependencies={
            "reading": Provide(lambda: reading, sync_to_thread=False),
            "inside": Provide(lambda: inside, sync_to_thread=False),
            "office": Provide(lambda: office, sync_to_thread=False),
            "feed": Provide(lambda: feed, sync_to_thread=False),
            "secrets": Provide(lambda: secrets, sync_to_thread=False),
            "explainer": Provide(lambda: explainer, sync_to_thread=False),
            "principal": Provide(_principal, sync_to_thread=False),
        },
        exception_handlers={Problem: _problem, HTTPException: _http_problem, Exception: _bug},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=office.settings.body_bytes,
    )


def make_document() -> openapi.Document:
    """The OpenAPI document; Litestar's part is made of an application that serves nobody."""
    config = OpenAPIConfig(title=openapi.TITLE, version=__version__, use_handler_docstrings=True)
    given = ("reading", "inside", "office", "feed", "secrets", "explainer", "principal")
    silent = {name: Provide(_nobody(name), sync_to_thread=False) for name in given}
    app = Litestar([*_DESCRIBED, *MODELS], dependencies=dict(silent), openapi_config=config, logging_config=None)
    return openapi.document(app.openapi_schema.to_schema(), __version__)


def _nobody(name: str) -> Callable[[], Any]:
    def provide() -> Any:
        raise AssertionError(f"this application only describes itself; it has no {name}")

    return provide


def _principal(request: Request[Any, Any, Any]) -> Principal:
    principal: Principal = request.scope["state"]["principal"]
    return principal


def _problem(_: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    return Response(problem.body(), media_type=MEDIA_TYPE, status_code=problem.status, headers=problem.headers)


def _http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses: unknown paths, wrong methods, parameters that are not of their type."""
    if error.status_code >= 500:
        return _bug(request, error)
    if error.status_code == 404:
        problem = Problem(404, "no_route", "There is nothing at this path", "The routes are listed at /docs.")
    elif error.status_code == 405:
        problem = Problem(405, "wrong_method", "This path has no such method", "The routes are listed at /docs.")
    elif error.status_code == 413:
        problem = Problem(413, "body_too_large", "The body is too large", "Nothing was done; send less at once.")
    else:
        errors = [
            FieldError(
                str(item.get("key", "request")), str(item.get("message", "cannot be used")), "see /docs for its type"
            )
            for item in (error.extra if isinstance(error.extra, list) else [])
        ]
        problem = Problem(422, "invalid_fields", "The request cannot be used", "Nothing was done; see errors.", errors)
    return _problem(request, problem)


def _bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("request_failed", route=request.scope.get("path_template"), exc_info=error)
    return _problem(request, internal_problem())


def internal_problem() -> Problem:
    """500 of our own making: the caller learns nothing of it but that it happened."""
    detail = "This is our mistake and has been logged. Retry with the same id."
    return Problem(500, "internal", "Something went wrong inside", detail)
