"""Compiling or loading the kernels of columns before an edge serves anybody, on a batch of one payment."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from penstock.contracts import ids as public
from penstock.contracts.commands import REPLY, Status
from penstock.contracts.ids import PublicIds, make_uuid7
from penstock.contracts.marks import KEY_BYTES, KINDS, Marks
from penstock.process.commands.columns import answers
from penstock.process.commands.columns.reading import read
from penstock.process.commands.columns.schema import COLUMNS, REQUIRED
from penstock.process.commands.columns.translating import translate_parts
from penstock.process.commands.records import Terms


def warm_columns() -> None:
    """Take one payment the whole way in and out, so that each kernel is called with the types of an edge's requests."""
    ids, marks = PublicIds(bytes(16)), Marks(bytes(KEY_BYTES))
    ids.decode(public.Kind.ACCOUNT, ids.encode(public.Kind.ACCOUNT, 1))  # as single commands do
    commands, _ = translate_parts(read(_stream(ids), 1), ids, Terms(1, {}, 1_000, marks))
    replies = np.zeros(1, REPLY)
    replies["status"], replies["seq"] = Status.DONE, 1
    answers.encode(replies, commands, ids)


def _stream(ids: PublicIds) -> bytes:
    account = ids.encode(public.Kind.ACCOUNT, 1).encode()
    required = dict(zip(REQUIRED, (make_uuid7(1, bytes(10)).bytes, account, account, 1, "CNY", "bill"), strict=True))
    schema = pa.schema([(name, kind) for name, kind in COLUMNS.items() if name in {*REQUIRED, *KINDS}])
    batch = pa.RecordBatch.from_pylist([{**required, **dict.fromkeys(KINDS, "-")}], schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


if __name__ == "__main__":
    warm_columns()
