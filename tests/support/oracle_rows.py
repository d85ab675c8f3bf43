"""What the oracle knows of journal rows: the marks of an attempt, scores, labels, and simple parts of the vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Kind
from penstock.contracts.features import SLOT_OF, Entity, Measure
from penstock.contracts.row import ROW
from penstock.contracts.states import State
from penstock.journal import reader
from penstock.process.lane import Lane
from support.oracle import Oracle

HASHES = ("instrument", "device", "network", "place", "category")
_MARKS = (*HASHES, "latitude_e4", "longitude_e4", "channel", "factors", "verification")
_SEEN = {role: SLOT_OF[Entity[role.upper()], Measure.SEEN] for role in ("payer", "payee")}


def rows_of(lane: Lane) -> NDArray[Any]:
    """All of a lane's rows."""
    connection, number = lane.writer.connection, lane.settings.lane
    return np.concatenate(list(reader.read_rows(connection, number, 0, lane.last_seq, 1_000)))


def compare_rows(one: NDArray[Any], other: NDArray[Any]) -> None:
    """Two lanes that were told the same have the same rows, to the last bit of every vector."""
    assert len(one) == len(other)
    for name in set(ROW.names or ()) - {"lane"}:
        wrong = np.flatnonzero((one[name] != other[name]).reshape(len(one), -1).any(axis=1))
        assert not len(wrong), f"{name} of rows {one['seq'][wrong[:5]]}: {one[name][wrong[:5]]} and {other[name][wrong[:5]]}"


def compare_judged(rows: NDArray[Any], oracle: Oracle) -> None:
    """The rows are those of the oracle's attempts, labels and models, and no others are."""
    book = oracle.book
    assert set(rows["seq"][rows["feature_registry"] > 0].tolist()) == set(book.attempts)
    assert not rows["features"][rows["feature_registry"] == 0].any(), "a vector without an attempt"
    done = rows["state"] != State.DECLINED
    assert set(rows["seq"][(rows["kind"] == Kind.LABEL) & done].tolist()) == set(book.labelled)
    published = rows[(rows["kind"] == Kind.PUBLISH_MODEL) & done]
    assert dict(zip(published["seq"].tolist(), published["model_version"].tolist(), strict=True)) == book.published
    _compare_attempts(rows, oracle)
    _compare_labels(rows, oracle)


def _compare_attempts(rows: NDArray[Any], oracle: Oracle) -> None:
    for seq, attempt in oracle.book.attempts.items():
        row = rows[seq - 1]
        assert (row["seq"], row["kind"], row["payer_account"]) == (seq, Kind.PAY, attempt.payer)
        assert {name: int(row[name]) for name in _MARKS} == {name: getattr(attempt.command, name) for name in _MARKS}
        assert row["model_version"] == attempt.model
        assert abs(float(row["score"]) - attempt.score) < 0.002, seq
        vector = row["features"].view(np.float16).astype(float)
        assert np.isfinite(vector).all()
        assert abs(vector[_SEEN["payer"]] - math.log2(1 + attempt.payer_seen)) < 0.01
        expected = math.log2(1 + attempt.payee_seen) if attempt.payee else -1
        assert abs(vector[_SEEN["payee"]] - expected) < 0.01


def _compare_labels(rows: NDArray[Any], oracle: Oracle) -> None:
    copied = (*HASHES, "payer_account", "payee_account", "customer", "purse", "currency", "payment_type")
    for seq, label in oracle.book.labelled.items():
        row, payment = rows[seq - 1], rows[label.payment - 1]
        assert (row["ref_seq"], row["option"], row["was"]) == (label.payment, label.option, label.was)
        assert (row["from_us"], row["ref_prev_seq"], row["state"]) == (payment["time_us"], 0, State.DONE)
        assert {name: int(row[name]) for name in copied} == {name: int(payment[name]) for name in copied}
