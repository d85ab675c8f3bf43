"""The deliverer: claims what is due, sends it, notes what became of it; endpoints take turns, so a dead one stops no other.

Killed at any moment it loses nothing: its claims end by themselves, and what was sent without being noted is
sent again under the same id.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import httpcore
import structlog
from psycopg import AsyncConnection

from penstock.contracts import ids as public
from penstock.contracts.ids import PublicIds
from penstock.kit.seal import BrokenSeal, Sealer
from penstock.kit.settings import Settings
from penstock.review.events import store as event_store
from penstock.review.webhooks import queue, rules
from penstock.review.webhooks.network import make_pool, trust
from penstock.review.webhooks.payload import body_of
from penstock.review.webhooks.queue import Claim, Connection
from penstock.review.webhooks.sending import Result, send

log = structlog.get_logger()

#: A claim outlasts its request by so much, for the result to be noted.
_MARGIN_S: Final = 10.0
_LOOK_S: Final = 0.2
#: Forgotten in one step of the upkeep.
_CLEAR_ROWS: Final = 5_000
_GONE: Final = 410


class Ready(NamedTuple):
    """A claimed delivery with all that a request needs."""

    claim: Claim
    headers: dict[str, str]
    body: str


class Deliverer:
    """Sends deliveries while there are any; the time and randomness are given."""

    def __init__(
        self,
        settings: Settings,
        ids: PublicIds,
        sealer: Sealer,
        connection: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]],
        now: Callable[[], datetime],
        random: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._ids = ids
        self._sealer = sealer
        self._connection = connection
        self._now = now
        self._random = random
        self._context = trust(settings.webhook_ca_file)
        self._last_turn = 0

    async def deliver(self) -> bool:
        """Send until nothing is due and nothing is under way; cancelled, it leaves its claims to end by themselves."""
        flying: dict[asyncio.Task[Result], Claim] = {}
        private = bool(self._settings.webhook_private_addresses)
        async with make_pool(self._context, self._settings.webhook_concurrency, private_allowed=private) as pool:
            try:
                while await self._launch(pool, flying):
                    done, _ = await asyncio.wait(flying, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        await self._note(flying.pop(task), task.result())
            finally:
                for task in flying:
                    task.cancel()
                await asyncio.gather(*flying, return_exceptions=True)
        return False

    async def upkeep(self) -> bool:
        """Disable endpoints for which too much waits, and forget what is old; true when there is more to forget."""
        settings, now = self._settings, self._now()
        async with self._connection() as connection:
            for webhook in await queue.full(connection, settings.webhook_backlog):
                async with connection.transaction():
                    if await queue.disable(connection, webhook, "backlog"):
                        log.warning("webhook_disabled", webhook=webhook, why="backlog")
                    await queue.give_up_all(connection, webhook, "too much was waiting for this endpoint")
            await queue.end_secrets(connection, now)
            before = now - timedelta(days=settings.webhook_kept_days)
            return await queue.clear(connection, before, _CLEAR_ROWS) == _CLEAR_ROWS

    # --- the parts

    async def _launch(self, pool: httpcore.AsyncConnectionPool, flying: dict[asyncio.Task[Result], Claim]) -> bool:
        """Start what is due, as far as there is room; whether anything is under way then."""
        free = self._settings.webhook_concurrency - len(flying)
        if free > 0:
            for ready in await self._claim(free, Counter(claim.webhook for claim in flying.values())):
                work = send(pool, ready.claim.url, ready.headers, ready.body, self._settings.webhook_timeout_s)
                flying[asyncio.create_task(work)] = ready.claim
        return bool(flying)

    async def _claim(self, free: int, flying: Counter[int]) -> list[Ready]:
        """Claim and prepare up to ``free`` deliveries."""
        now = self._now()
        until = now + timedelta(seconds=self._settings.webhook_timeout_s + _MARGIN_S)
        async with self._connection() as connection:
            ready = rules.in_turn(await queue.ready(connection, now), self._last_turn)
            counts = rules.shares(free, ready, flying, self._settings.webhook_share)
            if not counts:
                return []
            self._last_turn = list(counts)[-1]
            claims = await queue.claim(connection, counts, now, until)
            return await self._prepare(connection, claims, now)

    async def _prepare(self, connection: Connection, claims: Sequence[Claim], now: datetime) -> list[Ready]:
        """Bodies from the journal, signatures from the secrets."""
        sealed = await queue.secrets(connection, [claim.webhook for claim in claims], now)
        opened = {webhook: self._open(webhook, secrets) for webhook, secrets in sealed.items()}
        rows = {
            lane: await event_store.rows_at(connection, lane, [claim.seq for claim in claims if claim.lane == lane])
            for lane in {claim.lane for claim in claims if claim.seq > 0}
        }
        made = []
        for claim in claims:
            body = body_of(claim, rows[claim.lane][claim.seq] if claim.seq > 0 else None, self._ids)
            name = self._ids.encode(public.Kind.WEBHOOK, claim.webhook)
            message = rules.message_id(name, claim.lane, claim.seq)
            signing = opened[claim.webhook]
            headers = rules.sign(signing, message, now, body) if signing else {}
            made.append(Ready(claim, headers, body))
        return made

    def _open(self, webhook: int, sealed: Sequence[bytes]) -> list[str]:
        """The secrets of an endpoint; none when they do not open: the others go on."""
        try:
            return [self._sealer.open(secret, owner_of(webhook)).decode() for secret in sealed]
        except BrokenSeal:
            log.exception("webhook_secret_broken", webhook=webhook)
            return []

    async def _note(self, claim: Claim, result: Result) -> None:
        async with self._connection() as connection, connection.transaction():
            if not result.error and result.status is not None:
                await queue.delivered(connection, claim, result.status, self._now())
            else:
                await self._note_failure(connection, claim, result)

    async def _note_failure(self, connection: Connection, claim: Claim, result: Result) -> None:
        settings, now = self._settings, self._now()
        tries = claim.attempts - claim.begun_with
        pause_s = rules.retry_pause_s(
            tries, settings.webhook_first_retry_s, settings.webhook_longest_pause_s, self._random()
        )
        pause_s = max(pause_s, min(result.retry_after_s, settings.webhook_longest_pause_s))
        due_at = now + timedelta(seconds=pause_s)
        over = rules.given_up(claim.begun_at, due_at, settings.webhook_give_up_s)
        failures, since = await queue.failed(
            connection, claim, result.status, result.error, None if over else due_at, now
        )
        log.info("webhook_failed", webhook=claim.webhook, seq=claim.seq, attempts=claim.attempts, status=result.status)
        await self._judge(connection, claim.webhook, failures, since, now, gone=result.status == _GONE)

    async def _judge(
        self, connection: Connection, webhook: int, failures: int, since: datetime, now: datetime, *, gone: bool
    ) -> None:
        """Let an endpoint that fails rest, or disable it."""
        rest_s = rules.rest_s(failures)
        if rest_s:
            await queue.rest(connection, webhook, now + timedelta(seconds=rest_s))
        why = "gone" if gone else "failing" if now - since > timedelta(seconds=self._settings.webhook_give_up_s) else ""
        if why and await queue.disable(connection, webhook, why):
            log.warning("webhook_disabled", webhook=webhook, why=why)


def owner_of(webhook: int) -> str:
    """To whom an endpoint's secrets are bound when they are sealed."""
    return f"webhook:{webhook}"
