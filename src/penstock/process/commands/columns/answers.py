"""The way out in columns: from ``REPLY`` records to one Arrow IPC stream, a row for each payment in its order."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from penstock.contracts import ids as public
from penstock.contracts.commands import NEVER_US, Status
from penstock.contracts.ids import PublicIds
from penstock.contracts.words import REASONS, STATES
from penstock.process.commands.columns.schema import OUTCOMES

#: The status of an outcome by its number in the lane, from 1.
_STATUSES: Final = {int(status): status.name.lower() for status in (Status.DONE, Status.REPLAYED, Status.REFUSED)}
_REFUSED: Final = int(Status.REFUSED)
#: The state of what was refused without a trace: of no row, so it has no number of the journal.
_NO_STATE: Final = max(STATES) + 1


class _Words:
    """A dictionary column's words, and their places by the numbers that stand for them."""

    def __init__(self, words: dict[int, str], column: str) -> None:
        index = OUTCOMES.field(column).type.index_type.to_pandas_dtype()
        self.words = pa.array(list(words.values()), pa.utf8())
        self.places = np.zeros(max(words) + 1, index)
        self.places[list(words)] = range(len(words))

    def column(self, numbers: NDArray[np.int16]) -> pa.Array:
        """The column of the words that the numbers stand for."""
        return pa.DictionaryArray.from_arrays(pa.array(self.places[numbers]), self.words)


_STATUS: Final = _Words(_STATUSES, "status")
_STATE: Final = _Words({**STATES, _NO_STATE: "refused"}, "state")
_REASON: Final = _Words(REASONS, "reason")
#: Columns that are fields of the reply, by the field's name.
_PLAIN: Final = {
    "reason_code": "reason", "seq": "seq", "as_of_seq": "as_of_seq", "amount_minor": "amount_minor",
    "held_minor": "held_minor", "moved_minor": "moved_minor", "fee_minor": "fee_minor", "model_version": "model_version",
}  # fmt: skip


def encode(replies: NDArray[Any], commands: NDArray[Any], ids: PublicIds) -> bytes:
    """The outcomes of a batch of payments.

    :param replies: ``REPLY`` records (rows,) to ``commands``, the ``COMMAND`` records (rows,).
    """
    status, reason = replies["status"], replies["reason"]
    done = status != _REFUSED
    score, expires = replies["score"], replies["expires_us"]
    payments = ids.encode_column(public.Kind.PAYMENT, np.where(done, replies["seq"], 0))
    columns = {
        "id": _fixed("id", command_ids(commands)),
        "status": _STATUS.column(status),
        "state": _STATE.column(np.where(done, replies["state"], _NO_STATE)),
        "reason": _REASON.column(reason),
        "payment": _fixed("payment", payments, done),
        "time": _fixed("time", replies["time_us"], done),
        "refundable_minor": pa.array(np.where(done & (reason == 0), replies["left_minor"], 0)),
        "expires": _fixed("expires", expires, done & (expires > 0) & (expires < NEVER_US)),
        "score": _fixed("score", score, done & (replies["model_version"] != 0) & (score >= 0)),
        **{name: pa.array(np.ascontiguousarray(replies[field])) for name, field in _PLAIN.items()},
    }
    return _stream(pa.record_batch([columns[name] for name in OUTCOMES.names], schema=OUTCOMES))


def command_ids(commands: NDArray[Any]) -> NDArray[Any]:
    """The ids of commands as the 16 bytes of each, in halves (n, 2)."""
    halves = np.empty((len(commands), 2), ">i8")
    halves[:, 0], halves[:, 1] = commands["id_hi"], commands["id_lo"]
    return halves


def _fixed(name: str, values: NDArray[Any], said: NDArray[np.bool_] | None = None) -> pa.Array:
    """A column of values of one width, null where nothing is said."""
    bits = None if said is None or said.all() else pa.py_buffer(np.packbits(said, bitorder="little"))
    buffers = [bits, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(OUTCOMES.field(name).type, len(values), buffers)


def _stream(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, OUTCOMES) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]
