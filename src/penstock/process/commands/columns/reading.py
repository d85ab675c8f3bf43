"""From the body of a request to columns that are safe to look at: every length, offset and index has been checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kit.arrow_frames import BadStream, Frames, walk
from penstock.kit.http.problem import Problem, wrong_field
from penstock.process.commands.columns import schema

#: Words of one dictionary: all that a column can say are fewer.
MOST_WORDS: Final = 1_000
#: Record batches of one stream, so that a body of empty ones costs no more than its rows would.
MOST_PARTS: Final = 64
#: Those, the schema and the dictionaries.
_MOST_MESSAGES: Final = 1 + len(schema.DICTIONARIES) + MOST_PARTS
#: What pyarrow raises for bytes that it cannot read.
_UNREADABLE: Final = (pa.ArrowException, OSError, EOFError, ValueError, KeyError, IndexError, TypeError, NotImplementedError)
_NO_BYTES: Final = np.frombuffer(b"", dtype=np.uint8)


class Column(NamedTuple):
    """One column of ``n`` rows: which rows say something, and what.

    ``values`` are (n,) numbers or truths, (n, width) bytes, or the n + 1 offsets of texts into ``text``, or the n
    indices of words. What stands where nothing is said means nothing, and may lie anywhere.
    """

    said: NDArray[np.bool_]
    values: NDArray[Any]
    text: NDArray[np.uint8] = _NO_BYTES
    words: tuple[str | None, ...] = ()


class Part(NamedTuple):
    """A record batch: its columns by name, its rows, and the number of its first row among all."""

    columns: Mapping[str, Column]
    rows: int
    first: int

    def refuse(self, bad: NDArray[np.bool_], column: str, problem: str, fix: str) -> None:
        """Refuse the first row that is bad.

        :raises Problem: 422, naming ``items[row].column``.
        """
        if bad.any():
            raise wrong_field(self.name(int(bad.argmax()), column), problem, fix)

    def name(self, row: int, column: str) -> str:
        """A value as a problem names it."""
        return f"items[{self.first + row}].{column}"


def read(body: bytes, most_rows: int) -> list[Part]:
    """Read a whole stream, without the batches that have no rows.

    :raises Problem: 400 when it is none, 413 when it is too large, 422 when its columns are not those of payments.
    """
    try:
        frames = walk(body, _MOST_MESSAGES)
        _check_sizes(frames, most_rows)
        stream = pa.ipc.open_stream(pa.py_buffer(body))
        schema.check(stream.schema)
        batches = [_checked(stream.read_next_batch()) for _ in frames.rows]
        return list(_parts(batches))
    except BadStream as error:
        raise _malformed(str(error)) from error
    except _UNREADABLE as error:
        raise _malformed(f"{str(error)[:200]}. Write the stream anew with an Arrow library") from error


def _check_sizes(frames: Frames, most_rows: int) -> None:
    rows = sum(frames.rows)
    if rows > most_rows:
        detail = f"{rows} commands; at most {most_rows} go into one batch. Nothing was done; send several batches."
        raise Problem(413, "batch_too_large", "The batch is too large", detail)
    if max(frames.words, default=0) > MOST_WORDS:
        detail = f"A dictionary holds {max(frames.words)} words; at most {MOST_WORDS}. Nothing was done; send those that are used."
        raise Problem(413, "batch_too_large", "The batch is too large", detail)


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    batch.validate(full=True)
    return batch


def _malformed(detail: str) -> Problem:
    return Problem(400, "malformed_arrow", "The body is not an Arrow stream that can be read", f"{detail}. Nothing was done.")


def _parts(batches: list[pa.RecordBatch]) -> Iterator[Part]:
    first = 0
    for batch in batches:
        if batch.num_rows:
            columns = {name: _column(batch.column(place)) for place, name in enumerate(batch.schema.names)}
            yield Part(columns, batch.num_rows, first)
            first += batch.num_rows


def _column(array: pa.Array) -> Column:
    assert array.offset == 0, "a batch of a stream begins at its buffers' beginning"
    rows, kind = len(array), array.type
    if pa.types.is_dictionary(kind):
        indices = array.indices
        return Column(_said(indices, rows), _numbers(indices, np.int32, rows), words=tuple(array.dictionary.to_pylist()))
    said = _said(array, rows)
    if pa.types.is_string(kind):
        return _texts(said, array.buffers(), rows)
    if pa.types.is_boolean(kind):
        return Column(said, _bits(array.buffers()[1], rows))
    if pa.types.is_fixed_size_binary(kind):
        letters = _view(array.buffers()[1], np.uint8, rows * kind.byte_width)
        return Column(said, letters.reshape(rows, kind.byte_width))
    return Column(said, _numbers(array, kind.to_pandas_dtype(), rows))


def _texts(said: NDArray[np.bool_], buffers: list[pa.Buffer | None], rows: int) -> Column:
    """Kernels check no bounds, so this promise of the reader's is checked once more."""
    offsets, text = _view(buffers[1], np.int32, rows + 1), _view(buffers[2], np.uint8, -1)
    if offsets[0] < 0 or offsets[-1] > len(text) or (offsets[1:] < offsets[:-1]).any():
        raise BadStream("the offsets of a text column lie outside its text; write the stream anew")
    return Column(said, offsets, text)


def _said(array: pa.Array, rows: int) -> NDArray[np.bool_]:
    bits = array.buffers()[0]
    return np.ones(rows, np.bool_) if bits is None else _bits(bits, rows)


def _bits(buffer: pa.Buffer, rows: int) -> NDArray[np.bool_]:
    return np.unpackbits(_view(buffer, np.uint8, -1), count=rows, bitorder="little").view(np.bool_)


def _numbers(array: pa.Array, kind: Any, rows: int) -> NDArray[Any]:
    return _view(array.buffers()[1], kind, rows)


def _view(buffer: pa.Buffer | None, kind: Any, count: int) -> NDArray[Any]:
    """A buffer as an array, without a copy; -1 = all of it.

    :raises ValueError: when it is shorter.
    """
    array = np.frombuffer(b"" if buffer is None else buffer, dtype=kind, count=count)
    array.flags.writeable = False  # always, as to a kernel it is another type than one that may be written to
    return array
