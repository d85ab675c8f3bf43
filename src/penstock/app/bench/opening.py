"""Open many accounts with money through the public API, in large batches, a few at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from penstock.app import local
from penstock.app.bench.bodies import DEPOSIT, OPEN_ACCOUNT, OPEN_CUSTOMER, Bytes, letters
from penstock.kit.client import Access, AsyncClient, NoAnswer

_CHUNK: Final = 5_000
_AT_ONCE: Final = 3
_TRIES: Final = 50


class _Opened(msgspec.Struct):
    reason: str
    customer: str = ""
    account: str = ""


_OPENED: Final = msgspec.json.Decoder(list[_Opened])


async def open_accounts(access: Access, accounts: int, seed: int, report: Callable[[str, int, int], None]) -> Bytes:
    """Open customers with one account of 5,000,000.00 CNY each; the accounts' public ids as letters (accounts, 17)."""
    sizes = [min(_CHUNK, accounts - first) for first in range(0, accounts, _CHUNK)]
    chance = [np.random.default_rng([seed, number]) for number in range(len(sizes))]
    gate = asyncio.Semaphore(_AT_ONCE)
    done = 0
    async with AsyncClient(access, timeout_s=120) as api:

        async def one(number: int) -> Bytes:
            nonlocal done
            async with gate:
                opened = await _open_chunk(api, sizes[number], chance[number])
            done += sizes[number]
            report("opening accounts", done, accounts)
            return opened

        return np.concatenate(await asyncio.gather(*(one(number) for number in range(len(sizes)))))


async def _open_chunk(api: AsyncClient, count: int, chance: np.random.Generator) -> Bytes:
    customers = await _send(api, OPEN_CUSTOMER.body(local.now_ms(), chance, count=count))
    named = letters([outcome.customer for outcome in customers])
    opened = letters([outcome.account for outcome in await _send(api, OPEN_ACCOUNT.body(local.now_ms(), chance, (named,)))])
    await _send(api, DEPOSIT.body(local.now_ms(), chance, (opened,)))
    return opened


async def _send(api: AsyncClient, body: bytes) -> list[_Opened]:
    """Send a batch until it is taken; every command must take effect."""
    for attempt in range(_TRIES):
        status, content = await api.send_bytes("/v1/batch", body)
        if status == 200:
            outcomes = _OPENED.decode(content)
            refused = {outcome.reason for outcome in outcomes} - {"ok"}
            if refused:
                raise NoAnswer(f"opening accounts: {', '.join(refused)}; give the home room with PENSTOCK_CUSTOMERS_MAX and _ACCOUNTS_MAX")
            return outcomes
        if status not in (429, 503):
            raise NoAnswer(f"opening accounts: HTTP {status} {content[:300]!r}")
        await asyncio.sleep(0.1 * (attempt + 1))
    raise NoAnswer(f"opening accounts: pushed back {_TRIES} times; is the lane running?")
