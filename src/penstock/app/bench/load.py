"""The load generator, a process of its own: ``python -m penstock.app.bench.load`` with a ``Load`` as JSON on standard input.

Two ways: *open loop*, where requests leave by a schedule whatever the answers do, and latency counts
from the scheduled time; and *bounded*, where a fixed number of requests is always on its way, which
finds the highest rate that is sustained.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import numpy as np
import uvloop

from penstock.app import local
from penstock.app.bench import bodies, columns
from penstock.app.bench.payments import Draw
from penstock.app.bench.tally import LoadResult, Tally
from penstock.app.bench.wire import BROKEN, Wires, access_to, post, post_head

#: Open loop: what would leave while so many payments wait for a connection is not sent but counted, so that memory
#: is bounded.
_MOST_WAITING: Final = 200_000
#: Answers are awaited for so long after the end of the load.
_GRACE_S: Final = 60.0
#: Bounded: pause after an answer that is none, so that a server in trouble is not hammered.
_PAUSE_S: Final = 0.05
#: Single payments are made so many at a time.
_BLOCK: Final = 256


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. ``rate`` in payments/s, 0 = bounded, with ``in_flight`` requests on their way.

    ``format``: ``arrow``, ``json``, or ``single``, which is one payment a request.
    """

    url: str
    ca_file: str
    key: str
    accounts_file: str
    seconds: float
    warm_up_s: float
    seed: int
    zipf_exponent: float
    batch: int = 1
    rate: float = 0.0
    in_flight: int = 6
    connections: int = 16
    format: str = "arrow"


class Generator:
    """Makes requests, sends them, and has what comes back counted."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._draw = Draw(np.load(load.accounts_file), load.zipf_exponent, np.random.default_rng(load.seed))
        self._requests = _FORMS[load.format](load, self._draw)
        self._on_their_way = 0
        self._until_s = 0.0
        self._all_here = asyncio.Event()

    async def run(self) -> LoadResult:
        """Send for warm-up and measured time, and wait for what is on its way."""
        load = self._load
        async with Wires(access_to(load.url, load.ca_file, load.key), load.connections) as self._wires:
            gc.freeze()
            cpu_s, start_s = time.process_time(), time.perf_counter()
            self._until_s = start_s + load.warm_up_s + load.seconds
            self._tally = Tally(load.format, load.batch, start_s + load.warm_up_s, self._until_s, by_due=load.rate > 0)
            await (self._by_schedule(start_s) if load.rate else self._bounded())
            ended_unix_s = time.time()
            await self._wait_for_all()
            return self._tally.result(time.process_time() - cpu_s, ended_unix_s)

    async def _by_schedule(self, start_s: float) -> None:
        number, batch, rate = 0, self._load.batch, self._load.rate
        request = next(self._requests)  # made ahead of its time
        while (due_s := start_s + number * batch / rate) < self._until_s:
            await asyncio.sleep(max(due_s - time.perf_counter(), 0.0))  # also when late: answers must be heard
            number += 1
            if self._wires.waiting * batch >= _MOST_WAITING:
                self._tally.unsent += batch
                continue
            self._send(request, due_s, self._arrived)
            request = next(self._requests)

    async def _bounded(self) -> None:
        for _ in range(self._load.in_flight):
            self._next()
        await asyncio.sleep(self._until_s - time.perf_counter())

    def _next(self) -> None:
        if (now_s := time.perf_counter()) < self._until_s:
            self._send(next(self._requests), now_s, self._and_the_next)

    def _send(self, request: bytes, due_s: float, then: Callable[[int], None]) -> None:
        def done(status: int, body: bytes) -> None:
            self._on_their_way -= 1
            self._tally.take(status, body, due_s, time.perf_counter())
            then(status)

        self._on_their_way += 1
        self._wires.send(request, done)

    def _arrived(self, _: int) -> None:
        if not self._on_their_way:
            self._all_here.set()

    def _and_the_next(self, status: int) -> None:
        if status in (BROKEN, 429, 503):
            asyncio.get_running_loop().call_later(_PAUSE_S, self._next)
        else:
            self._next()
        self._arrived(status)

    async def _wait_for_all(self) -> None:
        """What is not answered in time is lost to us."""
        deadline_s = time.perf_counter() + _GRACE_S
        while self._on_their_way and (left_s := deadline_s - time.perf_counter()) > 0:
            self._all_here.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._all_here.wait()
            except TimeoutError:
                self._tally.errors += self._on_their_way * self._load.batch


def _arrow_requests(load: Load, draw: Draw) -> Iterator[bytes]:
    head = post_head(access_to(load.url, load.ca_file, load.key), "/v1/batch", columns.MEDIA_TYPE, columns.MEDIA_TYPE)
    writer = columns.ColumnWriter(load.batch)
    while True:
        yield post(head, writer.body(draw.payments(load.batch, local.now_ms())))


def _json_requests(load: Load, draw: Draw) -> Iterator[bytes]:
    head = post_head(access_to(load.url, load.ca_file, load.key), "/v1/batch", bodies.MEDIA_TYPE)
    while True:
        yield post(head, bodies.batch_body(draw.payments(load.batch, local.now_ms())))


def _single_requests(load: Load, draw: Draw) -> Iterator[bytes]:
    head = post_head(access_to(load.url, load.ca_file, load.key), "/v1/payments", bodies.MEDIA_TYPE)
    while True:
        for body in bodies.single_bodies(draw.payments(_BLOCK, local.now_ms())):
            yield post(head, body)


_FORMS: Final = {"arrow": _arrow_requests, "json": _json_requests, "single": _single_requests}
FORMATS: Final = tuple(_FORMS)


def main() -> None:
    """Read a load, run it, write the result."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(Generator(load).run())
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
