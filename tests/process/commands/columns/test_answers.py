"""Outcomes in columns say what the outcomes in JSON say."""

from __future__ import annotations

import random
import uuid
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.columnar import IDS, bare, stream

from penstock.contracts.commands import NEVER_US, REPLY, Kind, Status
from penstock.contracts.marks import Marks
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.process.commands.columns.answers import encode
from penstock.process.commands.columns.reading import read
from penstock.process.commands.columns.schema import OUTCOMES
from penstock.process.commands.columns.translating import translate_parts
from penstock.process.commands.outcome import outcomes
from penstock.process.commands.records import Terms

NUMBERS = ("amount_minor", "held_minor", "moved_minor", "fee_minor", "left_minor")


def made(chance: random.Random, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Commands, and replies to them of every kind."""
    commands, _ = translate_parts(read(stream([bare(chance) for _ in range(count)]), count), IDS, Terms(1, {}, 99, Marks(bytes(32))))
    replies = np.zeros(count, REPLY)
    replies["kind"], replies["payment_type"], replies["currency"] = Kind.PAY, 1, 156
    for reply in replies:
        reply["as_of_seq"], reply["status"] = chance.randrange(2**48), chance.choice((1, 1, 2, 3))
        if reply["status"] == Status.REFUSED:
            reply["reason"] = chance.choice((Reason.ID_CONFLICT, Reason.ID_EXPIRED, Reason.ID_FROM_FUTURE))
            continue
        reply["seq"], reply["time_us"] = chance.randrange(1, 2**48), chance.randrange(1, 2**52)
        reply["ref_seq"] = reply["seq"]
        reply["state"], reply["reason"] = chance.choice(list(State)), chance.choice((Reason.OK, chance.choice(list(Reason))))
        reply["expires_us"] = chance.choice((0, NEVER_US, chance.randrange(1, 2**52)))
        reply["score"], reply["model_version"] = chance.choice(((0, 0), (-1, 3), (chance.random(), 7)))
        for name in NUMBERS:
            reply[name] = chance.randrange(10**12)
    return commands, replies


def _as_in_json(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the columns as the members that an outcome in JSON has."""
    refused = row["status"] == "refused"
    found = {
        "id": str(uuid.UUID(bytes=row["id"])), "state": row["state"], "reason": row["reason"], "reason_code": row["reason_code"],
        "as_of_seq": row["as_of_seq"], "replayed": row["status"] == "replayed",
    }  # fmt: skip
    if refused:
        assert row["payment"] is row["time"] is row["expires"] is row["score"] is None
        assert row["seq"] == 0
        return found
    found |= {name: row[name] for name in ("seq", "amount_minor", "held_minor", "moved_minor", "fee_minor", "model_version")}
    found |= {"payment": row["payment"].decode(), "time": row["time"], "score": row["score"]}
    found["refundable_minor"] = row["refundable_minor"] if row["reason"] == "ok" else 0
    found["expires"] = row["expires"]
    return found


def _as_in_columns(outcome: dict[str, Any]) -> dict[str, Any]:
    kept = {
        "id", "state", "reason", "reason_code", "as_of_seq", "replayed", "seq", "amount_minor", "held_minor", "moved_minor",
        "fee_minor", "model_version", "payment", "time", "score", "refundable_minor", "expires",
    }  # fmt: skip
    found = {name: value for name, value in outcome.items() if name in kept}
    if outcome["state"] == "refused" and "seq" not in outcome:
        return found
    found.setdefault("refundable_minor", 0)
    found.setdefault("expires", None)
    return {
        **found,
        **{name: found[name] and datetime.fromisoformat(found[name]) for name in ("time", "expires")},
        "score": None if found["score"] is None else float(np.float32(found["score"])),
    }


@given(st.integers(0, 2**64), st.integers(1, 40))
@settings(deadline=None, max_examples=60)
def test_both_forms_say_the_same(seed: int, count: int) -> None:
    commands, replies = made(random.Random(seed), count)
    stream_read = pa.ipc.open_stream(encode(replies, commands, IDS))
    assert stream_read.schema == OUTCOMES
    table = stream_read.read_all()
    table.validate(full=True)
    ids = [str(uuid.UUID(bytes=each)) for each in table.column("id").to_pylist()]
    told = msgspec.json.decode(msgspec.json.encode(outcomes(replies, ids, IDS)))
    for row, outcome in zip(table.to_pylist(), told, strict=True):
        ours, theirs = _as_in_json(row), _as_in_columns(outcome)
        if ours.get("score") is not None:
            assert abs(ours.pop("score") - theirs.pop("score")) < 1e-6
        assert ours == theirs


def test_no_rows_are_a_stream_without_rows() -> None:
    commands, replies = made(random.Random(1), 1)
    table = pa.ipc.open_stream(encode(replies[:0], commands[:0], IDS)).read_all()
    assert (table.num_rows, table.schema) == (0, OUTCOMES)


def test_a_byte_counts_the_reasons() -> None:
    assert OUTCOMES.field("reason").type.index_type == (pa.int8() if len(Reason) <= 127 else pa.int16())
