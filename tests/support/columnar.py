"""Payments as callers make them, once as JSON items and once in columns, with everything that a payment can say."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from penstock.contracts import ids as public
from penstock.contracts.ids import PublicIds, make_uuid7
from penstock.process.commands.columns.schema import COLUMNS, REQUIRED

IDS = PublicIds(bytes(range(16)))
EXTRAS = ("extra_1", "extra_2", "extra_3", "extra_4")
WORDS = {
    "currency": ["CNY", "USD", "EUR", "HKD", "JPY"],
    "type": ["transfer", "purchase", "bill"],
    "arrival": ["instant", "ordinary", "next_day"],
    "channel": ["app", "web", "pos", "qr", "atm", "phone", "branch", "api"],
    "factors": ["", "password", "sms face", "password password", "pin sms totp device passkey fingerprint face certificate"],
}
TEXTS = ("instrument", "device", "network", "place", "category")
ADDRESSES = ["198.51.100.7", "2001:db8::7", "2001:db8:0:0:ffff::", "::ffff:198.51.100.7", "no:address", "网络", "a" * 200, "é" * 200]


def account(index: int) -> bytes:
    return IDS.encode(public.Kind.ACCOUNT, index).encode()


def bare(chance: random.Random) -> dict[str, Any]:
    """A row that says no more than it must."""
    return {
        "id": make_uuid7(chance.randrange(2**48), chance.randbytes(10)).bytes,
        "payer": account(chance.randrange(1, 2**48)),
        "payee": account(chance.randrange(1, 2**48)),
        "amount_minor": chance.randrange(1, 10**12 + 1),
        "currency": chance.choice(WORDS["currency"]),
        "type": chance.choice(WORDS["type"]),
    }


def row(chance: random.Random, silence: float = 0.4) -> dict[str, Any]:
    """A row that says anything that may be said; each thing is left out with the chance of ``silence``."""
    said: dict[str, Any] = {
        "arrival": chance.choice(WORDS["arrival"]),
        "channel": chance.choice(WORDS["channel"]),
        "factors": chance.choice(WORDS["factors"]),
        "reference": chance.choice(["", "lunch", "午饭", '"\\\n\u2028', "é" * 140]),
        **{name: chance.choice(["x", "é" * 150, "\0", "t" * 128, "u" * 129, str(chance.random())]) for name in TEXTS},
        "network": chance.choice(ADDRESSES),
        **{name: chance.choice([0.0, -0.0, 1.5, -1e300, 5e-324, chance.gauss(0, 1000)]) for name in EXTRAS},
    }
    if chance.random() < 0.5:
        said |= {"latitude": chance.choice([-90.0, 90.0, chance.uniform(-90, 90), 0.00005]), "longitude": chance.uniform(-180, 180)}
    if chance.random() < 0.3:
        said |= {"hold_only": True, "arrival": "instant", "hold_lifetime_s": chance.randrange(1, 366 * 86_400 + 1)}
    elif chance.random() < 0.5:
        said["hold_only"] = False
    kept = {name: value for name, value in said.items() if chance.random() > silence}
    if ("latitude" in kept) != ("longitude" in kept):
        kept |= {name: said[name] for name in ("latitude", "longitude")}
    if "hold_only" not in kept:
        kept.pop("hold_lifetime_s", None)
    return {**bare(chance), **kept}


def stream(rows: Sequence[dict[str, Any]], columns: Sequence[str] = (), parts: Sequence[int] = ()) -> bytes:
    """Rows as a body: with these columns and the required ones, empty = all; in record batches of so many rows."""
    names = [name for name in COLUMNS if not columns or name in columns or name in REQUIRED]
    schema = pa.schema([(name, COLUMNS[name]) for name in names])
    whole = pa.RecordBatch.from_pylist(list(rows), schema)  # slices of one batch have one dictionary
    ends = itertools.accumulate(parts or [len(rows)])
    return written(*(whole.slice(end - count, count) for count, end in zip(parts or [len(rows)], ends, strict=True)))


def written(*batches: pa.RecordBatch, **options: Any) -> bytes:
    """Record batches of one schema as a stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def item(said: dict[str, Any]) -> dict[str, Any]:
    """A row as an item of a JSON batch."""
    as_is = {name: value for name, value in said.items() if name not in {*EXTRAS, "latitude", "longitude", "factors"}}
    found: dict[str, Any] = {
        **as_is, "command": "pay", "id": str(uuid.UUID(bytes=said["id"])),
        "payer": said["payer"].decode(), "payee": said["payee"].decode(),
    }  # fmt: skip
    if "latitude" in said:
        found["location"] = {"latitude": said["latitude"], "longitude": said["longitude"]}
    if any(name in said for name in EXTRAS):
        found["extras"] = [said.get(name) for name in EXTRAS]
    if "factors" in said:
        found["factors"] = said["factors"].split()
    return found
