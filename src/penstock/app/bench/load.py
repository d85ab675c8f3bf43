"""The load generator, a process of its own: ``python -m penstock.app.bench.load`` with a ``Load`` as JSON on standard input.

Two ways: *open loop*, where batches leave by a schedule whatever the answers do, and latency counts
from the scheduled time; and *bounded*, where a fixed number of batches is always on its way, which
finds the highest rate that is sustained.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import numpy as np

from penstock.app import local
from penstock.app.bench.bodies import AMOUNTS, PAY, Zipf
from penstock.kit.client import Access, AsyncClient

_CONNECTIONS: Final = 16
#: Open loop: more batches than this on their way are not sent but counted as errors; so memory is bounded.
_MOST_WAITING: Final = 2_000


class Load(msgspec.Struct, frozen=True):
    """What to send. ``rate`` in payments/s, 0 = bounded, with ``in_flight`` batches on their way."""

    url: str
    ca_file: str
    key: str
    accounts_file: str
    batch: int
    seconds: float
    warm_up_s: float
    rate: float
    in_flight: int
    seed: int
    zipf_exponent: float


class LoadResult(msgspec.Struct):
    """What came of it, within the measured time (after warm-up). Latencies in ms, per batch."""

    seconds: float
    payments: int
    payments_per_second: float
    latency_ms: dict[str, float]
    errors: int
    pushed_back: int
    reasons: dict[str, int]
    cpu_s: float
    distinct_pairs_drawn: int


class _Item(msgspec.Struct):
    reason: str


_OK: Final = b'"reason":"ok"'
_ITEMS: Final = msgspec.json.Decoder(list[_Item])


class Generator:
    """Makes bodies, sends them, and counts what comes back."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._chance = np.random.default_rng(load.seed)
        self._accounts = np.load(load.accounts_file)
        self._zipf = Zipf(len(self._accounts), load.zipf_exponent, self._chance)
        self._reasons: Counter[str] = Counter()
        self._latencies_ms: list[float] = []
        self._errors = self._pushed_back = self._drawn = self._payments = 0
        self._measuring_from_s = 0.0
        self._ended_s = 0.0
        self._cpu_from_s = 0.0

    async def run(self) -> LoadResult:
        """Send for warm-up and measured time, and wait for what is on its way."""
        access = Access(self._load.url, Path(self._load.ca_file), self._load.key)
        async with AsyncClient(access, connections=_CONNECTIONS, timeout_s=60) as api:
            self._cpu_from_s, start_s = time.process_time(), time.perf_counter()
            self._measuring_from_s = start_s + self._load.warm_up_s
            self._ended_s = self._measuring_from_s + self._load.seconds
            await (self._by_schedule(api, start_s) if self._load.rate else self._bounded(api))
        return self._result()

    def body(self) -> bytes:
        """The next batch."""
        payers, payees = self._zipf.pairs(self._load.batch)
        self._drawn += self._load.batch
        amounts = self._chance.integers(*AMOUNTS, size=self._load.batch)
        return PAY.body(local.now_ms(), self._chance, (self._accounts[payers], self._accounts[payees]), amounts)

    async def _by_schedule(self, api: AsyncClient, start_s: float) -> None:
        waiting: set[asyncio.Task[None]] = set()
        number = 0
        while (due_s := start_s + number * self._load.batch / self._load.rate) < self._ended_s:
            number += 1
            body = self.body()  # made ahead of its time
            if (pause_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(pause_s)
            if len(waiting) >= _MOST_WAITING:
                self._errors += self._load.batch
                continue
            task = asyncio.create_task(self._send(api, body, due_s))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        await asyncio.gather(*waiting)

    async def _bounded(self, api: AsyncClient) -> None:
        async def one_after_the_other() -> None:
            while (now_s := time.perf_counter()) < self._ended_s:
                await self._send(api, self.body(), now_s)

        await asyncio.gather(*(one_after_the_other() for _ in range(self._load.in_flight)))

    async def _send(self, api: AsyncClient, body: bytes, due_s: float) -> None:
        try:
            status, content = await api.send_bytes("/v1/batch", body)
        except httpx.TransportError:
            self._errors += self._load.batch
            return
        now_s = time.perf_counter()
        if status == 429:
            self._pushed_back += self._load.batch
        elif status != 200:
            self._errors += self._load.batch
        elif self._measuring_from_s <= (now_s if not self._load.rate else due_s) and now_s <= self._ended_s + _GRACE_S:
            self._count(content, now_s, due_s)

    def _count(self, content: bytes, now_s: float, due_s: float) -> None:
        if content.count(_OK) == self._load.batch:  # most answers; ten times cheaper than decoding
            self._reasons["ok"] += self._load.batch
        else:
            self._reasons.update(item.reason for item in _ITEMS.decode(content))
        self._latencies_ms.append(1000 * (now_s - due_s))
        if now_s <= self._ended_s:
            self._payments += self._load.batch

    def _result(self) -> LoadResult:
        found = np.array(self._latencies_ms or [0.0])
        latency = {"p50": float(np.quantile(found, 0.5)), "p99": float(np.quantile(found, 0.99)), "max": float(found.max())}
        return LoadResult(
            seconds=self._load.seconds,
            payments=self._payments,
            payments_per_second=round(self._payments / self._load.seconds, 1),
            latency_ms={name: round(value, 2) for name, value in latency.items()},
            errors=self._errors,
            pushed_back=self._pushed_back,
            reasons=dict(self._reasons),
            cpu_s=round(time.process_time() - self._cpu_from_s, 3),
            distinct_pairs_drawn=self._drawn,
        )


#: Open loop: answers of batches sent in the measured time count for latency however late they are, up to this.
_GRACE_S: Final = 60.0


def encode(value: Any) -> bytes:
    """The JSON of a load or its result."""
    return msgspec.json.encode(value)


def main() -> None:
    """Read a load, run it, write the result."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(encode(asyncio.run(Generator(load).run())))


if __name__ == "__main__":
    main()
