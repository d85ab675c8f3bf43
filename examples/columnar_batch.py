# ruff: noqa: INP001, T201 - a script for a terminal, no part of the package
r"""Payments in columns: write a batch as an Arrow stream, send it, read the outcomes (docs/api.md, "Batches in columns").

    PENSTOCK_KEY=psk_… python examples/columnar_batch.py acc_… acc_…   # payer and payee; both may be the same client's

Needs httpx and pyarrow. ``write_batch``, ``read_outcomes`` and ``new_id`` may be copied into a program of your own.
The address and the CA file come from PENSTOCK_URL and PENSTOCK_CA.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pyarrow as pa

URL = os.environ.get("PENSTOCK_URL", "https://localhost:8443")
CA_FILE = os.environ.get("PENSTOCK_CA", "var/tls/ca.pem")
MEDIA_TYPE = "application/vnd.apache.arrow.stream"
WORD = pa.dictionary(pa.int32(), pa.utf8())
#: Every column there is, in its order. The first six are always needed.
TYPES = {
    "id": pa.binary(16), "payer": pa.binary(17), "payee": pa.binary(17), "amount_minor": pa.int64(),
    "currency": WORD, "type": WORD,
    "arrival": WORD, "hold_only": pa.bool_(), "hold_lifetime_s": pa.int32(),
    "instrument": pa.utf8(), "device": pa.utf8(), "network": pa.utf8(), "place": pa.utf8(), "category": pa.utf8(),
    "latitude": pa.float64(), "longitude": pa.float64(), "channel": WORD,
    "extra_1": pa.float64(), "extra_2": pa.float64(), "extra_3": pa.float64(), "extra_4": pa.float64(),
    "factors": WORD, "reference": pa.utf8(),
}  # fmt: skip


def write_batch(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """The body of a request: columns by name, each a sequence of values, None = not said; a word column is of texts."""
    names = [name for name in TYPES if name in columns]
    arrays = [_array(columns[name], TYPES[name]) for name in names]
    batch = pa.record_batch(arrays, names=names)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == WORD:
        return pa.array(values, pa.utf8()).dictionary_encode()
    return pa.array(values, kind)


def read_outcomes(body: bytes) -> pa.Table:
    """The outcomes, one row for each payment in its order."""
    return pa.ipc.open_stream(body).read_all()


def new_id() -> bytes:
    """The 16 bytes of a UUIDv7: 48 bits of time, then chance. Keep it: sent again, it has the same outcome."""
    number = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    return (number & ~(0xF << 76) & ~(3 << 62) | 7 << 76 | 2 << 62).to_bytes(16, "big")


def send(http: httpx.Client, body: bytes) -> pa.Table:
    """Send a batch and read its outcomes.

    :raises RuntimeError: with the problem, when nothing was done or nobody knows; then send the same bytes again.
    """
    answer = http.post("/v1/batch", content=body, headers={"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE})
    if answer.status_code != 200:
        raise RuntimeError(answer.text)
    return read_outcomes(answer.content)


def main() -> None:
    """Send three payments and print their outcomes."""
    payer, payee = sys.argv[1:]
    body = write_batch({
        "id": [new_id() for _ in range(3)],
        "payer": [payer.encode()] * 3,
        "payee": [payee.encode()] * 3,
        "amount_minor": [100, 250, 1200],
        "currency": ["CNY"] * 3,
        "type": ["purchase"] * 3,
        "device": ["phone-7", "phone-7", None],
        "network": ["198.51.100.7"] * 3,
    })  # fmt: skip
    tls = ssl.create_default_context(cafile=CA_FILE)
    headers = {"Authorization": f"Bearer {os.environ['PENSTOCK_KEY']}"}
    with httpx.Client(base_url=URL, verify=tls, headers=headers) as http:
        for outcome in send(http, body).to_pylist():
            print(uuid.UUID(bytes=outcome["id"]), outcome["status"], outcome["state"], outcome["reason"], outcome["payment"])


if __name__ == "__main__":
    main()
