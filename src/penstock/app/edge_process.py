"""The edge process: puts the HTTPS API together and serves it until it is told to stop.

``python -m penstock.app.edge_process``; ``PENSTOCK_EDGE`` is its number, counted from 0 upwards from ``port``.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import structlog
import uvicorn
import uvloop

from penstock.app import wiring
from penstock.app.edge.admission import Admission
from penstock.app.edge.asgi import Door
from penstock.app.edge.auth import Keys
from penstock.app.edge.database import Database
from penstock.app.edge.lane_link import LaneLink
from penstock.app.edge.metrics import EdgeMetrics
from penstock.app.edge.ordinary import Inside, make_app
from penstock.app.edge.prompt import Prompt
from penstock.app.edge.server import make_server, tls_context
from penstock.app.edge.watch import Watch
from penstock.app.ending import end_tasks
from penstock.contracts.ids import PublicIds
from penstock.contracts.marks import Marks
from penstock.contracts.office import Office
from penstock.contracts.reading import Reading
from penstock.kit.http.buckets import TokenBucket
from penstock.kit.seal import Sealer
from penstock.kit.secrets import BadSecret
from penstock.kit.settings import BadSetting, Settings
from penstock.kit.telemetry import set_up_logging
from penstock.process.commands.columns import warm
from penstock.process.commands.routes import hot_routes, prompt_routes
from penstock.process.commands.services import Services
from penstock.process.idempotency.actions import Idempotency
from penstock.review.events.feed import Feed
from penstock.review.webhooks.actions import Secrets

log = structlog.get_logger()

#: Exit status (sysexits.h) of a mistake that a restart does not mend.
EXIT_OPERATOR = 78


class Surroundings(NamedTuple):
    """Where an edge finds the others."""

    dsn: str
    lane_socket: Path
    public_id_key: bytes


def surroundings(settings: Settings) -> Surroundings:
    """Those of this installation."""
    key = wiring.secrets(settings).public_id_key()
    return Surroundings(wiring.dsn(settings, "penstock_edge"), wiring.lane_socket(settings), key)


@asynccontextmanager
async def open_door(
    settings: Settings, number: int, around: Surroundings, stopping: Callable[[], bool] = lambda: False
) -> AsyncIterator[Door]:
    """The application of an edge with everything behind it, connected as far as the others are there.

    :param stopping: whether the server wants to end; requests that wait for events are answered then.
    """
    warm.warm_columns()  # before anybody is served: compiling would hold up all requests
    name = f"penstock-edge-{number}"
    database = Database(around.dsn, name)
    desk = Database(around.dsn, f"{name}-office", writes=True)
    lane = LaneLink(settings, around.lane_socket)
    keys = Keys(around.dsn, f"{name}-keys", settings.key_refresh_s, time.monotonic)
    watch = Watch(lane, database, settings.lane, time.monotonic)
    lane.on_connected = watch.wake
    feed = Feed(database.connection, settings.lane, settings.event_look_s, settings.event_polls, stopping, time.monotonic)
    door = _compose(settings, PublicIds(around.public_id_key), database, desk, lane, keys, watch, feed)
    await database.open()
    await desk.open()
    await keys.refresh()
    jobs = (lane.keep_connected(), lane.keep_time(), keys.keep_fresh(), watch.keep_watching())
    tasks = [asyncio.create_task(job) for job in jobs]
    for task in tasks:
        task.add_done_callback(_end_with_a_bug)
    try:
        yield door
    finally:
        feed.close()
        await end_tasks(tasks)
        lane.close()
        keys.close()
        await database.close()
        await desk.close()


def _compose(
    settings: Settings,
    ids: PublicIds,
    database: Database,
    desk: Database,
    lane: LaneLink,
    keys: Keys,
    watch: Watch,
    feed: Feed,
) -> Door:
    old_ids = TokenBucket(settings.old_ids_per_second, time.monotonic())
    office = Office(lane, ids, settings, desk.connection, _now)
    marks = Marks(wiring.secrets(settings).mark_key())
    services = Services(
        lane, ids, settings, watch.tiers, database.connection, _time_ms, time.monotonic, old_ids, marks, watch.policy, office
    )
    reading = Reading(
        lane, settings.lane, ids, database.connection, watch.policy, settings.page_entries, wiring.clock_us
    )
    metrics = _make_metrics(lane, keys, watch)
    webhook_secrets = Secrets(Sealer(wiring.secrets(settings).webhook_key()), os.urandom)
    metrics.watch("penstock_edge_events_waiting", "Requests that wait for events", lambda: float(feed.waiting))
    ordinary = make_app(reading, Inside(lane, database, watch, metrics), office, feed, webhook_secrets)
    hot = hot_routes(services)
    keyed = Idempotency(settings, hot, desk.connection, _now, time.monotonic, os.urandom)
    admission = Admission(settings, keys, _now, time.monotonic)
    prompt = Prompt(prompt_routes(hot), admission, metrics.requests, settings.body_bytes, time.monotonic)
    return Door(settings, admission, hot, keyed, ordinary, metrics.requests, prompt, time.monotonic)


def _make_metrics(lane: LaneLink, keys: Keys, watch: Watch) -> EdgeMetrics:
    metrics = EdgeMetrics(wiring.clock_us)
    metrics.watch("penstock_edge_lane_connected", "1 when a lane is there", lambda: float(lane.connected))
    metrics.watch("penstock_edge_lane_waiting", "Requests that wait for the lane", lambda: float(lane.waiting))
    metrics.watch("penstock_edge_lane_refused", "Requests refused because the lane was busy", lambda: float(lane.refused))
    metrics.watch(
        "penstock_edge_late_replies", "Replies that nobody waited for any more", lambda: float(lane.late_replies)
    )
    metrics.watch(
        "penstock_edge_unknown_outcomes", "Requests answered outcome_unknown", lambda: float(lane.unknown_outcomes)
    )
    metrics.watch("penstock_edge_keys_age_seconds", "Since the keys were read", lambda: keys.age_s)
    metrics.watch("penstock_lane_rows_per_second", "Journal rows a second", lambda: watch.rows_per_second)
    return metrics


def _end_with_a_bug(task: asyncio.Task[None]) -> None:
    """A background job that fails ends the process: an edge that cannot see must not go on as if it could."""
    if not task.cancelled() and task.exception() is not None:
        log.error("background_job_failed", exc_info=task.exception())
        os._exit(70)


def _time_ms() -> int:
    return wiring.clock_us() // 1000


def _now() -> datetime:
    return datetime.now(UTC)


async def serve(settings: Settings, number: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    files = wiring.certificate(settings)
    context = tls_context(files.certificate, files.key)
    server: uvicorn.Server | None = None

    def stopping() -> bool:
        return server is not None and server.should_exit

    async with open_door(settings, number, surroundings(settings), stopping) as door:
        server = make_server(door, settings, settings.port + number, context, door.prompt)
        gc.freeze()  # what is here now stays: later collections need not look at it
        log.info("serving", url=wiring.base_url(settings, number))
        await server.serve()


def main() -> int:
    """Run the edge of the environment's settings."""
    try:
        settings = wiring.load()
        number = int(os.environ.get("PENSTOCK_EDGE", "0"))
        set_up_logging(settings.log_level, f"edge-{number}")
        uvloop.run(serve(settings, number))
    except (BadSetting, BadSecret) as error:
        sys.stderr.write(f"penstock edge: {error}\n")
        return EXIT_OPERATOR
    return 0


if __name__ == "__main__":
    sys.exit(main())
